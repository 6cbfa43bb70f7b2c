//! A run as reports see it: the same whether it has just ended or was read back from its directory.

use serde_json::{Map, Value};
use twinrack_scenario::record::{RunRecord, Series, Summary};

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
        for event in &self.events {
            let Some(id) = event.get("migration").and_then(Value::as_u64) else {
                continue;
            };
            if text(event, "kind") == "migration_requested" {
                stories.push(MigrationStory::requested(id, event));
            } else if let Some(story) = stories.iter_mut().find(|story| story.id == id) {
                story.see(event);
            }
        }
        stories
    }
}

/// What the events tell of one migration. Times are seconds since the start of the run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MigrationStory {
    /// Its number.
    pub id: u64,
    /// The VM.
    pub vm: String,
    /// From.
    pub from: String,
    /// To.
    pub to: String,
    /// How: live, `post_copy`, quick.
    pub how: String,
    /// When it was asked for.
    pub requested_s: f64,
    /// When it began.
    pub started_s: Option<f64>,
    /// When the VM was paused.
    pub paused_s: Option<f64>,
    /// When it ran again.
    pub resumed_s: Option<f64>,
    /// When it ended.
    pub ended_s: Option<f64>,
    /// The rounds: (pages, bytes, seconds, end).
    pub rounds: Vec<RoundStory>,
    /// How it ended.
    pub outcome: String,
    /// Why, if it did not complete.
    pub reason: Option<String>,
    /// Bytes sent.
    pub bytes: f64,
    /// Brown-out.
    pub brownout_s: f64,
    /// Downtime.
    pub downtime_s: f64,
}

/// One round of pre-copy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundStory {
    /// Its number, from 1.
    pub round: u64,
    /// Pages sent.
    pub pages: f64,
    /// Bytes sent.
    pub bytes: f64,
    /// How long it took.
    pub seconds: f64,
    /// When it ended.
    pub end_s: f64,
}

impl MigrationStory {
    fn requested(id: u64, event: &Map<String, Value>) -> Self {
        Self {
            id,
            vm: text(event, "vm"),
            from: text(event, "from"),
            to: text(event, "to"),
            how: text(event, "how"),
            requested_s: seconds(event, "t_ns"),
            ..Self::default()
        }
    }

    fn see(&mut self, event: &Map<String, Value>) {
        let now = seconds(event, "t_ns");
        match text(event, "kind").as_str() {
            "migration_started" => self.started_s = Some(now),
            "migration_paused" => self.paused_s = Some(now),
            "migration_resumed" => self.resumed_s = Some(now),
            "migration_round" => self.rounds.push(RoundStory {
                round: number(event, "round") as u64,
                pages: number(event, "pages"),
                bytes: number(event, "bytes"),
                seconds: seconds(event, "nanos"),
                end_s: now,
            }),
            "migration_ended" => {
                self.ended_s = Some(now);
                self.outcome = text(event, "outcome");
                self.reason = event.get("reason").and_then(Value::as_str).map(ToOwned::to_owned);
                self.bytes = self.bytes.max(number(event, "bytes"));
                self.brownout_s = seconds(event, "brownout_nanos");
                self.downtime_s = seconds(event, "downtime_nanos");
            }
            // What crossed the wire; the end tells only of rounds that were finished.
            "transferred" => self.bytes = number(event, "sent"),
            _ => {}
        }
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

fn seconds(event: &Map<String, Value>, key: &str) -> f64 {
    number(event, key) / 1e9
}
