//! A migration in phases: one after another, they account for all of its time.

use super::MigrationStory;

/// What a phase is to the VM and to who waits for the migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhaseKind {
    /// A host is busy; nothing happens.
    Waiting,
    /// Under way; the VM runs.
    UnderWay,
    /// The VM stands still.
    BlackOut,
}

/// A phase of a migration. Times are seconds since the start of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: PhaseKind,
    /// When it begins.
    pub begin_s: f64,
    /// When it ends.
    pub end_s: f64,
    /// Pages and bytes sent, where the events tell.
    pub sent: Option<(f64, f64)>,
}

impl Phase {
    /// How long it took, in seconds.
    pub fn seconds(&self) -> f64 {
        self.end_s - self.begin_s
    }
}

impl MigrationStory {
    /// Its phases in order of time, as far as it came; one that was under way when the run ended is cut there.
    pub fn phases(&self, run_end_s: f64) -> Vec<Phase> {
        let end = self.ended_s.unwrap_or(run_end_s);
        let started = self.started_s.unwrap_or(end);
        let mut phases = Phases::from(self.requested_s);
        phases.until(started, "wait", PhaseKind::Waiting);
        if self.started_s.is_none() {
            return phases.list;
        }
        for round in &self.rounds {
            let before = if round.round == 1 {
                "set up"
            } else {
                "between rounds"
            };
            phases.until(round.end_s - round.seconds, before, PhaseKind::UnderWay);
            let name = format!("round {}", round.round);
            phases.until(round.end_s, &name, PhaseKind::UnderWay);
            if let Some(phase) = phases.list.last_mut() {
                phase.sent = Some((round.pages, round.bytes));
            }
        }
        if let Some(paused) = self.paused_s {
            let before = if self.rounds.is_empty() {
                "set up"
            } else {
                "between rounds"
            };
            phases.until(paused, before, PhaseKind::UnderWay);
            let resumed = self.resumed_s.unwrap_or(end);
            let handed_over = self.handed_over_s.unwrap_or(resumed).min(resumed);
            phases.until(handed_over, "stop, hand over", PhaseKind::BlackOut);
            phases.until(resumed, "resume", PhaseKind::BlackOut);
        }
        let after = match (self.resumed_s, self.how.as_str()) {
            (Some(_), "post_copy") => "pages follow",
            (Some(_), _) => "clean up",
            (None, _) => "until it ended",
        };
        phases.until(end, after, PhaseKind::UnderWay);
        phases.list
    }
}

/// Phases that follow on each other.
struct Phases {
    now_s: f64,
    list: Vec<Phase>,
}

impl Phases {
    /// Shorter than this there is no phase: times are integer nanoseconds, read as fractions of seconds.
    const NONE_S: f64 = 0.5e-9;

    const fn from(now_s: f64) -> Self {
        Self {
            now_s,
            list: Vec::new(),
        }
    }

    fn until(&mut self, end_s: f64, name: &str, kind: PhaseKind) {
        if end_s - self.now_s < Self::NONE_S {
            return;
        }
        self.list.push(Phase {
            name: name.to_owned(),
            kind,
            begin_s: self.now_s,
            end_s,
            sent: None,
        });
        self.now_s = end_s;
    }
}
