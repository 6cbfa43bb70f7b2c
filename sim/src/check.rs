//! Checkers: they watch the journal and know what must never happen; the models don't know them.

pub mod answered;
pub mod bytes;
pub mod capacity;
pub mod energy;
pub mod one_host;
pub mod time_forward;

use std::cell::RefCell;
use std::rc::Rc;

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

/// Watches records of type `R` as they are written.
pub trait Checker<R> {
    /// Its name.
    fn name(&self) -> &'static str;
    /// Looks at one record.
    fn see(&mut self, at: SimTime, record: &R) -> Result<(), Violation>;
    /// Looks back at the end of the run.
    fn finish(&mut self, at: SimTime) -> Result<(), Violation>;
}

/// A checker that somebody else holds too, to ask it at the end.
impl<R, C: Checker<R>> Checker<R> for Rc<RefCell<C>> {
    fn name(&self) -> &'static str {
        self.borrow().name()
    }

    fn see(&mut self, at: SimTime, record: &R) -> Result<(), Violation> {
        self.borrow_mut().see(at, record)
    }

    fn finish(&mut self, at: SimTime) -> Result<(), Violation> {
        self.borrow_mut().finish(at)
    }
}

#[cfg(test)]
mod tests;
