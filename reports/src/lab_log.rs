//! The log of a lab: what hosts wrote down of a run, as newline-delimited JSON, and the record that is made of it.
//!
//! ```text
//! {"log": "twinrack-lab-1", "scenario": "name: …", "seed": 1, "span_ns": 6000000000, "hosts": […], "load": "…"}
//! {"t_ns": 1000000000, "kind": "migration_started", "migration": 0, "by": "n1"}        an event, in the words of `events.jsonl`
//! {"t_s": 0.1, "entity": "host:n1", "metric": "utilisation", "value": 0.25}            a sample of a time series
//! {"figure": "cpu.utilisation.mean", "value": 0.25}                                    a figure that no event tells
//! ```
//!
//! The first line is the [`Header`]; all others may stand in any number. An event's time is that of the log's clock, or of the
//! host named by `by`, whose clock the header relates to it. Figures that follow from the events are computed from them by the
//! same code as a run's own ([`Story`]), so a log must not state them.

mod causes;
mod line;
mod place;
mod write;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twinrack_scenario::Scenario;
use twinrack_scenario::fault::{Fault, Sources};
use twinrack_scenario::read::{Lookup, Rejected, read_for};
use twinrack_scenario::record::figure::{Figure, Source};
use twinrack_scenario::record::{
    Digest, Figures, HostFacts, Imported, Provenance, RunRecord, Series, Story, Summary,
};
use twinrack_scenario::spec::expect::Backend;
use twinrack_scenario::units::SimTime;

use line::{Line, Reader, Stated};
use place::Place;
pub use write::written;

/// Version of the form.
pub const LOG: &str = "twinrack-lab-1";

/// The first line of a log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`LOG`].
    pub log: String,
    /// The scenario that was carried out, as YAML.
    pub scenario: String,
    /// The seed of the brain's draws; that of the scenario when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What the log covers, in nanoseconds; the scenario's duration when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_ns: Option<u64>,
    /// The hosts and their clocks, by their names in the scenario.
    #[serde(default)]
    pub hosts: Vec<HostFacts>,
    /// What other work there was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<String>,
    /// Kinds of figures that could not be told, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unavailable: BTreeMap<String, String>,
}

/// Makes a record of a log; `name` is shown in messages, and profiles and traces of its scenario are looked for with `lookup`.
///
/// Every fault is told at once, each with its line.
pub fn read(name: &str, text: &str, lookup: &dyn Lookup) -> Result<RunRecord, Box<Rejected>> {
    let mut sources = Sources::default();
    let source = sources.add(name, text);
    let mut lines = Place::lines(source, text);
    let mut faults = Vec::new();
    let Some((place, first)) = lines.next() else {
        faults.push(Fault::of_input("the log is empty", "expected a header and events").help(HEADER_HELP));
        return Err(Box::new(Rejected::new(faults, sources)));
    };
    let header = match header(place, first) {
        Ok(header) => header,
        Err(fault) => {
            faults.push(*fault);
            return Err(Box::new(Rejected::new(faults, sources)));
        }
    };
    let scenario = read_for(
        Backend::Kvm,
        &format!("the scenario of {name}"),
        &header.scenario,
        lookup,
        &[],
    )?;
    let mut reader = Reader::new(&scenario, &header, place, first);
    let stated: Vec<Stated> = lines
        .filter_map(|(place, line)| reader.read(place, line))
        .collect();
    let (record, more) = record(&header, &scenario, stated, text);
    reader.faults.extend(more);
    match record {
        Some(record) if reader.faults.is_empty() => Ok(record),
        _ => Err(Box::new(Rejected::new(reader.faults, sources))),
    }
}

const HEADER_HELP: &str = "the first line is {\"log\": \"twinrack-lab-1\", \"scenario\": \"…\", \"hosts\": […]}; \
                           `twinrack report RUN --format log` writes one";

fn header(place: Place, line: &str) -> Result<Header, Box<Fault>> {
    let header: Header = serde_json::from_str(line).map_err(|error| {
        Fault::new(
            place.at(&error),
            format!("this is no header of a log: {error}"),
            "expected a header",
        )
        .help(HEADER_HELP)
    })?;
    if header.log == LOG {
        return Ok(header);
    }
    let what = format!(
        "a log of the form `{}`",
        twinrack_scenario::fault::shortened(&header.log)
    );
    let fault = Fault::new(place.of(line, "log"), what, format!("expected `{LOG}`"));
    Err(Box::new(fault.help(HEADER_HELP)))
}

/// The record, and what is wrong with the lines taken together.
fn record(
    header: &Header,
    scenario: &Scenario,
    stated: Vec<Stated>,
    text: &str,
) -> (Option<RunRecord>, Vec<Fault>) {
    let span = header.span_ns.unwrap_or(scenario.spec.duration.value.as_nanos());
    let (mut events, mut series) = (Vec::new(), Series::default());
    let mut given = Vec::new();
    for line in stated {
        match line.line {
            Line::Event(event) => events.push((line.place, event)),
            Line::Sample {
                entity,
                metric,
                mut sample,
            } => {
                (sample.entity, sample.metric) = (series.entity(&entity), series.metric(&metric));
                series.samples.push(sample);
            }
            Line::Figure(name, figure) => given.push((line.place, name, figure)),
        }
    }
    let ordered = causes::in_order(events, SimTime::from_nanos(span));
    let mut faults = ordered.faults;
    let mut figures = Figures::measured();
    Story::of(&ordered.events).tell(&mut figures);
    let kpis = with_given(figures.into_inner(), given, &mut faults);
    if !faults.is_empty() {
        return (None, faults);
    }
    let mut digest = Digest::default();
    ordered.events.iter().for_each(|event| digest.event(event));
    let digest = digest.finish(&kpis);
    let seed = header.seed.unwrap_or(scenario.spec.seed);
    let mut summary = Summary::of(
        scenario,
        Backend::Kvm,
        seed,
        digest,
        SimTime::from_nanos(span),
        kpis,
    );
    summary.unavailable.clone_from(&header.unavailable);
    summary.made_on = Some(Provenance {
        hosts: header.hosts.clone(),
        load: header.load.clone(),
        imported: Some(Imported {
            blake3: blake3::hash(text.as_bytes()).to_hex().to_string(),
            events: ordered.events.len() as u64,
            moved: ordered.moved,
            moved_ns: ordered.moved_ns,
        }),
    });
    let record = RunRecord {
        summary,
        events: ordered.events,
        series,
        hosts: scenario.hosts.clone(),
        vms: scenario.vms.clone(),
        scenario_yaml: scenario.yaml.clone(),
    };
    (Some(record), faults)
}

/// Figures that no event tells, beside those that follow from the events.
fn with_given(
    mut kpis: BTreeMap<String, Figure>,
    given: Vec<(Place, String, Figure)>,
    faults: &mut Vec<Fault>,
) -> BTreeMap<String, Figure> {
    for (place, name, figure) in given {
        if kpis.insert(name.clone(), figure).is_some() {
            let what = format!("`{name}` is stated, but there is one already");
            let expected = "expected each figure once, and none that follows from the events";
            faults.push(Fault::new(place.line(), what, expected).help("leave the line out"));
        }
    }
    kpis
}

/// How a figure of a log came about when its line does not say.
fn source_of(kind: &twinrack_scenario::record::FigureKind) -> Source {
    match kind.source {
        Source::Modelled => Source::Measured,
        source => source,
    }
}

#[cfg(test)]
mod tests;
