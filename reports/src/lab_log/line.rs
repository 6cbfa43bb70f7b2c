//! One line of a log: an event with names, a sample, or a figure; and all that can be wrong with it by itself.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use twinrack_scenario::fault::{FAULTS_MAX, Fault, shortened, suggestion};
use twinrack_scenario::record::figure::{Figure, Source, kind_of, names};
use twinrack_scenario::record::{ClockFacts, EventRecord, Sample};
use twinrack_scenario::{Fleet, Scenario};

use super::place::Place;
use super::{Header, source_of};
use crate::record_dir::events::{HOST_KEYS, VM_KEY};

/// The key of an event that names the host by whose clock it was seen.
const BY: &str = "by";

/// What a line says.
#[derive(Debug)]
pub enum Line {
    /// An event.
    Event(Seen),
    /// A sample, whose entity and metric have no numbers yet.
    Sample {
        /// Its entity.
        entity: String,
        /// Its metric.
        metric: String,
        /// Time and value.
        sample: Sample,
    },
    /// A figure.
    Figure(String, Figure),
}

/// An event by the log's clock.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What happened, and when by the log's clock.
    pub record: EventRecord,
    /// Whose clock it was seen by; the log's own when absent.
    pub by: Option<String>,
    /// How far that clock may be off the log's, in nanoseconds.
    pub error_ns: u64,
}

/// A line and its place.
#[derive(Debug)]
pub struct Stated {
    /// Where.
    pub place: Place,
    /// What.
    pub line: Line,
}

/// Reads lines for a scenario, and gathers what is wrong with them.
pub struct Reader<'a> {
    scenario: &'a Scenario,
    clocks: BTreeMap<&'a str, ClockFacts>,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SampleLine {
    t_s: f64,
    entity: String,
    metric: String,
    value: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FigureLine {
    figure: String,
    value: f64,
    source: Option<Source>,
}

impl<'a> Reader<'a> {
    /// For the lines behind a header.
    pub fn new(scenario: &'a Scenario, header: &'a Header, place: Place, first: &str) -> Self {
        let mut reader = Self {
            scenario,
            clocks: BTreeMap::new(),
            faults: Vec::new(),
        };
        for host in &header.hosts {
            if scenario.hosts.find_one(&host.name).is_none() {
                let fault = unknown("host", &host.name, &scenario.hosts);
                reader.faults.push(Fault {
                    span: Some(place.of(first, "hosts")),
                    ..fault
                });
            }
            if reader.clocks.insert(&host.name, host.clock).is_some() {
                let what = format!("host `{}` is described twice", shortened(&host.name));
                let fault = Fault::new(place.of(first, "hosts"), what, "expected each host once");
                reader.faults.push(fault.help("leave one of them out"));
            }
        }
        reader
    }

    /// What a line says; nothing, and one fault more, when it says nothing that can be understood.
    pub fn read(&mut self, place: Place, line: &str) -> Option<Stated> {
        if self.faults.len() >= FAULTS_MAX {
            return None;
        }
        match self.understood(place, line) {
            Ok(line) => Some(Stated { place, line }),
            Err(fault) => {
                self.faults.push(*fault);
                None
            }
        }
    }

    fn understood(&self, place: Place, line: &str) -> Result<Line, Box<Fault>> {
        let map: Map<String, Value> = serde_json::from_str(line).map_err(|error| {
            let what = format!("this is no JSON object: {error}");
            Fault::new(place.at(&error), what, "expected one object a line")
                .help("a line that was cut short by a crash of who wrote it can be left out")
        })?;
        if map.contains_key("figure") {
            return figure(place, line);
        }
        if map.contains_key("metric") {
            return sample(place, line);
        }
        self.event(place, line, map).map(Line::Event)
    }

    fn event(&self, place: Place, line: &str, mut map: Map<String, Value>) -> Result<Seen, Box<Fault>> {
        let fault = |key: &str, what: String, expected: &str| Fault::new(place.of(line, key), what, expected);
        let Some(kind) = map.get("kind").and_then(Value::as_str).map(ToOwned::to_owned) else {
            let expected = "expected an event with its `kind`, a sample with its `metric`, or a `figure`";
            return Err(Box::new(
                fault("kind", "nothing says what this line is".to_owned(), expected)
                    .help("events have the kinds of `events.jsonl`, such as \"kind\": \"migration_round\""),
            ));
        };
        if !KINDS.contains(&kind.as_str()) {
            let what = format!("there is no event of kind `{}`", shortened(&kind));
            let fault = fault("kind", what, "expected a kind of `events.jsonl`");
            return Err(Box::new(fault.help(suggestion(&kind, KINDS))));
        }
        let by = self.clock_of(place, line, map.remove(BY))?;
        self.number(place, line, &mut map)?;
        let record: EventRecord = serde_json::from_value(Value::Object(map.clone())).map_err(|error| {
            let what = format!("`{kind}` can't be read: {error}");
            let key = named(&error.to_string()).unwrap_or("kind".to_owned());
            fault(
                &key,
                what,
                "expected the keys and units that this kind has in `events.jsonl`",
            )
            .help("times are whole nanoseconds (`…_ns`, `nanos`), sizes whole bytes or pages")
        })?;
        let known = serde_json::to_value(&record).unwrap_or_default();
        if let Some(key) = map.keys().find(|key| known.get(key.as_str()).is_none()) {
            let what = format!("`{kind}` has no key `{}`", shortened(key));
            let keys = known
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, _)| key.as_str());
            return Err(Box::new(
                fault(key, what, "expected no other keys").help(suggestion(key, keys)),
            ));
        }
        self.on_the_logs_clock(place, line, record, by)
    }

    /// The host by whose clock an event was seen.
    fn clock_of(&self, place: Place, line: &str, by: Option<Value>) -> Result<Option<String>, Box<Fault>> {
        let Some(by) = by else { return Ok(None) };
        let Value::String(name) = by else {
            let what = format!("`{BY}` is {by}");
            return Err(Box::new(Fault::new(
                place.of(line, BY),
                what,
                "expected the name of a host of the header",
            )));
        };
        if self.clocks.contains_key(name.as_str()) {
            return Ok(Some(name));
        }
        let what = format!("the header tells of no clock of `{}`", shortened(&name));
        let fault = Fault::new(place.of(line, BY), what, "expected a host of the header");
        let help = format!(
            "add {{\"name\": …, \"clock\": {{\"offset_ns\": …, \"error_ns\": …}}}} to `hosts` of the header; {}",
            suggestion(&name, self.clocks.keys().copied())
        );
        Err(Box::new(fault.help(help)))
    }

    /// Puts numbers in the place of names.
    fn number(&self, place: Place, line: &str, map: &mut Map<String, Value>) -> Result<(), Box<Fault>> {
        let hosts = HOST_KEYS.map(|key| (key, "host", &self.scenario.hosts));
        for (key, what, fleet) in hosts.into_iter().chain([(VM_KEY, "VM", &self.scenario.vms)]) {
            let Some(value) = map.get_mut(key) else { continue };
            let Some(name) = value.as_str() else {
                let what = format!("`{key}` is {}", shortened(&value.to_string()));
                let fault = Fault::new(place.of(line, key), what, "expected a name of the scenario");
                return Err(Box::new(fault));
            };
            let Some(index) = fleet.find_one(name) else {
                let fault = unknown(what, name, fleet);
                return Err(Box::new(Fault {
                    span: Some(place.of(line, key)),
                    ..fault
                }));
            };
            *value = Value::from(index);
        }
        Ok(())
    }

    fn on_the_logs_clock(
        &self,
        place: Place,
        line: &str,
        mut record: EventRecord,
        by: Option<String>,
    ) -> Result<Seen, Box<Fault>> {
        let clock = by
            .as_deref()
            .and_then(|by| self.clocks.get(by))
            .copied()
            .unwrap_or_default();
        let at = i128::from(record.t_ns) - i128::from(clock.offset_ns);
        // What the clocks' error alone puts before the start happened at it.
        let at = if at < 0 && at >= -i128::from(clock.error_ns) {
            0
        } else {
            at
        };
        record.t_ns = u64::try_from(at).map_err(|_| {
            let what = format!("by the log's clock this is {at} ns: not within the run");
            Fault::new(
                place.of(line, "t_ns"),
                what,
                "expected a time since the start of the run",
            )
            .help("look at `offset_ns` of the host's clock: it is how far it is ahead of the log's")
        })?;
        Ok(Seen {
            record,
            by,
            error_ns: clock.error_ns,
        })
    }
}

fn unknown(what: &str, name: &str, fleet: &Fleet) -> Fault {
    let shown: Vec<String> = fleet.shown_names().collect();
    let help = suggestion(name, shown.iter().map(String::as_str));
    let told = format!("the scenario has no {what} `{}`", shortened(name));
    Fault::of_input(told, format!("expected one {what} of the scenario")).help(help)
}

/// The key that a reader of JSON complains of.
fn named(error: &str) -> Option<String> {
    error.split('`').nth(1).map(ToOwned::to_owned)
}

fn sample(place: Place, line: &str) -> Result<Line, Box<Fault>> {
    let line: SampleLine = serde_json::from_str(line).map_err(|error| {
        let what = format!("this sample can't be read: {error}");
        Fault::new(
            place.at(&error),
            what,
            "expected `t_s`, `entity`, `metric` and `value`",
        )
        .help("such as {\"t_s\": 0.1, \"entity\": \"host:n1\", \"metric\": \"utilisation\", \"value\": 0.25}")
    })?;
    Ok(Line::Sample {
        entity: line.entity,
        metric: line.metric,
        sample: Sample {
            t_s: line.t_s,
            entity: 0,
            metric: 0,
            value: line.value,
        },
    })
}

fn figure(place: Place, line: &str) -> Result<Line, Box<Fault>> {
    let read: FigureLine = serde_json::from_str(line).map_err(|error| {
        let what = format!("this figure can't be read: {error}");
        Fault::new(
            place.at(&error),
            what,
            "expected `figure`, `value` and perhaps `source`",
        )
        .help("such as {\"figure\": \"cpu.utilisation.mean\", \"value\": 0.25}")
    })?;
    let Some(kind) = kind_of(&read.figure) else {
        let what = format!("there is no figure `{}`", shortened(&read.figure));
        let names: Vec<String> = names().collect();
        let fault = Fault::new(
            place.of(line, "figure"),
            what,
            "expected a figure of the reference",
        );
        return Err(Box::new(
            fault.help(suggestion(&read.figure, names.iter().map(String::as_str))),
        ));
    };
    let figure = Figure {
        value: read.value,
        unit: kind.unit.to_owned(),
        source: read.source.unwrap_or(source_of(kind)),
    };
    Ok(Line::Figure(read.figure, figure))
}

/// The kinds of events.
pub const KINDS: [&str; 26] = [
    "vm_started",
    "vm_stopped",
    "vm_lost",
    "vm_refused",
    "action_refused",
    "migration_requested",
    "migration_queued",
    "migration_warned",
    "migration_started",
    "migration_round",
    "migration_paused",
    "migration_handed_over",
    "migration_resumed",
    "migration_blackout",
    "migration_faulted",
    "migration_ended",
    "transferred",
    "host_up",
    "host_down",
    "host_booting",
    "host_crashed",
    "maintenance_started",
    "maintenance_reached",
    "maintenance_ended",
    "cores_parked",
    "link_changed",
];
