//! Events side by side: those of one kind and subject in the order they came, and how far the two clocks are apart at each.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::run::{Run, number, seconds, text};

/// An event that both runs have, or one of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Aligned {
    /// Its kind.
    pub kind: String,
    /// Whom it happened to.
    pub subject: String,
    /// The how manyth of its kind it was for that subject, from 1.
    pub ordinal: usize,
    /// When it was in the simulation, in seconds since the start; nothing when it was not.
    pub simulated_s: Option<f64>,
    /// When it was in the lab.
    pub measured_s: Option<f64>,
}

impl Aligned {
    /// How far the simulation is ahead in time of the lab: negative when it had the event earlier.
    pub fn apart_s(&self) -> Option<f64> {
        Some(self.simulated_s? - self.measured_s?)
    }

    /// In words: `round 2 of vm`.
    pub fn what(&self) -> String {
        let kind = self
            .kind
            .strip_prefix("migration_")
            .unwrap_or(&self.kind)
            .replace('_', " ");
        match (kind.as_str(), self.ordinal) {
            ("round", ordinal) => format!("round {ordinal} of {}", self.subject),
            (_, 1) => format!("{kind}: {}", self.subject),
            (_, ordinal) => format!("{kind}: {}, time {ordinal}", self.subject),
        }
    }
}

/// All events of two runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Alignment {
    /// In the order of the lab; what the simulation alone has stands by its own time.
    pub events: Vec<Aligned>,
}

impl Alignment {
    /// How many events both have.
    pub fn both(&self) -> usize {
        self.events
            .iter()
            .filter(|event| event.apart_s().is_some())
            .count()
    }

    /// The event at which the clocks are farthest apart.
    pub fn farthest(&self) -> Option<&Aligned> {
        let apart = |event: &&Aligned| event.apart_s().map_or(-1.0, f64::abs);
        self.events
            .iter()
            .filter(|event| event.apart_s().is_some())
            .max_by(|a, b| apart(a).total_cmp(&apart(b)))
    }

    /// How far the clocks are apart in the median, without sign.
    pub fn median_s(&self) -> f64 {
        let apart: Vec<f64> = self
            .events
            .iter()
            .filter_map(Aligned::apart_s)
            .map(f64::abs)
            .collect();
        crate::twin::quantile(&apart, 0.5)
    }
}

/// Kinds that one body tells of and the other has no such thing.
const OF_ONE_BODY: [&str; 2] = ["migration_blackout", "host_power"];

/// What tells an event from all others of its run.
type Key = (String, String, usize);

/// Lays two runs side by side.
pub fn align(simulated: &Run, lab: &Run) -> Alignment {
    let (of_simulated, of_lab) = (keyed(simulated), keyed(lab));
    let keys: BTreeSet<&Key> = of_simulated.keys().chain(of_lab.keys()).collect();
    let mut events: Vec<(f64, usize, Aligned)> = keys
        .into_iter()
        .map(|key| {
            let (simulated, lab) = (of_simulated.get(key), of_lab.get(key));
            let stands = lab.or(simulated).copied().unwrap_or((0.0, 0));
            let aligned = Aligned {
                kind: key.0.clone(),
                subject: key.1.clone(),
                ordinal: key.2,
                simulated_s: simulated.map(|at| at.0),
                measured_s: lab.map(|at| at.0),
            };
            (stands.0, stands.1, aligned)
        })
        .collect();
    events.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    Alignment {
        events: events.into_iter().map(|(.., event)| event).collect(),
    }
}

/// The events of a run by what tells them apart: when each was, and the how manyth of all.
fn keyed(run: &Run) -> BTreeMap<Key, (f64, usize)> {
    let moved: BTreeMap<u64, String> = run
        .migrations()
        .into_iter()
        .map(|story| (story.id, story.vm))
        .collect();
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut keyed = BTreeMap::new();
    for (place, event) in run.events.iter().enumerate() {
        let kind = text(event, "kind");
        if OF_ONE_BODY.contains(&kind.as_str()) {
            continue;
        }
        let subject = subject(event, &moved);
        let count = counts.entry((kind.clone(), subject.clone())).or_default();
        *count += 1;
        keyed.insert((kind, subject, *count), (seconds(event, "t_ns"), place));
    }
    keyed
}

/// Whom an event happened to: the VM of a migration, a VM, a host.
fn subject(event: &Map<String, Value>, moved: &BTreeMap<u64, String>) -> String {
    if event.contains_key("migration") {
        let id = number(event, "migration") as u64;
        return moved.get(&id).cloned().unwrap_or_default();
    }
    let vm = text(event, "vm");
    if vm.is_empty() { text(event, "host") } else { vm }
}
