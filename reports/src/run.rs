//! A run as reports see it: the same whether it has just ended or was read back from its directory.

pub mod migration;
pub mod phase;

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use twinrack_scenario::record::{RunRecord, Series, Summary};

pub use migration::{BlackoutStory, MigrationStory, RoundStory};
pub use phase::{Phase, PhaseKind};

/// A run's record with names in place of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The summary.
    pub summary: Summary,
    /// The events in order, each as its line of `events.jsonl`.
    pub events: Vec<Map<String, Value>>,
    /// The series.
    pub series: Series,
    /// The resolved scenario.
    pub scenario_yaml: String,
}

impl Run {
    /// From a body's record.
    pub fn of(record: &RunRecord) -> Self {
        Self {
            summary: record.summary.clone(),
            events: crate::record_dir::events::named(record),
            series: record.series.clone(),
            scenario_yaml: record.scenario_yaml.clone(),
        }
    }

    /// The migrations of the run, in the order they were asked for.
    pub fn migrations(&self) -> Vec<MigrationStory> {
        let mut stories: Vec<MigrationStory> = Vec::new();
        let mut places: BTreeMap<u64, usize> = BTreeMap::new();
        for event in &self.events {
            let Some(id) = event.get("migration").and_then(Value::as_u64) else {
                continue;
            };
            if text(event, "kind") == "migration_requested" {
                places.insert(id, stories.len());
                stories.push(MigrationStory::requested(id, event));
            } else if let Some(story) = places.get(&id).and_then(|place| stories.get_mut(*place)) {
                story.see(event);
            }
        }
        stories
    }
}

/// A text of an event; empty when it has none of that name.
pub fn text(event: &Map<String, Value>, key: &str) -> String {
    event
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// A number of an event; 0 when it has none of that name.
pub fn number(event: &Map<String, Value>, key: &str) -> f64 {
    event.get(key).and_then(Value::as_f64).unwrap_or(0.0)
}

/// Nanoseconds of an event in seconds; 0 when it has none of that name.
pub fn seconds(event: &Map<String, Value>, key: &str) -> f64 {
    number(event, key) / 1e9
}
