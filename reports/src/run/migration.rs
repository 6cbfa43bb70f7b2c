//! What the events tell of one migration.

use serde_json::{Map, Value};

use super::{number, seconds, text};

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
    /// When storage and ownership were handed over: the point of no return.
    pub handed_over_s: Option<f64>,
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
    /// What the black-out consisted of, where the source told.
    pub blackout: Option<BlackoutStory>,
}

/// What a black-out consisted of, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlackoutStory {
    /// Stopping the processors, the last look at the log, reading their state.
    pub stop_s: f64,
    /// From the commit until the target had taken the VM.
    pub commit_s: f64,
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
    /// Pages that were written meanwhile.
    pub dirtied: f64,
    /// How long it took.
    pub seconds: f64,
    /// When it ended.
    pub end_s: f64,
}

impl MigrationStory {
    pub(super) fn requested(id: u64, event: &Map<String, Value>) -> Self {
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

    pub(super) fn see(&mut self, event: &Map<String, Value>) {
        let now = seconds(event, "t_ns");
        match text(event, "kind").as_str() {
            "migration_started" => self.started_s = Some(now),
            "migration_paused" => self.paused_s = Some(now),
            "migration_handed_over" => self.handed_over_s = Some(now),
            "migration_resumed" => self.resumed_s = Some(now),
            "migration_round" => self.rounds.push(RoundStory {
                round: number(event, "round") as u64,
                pages: number(event, "pages"),
                bytes: number(event, "bytes"),
                dirtied: number(event, "dirtied"),
                seconds: seconds(event, "nanos"),
                end_s: now,
            }),
            "migration_blackout" => {
                let parts = ["stop_nanos", "log_nanos", "save_nanos"];
                self.blackout = Some(BlackoutStory {
                    stop_s: parts.iter().map(|part| seconds(event, part)).sum(),
                    commit_s: seconds(event, "commit_nanos"),
                });
            }
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

    /// Seconds from when it was asked for to its end, the end of the run for one that was under way.
    pub fn length_s(&self, run_end_s: f64) -> f64 {
        self.ended_s.unwrap_or(run_end_s) - self.requested_s
    }

    /// How it ended, in words, and why if it did not complete.
    pub fn ending(&self) -> String {
        let outcome = self.outcome.replace('_', " ").replace("vm ", "VM ");
        match &self.reason {
            Some(reason) => format!("{outcome}: {reason}"),
            None if outcome.is_empty() => "under way at the end".to_owned(),
            None => outcome,
        }
    }
}
