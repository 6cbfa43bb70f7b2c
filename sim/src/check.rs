//! Checkers: they watch the journal and know what must never happen; the models don't know them.

pub mod answered;
pub mod bytes;
pub mod capacity;
pub mod counts;
pub mod energy;
pub mod one_host;
pub mod processors;
pub mod time_forward;

use std::collections::BTreeSet;

use twinrack_scenario::MigrationId;
use twinrack_scenario::units::SimTime;

/// Something that must never happen, and did. It is a bug of the simulator, never of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("checker `{checker}` at {at}: {what}; expected {expected}")]
pub struct Violation {
    /// Who found it.
    pub checker: &'static str,
    /// When it happened.
    pub at: SimTime,
    /// What happened.
    pub what: String,
    /// What should have held.
    pub expected: &'static str,
}

impl Violation {
    /// A violation.
    pub fn new(checker: &'static str, at: SimTime, what: impl Into<String>, expected: &'static str) -> Self {
        Self {
            checker,
            at,
            what: what.into(),
            expected,
        }
    }
}

/// What a run tells at its end of what the checkers saw happen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    /// Joules that all hosts drew.
    pub joules: f64,
    /// Seconds that hosts were up, all together.
    pub hosts_up: f64,
    /// Seconds that VMs ran, all together.
    pub vms_running: f64,
    /// Migrations that are under way or wait for their turn.
    pub under_way: BTreeSet<MigrationId>,
}

/// Watches records of type `R` as they are written.
pub trait Checker<R> {
    /// Its name.
    fn name(&self) -> &'static str;
    /// Looks at one record.
    fn see(&mut self, at: SimTime, record: &R) -> Result<(), Violation>;
    /// Looks back at the end of the run, and compares what it saw with what the run tells.
    fn finish(&mut self, at: SimTime, told: &Told) -> Result<(), Violation>;
}

#[cfg(test)]
mod tests;
