//! Bounds: nothing in a run can grow without end; each bound has a name, a unit and a message.

use twinrack_scenario::units::SimTime;
use twinrack_scenario::validate::DURATION_MAX;

/// The bounds of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Last instant that may be reached; the 584 years that 64 bits of nanoseconds can tell are far beyond it, so no sum of times
    /// that matters saturates.
    pub time_max: SimTime,
    /// Most events pending at once, taken-back ones that still hold a place included.
    pub pending_max: usize,
    /// Most events in one instant.
    pub at_once_max: u64,
    /// Most events in a run.
    pub events_max: u64,
    /// Most records kept in the journal; about 100 bytes each.
    pub records_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            time_max: SimTime::ZERO + DURATION_MAX,
            pending_max: 16_000_000,
            at_once_max: 50_000_000,
            events_max: 60_000_000_000,
            records_max: 20_000_000,
        }
    }
}

/// Why the engine stopped. Every variant is fatal for the run; nothing else is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// An event was scheduled before the present.
    #[error("an event was scheduled for {at}, but it is {now} already")]
    InThePast {
        /// Scheduled for.
        at: SimTime,
        /// The present.
        now: SimTime,
    },
    /// [`Bounds::time_max`] was passed.
    #[error("an event at {at}, but simulated time ends at {bound}")]
    TooLate {
        /// The bound.
        bound: SimTime,
        /// When the event would have been.
        at: SimTime,
    },
    /// [`Bounds::pending_max`] was reached.
    #[error("over {bound} events pending at {now}")]
    TooManyPending {
        /// The bound.
        bound: usize,
        /// The present.
        now: SimTime,
    },
    /// [`Bounds::records_max`] was reached.
    #[error("over {bound} records in the journal at {now}: shorten the run, or make what is recorded rarer")]
    TooManyRecords {
        /// The bound.
        bound: usize,
        /// The present.
        now: SimTime,
    },
    /// [`Bounds::at_once_max`] was reached.
    #[error("over {bound} events at {now}: two parts answer each other without end")]
    TooManyAtOnce {
        /// The bound.
        bound: u64,
        /// The present.
        now: SimTime,
    },
    /// [`Bounds::events_max`] was reached.
    #[error("over {bound} events up to {now}")]
    TooManyEvents {
        /// The bound.
        bound: u64,
        /// The present.
        now: SimTime,
    },
}
