//! The discrete-event engine: what happens next, when, and in which order; the same on every machine.
//!
//! # A run
//!
//! The world [schedules](Engine::schedule_at) events and takes them back with [`Engine::next`], which moves the clock.
//! Events of one instant come one after another; when [`Engine::peek`] shows a later time, the instant is over and the
//! world settles what is shared (processors, links, power) once for all that happened in it.
//!
//! # The order
//!
//! Events come in the order of (time, priority, sequence): time in whole nanoseconds, priority as the world gives it,
//! sequence as they were scheduled. Nothing else takes part: no address, no hash, no thread. An event scheduled for
//! the present instant comes in this instant, after those of its priority that were there before.
//!
//! # What can go wrong
//!
//! - [`EngineError::InThePast`]: the world scheduled before now. A bug of the world; fatal.
//! - [`EngineError::TooLate`], [`EngineError::TooManyPending`], [`EngineError::TooManyAtOnce`], [`EngineError::TooManyEvents`],
//!   [`EngineError::TooManyRecords`]: a bound of [`Bounds`] was reached, most likely because two parts of the world
//!   answer each other without end. Fatal; the message names the bound, its value and the time.

pub mod bounds;
pub mod journal;
pub mod queue;

pub use bounds::{Bounds, EngineError};
pub use journal::Journal;
pub use queue::{Handle, Priority};
pub use twinrack_scenario::random::{Rng, Streams};

use queue::Queue;
use twinrack_scenario::units::{SimDuration, SimTime};

/// The clock and the pending events.
#[derive(Debug)]
pub struct Engine<E> {
    queue: Queue<E>,
    now: SimTime,
    bounds: Bounds,
    at_once: u64,
    events: u64,
}

impl<E> Engine<E> {
    /// An engine at time zero with nothing to do.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            queue: Queue::new(),
            now: SimTime::ZERO,
            bounds,
            at_once: 0,
            events: 0,
        }
    }

    /// The present instant.
    pub const fn now(&self) -> SimTime {
        self.now
    }

    /// The bounds of the run.
    pub const fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// How many events have been taken.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// How many events are pending.
    pub const fn pending(&self) -> usize {
        self.queue.len()
    }

    /// Schedules an event at an instant that is not over.
    pub fn schedule_at(&mut self, at: SimTime, priority: Priority, event: E) -> Result<Handle, EngineError> {
        if at < self.now {
            return Err(EngineError::InThePast { at, now: self.now });
        }
        let bound = self.bounds.pending_max.min(queue::PENDING_LIMIT);
        if self.queue.held() >= bound {
            return Err(EngineError::TooManyPending { bound, now: self.now });
        }
        self.queue
            .push(at, priority, event)
            .ok_or(EngineError::TooManyEvents {
                bound: queue::SEQUENCE_LIMIT,
                now: self.now,
            })
    }

    /// Schedules an event some time from now.
    pub fn schedule_in(
        &mut self,
        after: SimDuration,
        priority: Priority,
        event: E,
    ) -> Result<Handle, EngineError> {
        self.schedule_at(self.now + after, priority, event)
    }

    /// Takes an event back. A handle whose event has come or was taken back does nothing.
    pub fn cancel(&mut self, handle: Handle) -> Option<E> {
        self.queue.cancel(handle)
    }

    /// When the next event comes.
    pub fn peek(&mut self) -> Option<SimTime> {
        self.queue.peek()
    }

    /// The next event; moves the clock to its time.
    #[expect(clippy::should_implement_trait, reason = "it can fail, and the clock moves")]
    pub fn next(&mut self) -> Result<Option<E>, EngineError> {
        let Some((at, event)) = self.queue.pop() else {
            return Ok(None);
        };
        if at > self.bounds.time_max {
            return Err(EngineError::TooLate {
                bound: self.bounds.time_max,
                at,
            });
        }
        self.at_once = if at == self.now { self.at_once + 1 } else { 1 };
        self.now = at;
        self.events += 1;
        if self.at_once > self.bounds.at_once_max {
            return Err(EngineError::TooManyAtOnce {
                bound: self.bounds.at_once_max,
                now: at,
            });
        }
        if self.events > self.bounds.events_max {
            return Err(EngineError::TooManyEvents {
                bound: self.bounds.events_max,
                now: at,
            });
        }
        Ok(Some(event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_parts_that_answer_each_other_without_end_are_stopped() {
        let mut engine = Engine::new(Bounds {
            at_once_max: 1000,
            ..Bounds::default()
        });
        engine.schedule_at(SimTime::ZERO, 0, ()).expect("room");
        let error = loop {
            match engine.next() {
                Ok(Some(())) => engine.schedule_in(SimDuration::ZERO, 0, ()).expect("room"),
                Ok(None) => panic!("it answers itself"),
                Err(error) => break error,
            };
        };
        assert_eq!(
            error.to_string(),
            "over 1000 events at 0s: two parts answer each other without end"
        );
    }

    #[test]
    fn the_bound_of_pending_events_names_itself() {
        let mut engine = Engine::new(Bounds {
            pending_max: 2,
            ..Bounds::default()
        });
        engine.schedule_at(SimTime::ZERO, 0, ()).expect("room");
        engine.schedule_at(SimTime::ZERO, 0, ()).expect("room");
        let error = engine.schedule_at(SimTime::ZERO, 0, ()).expect_err("full");
        assert_eq!(error.to_string(), "over 2 events pending at 0s");
    }

    #[test]
    fn simulated_time_has_an_end() {
        let last = SimTime::from_secs(10);
        let mut engine = Engine::new(Bounds {
            time_max: last,
            ..Bounds::default()
        });
        let late = last + SimDuration::from_nanos(1);
        engine.schedule_at(late, 0, 2).expect("it may be taken back");
        engine.schedule_at(last, 0, 1).expect("in time");
        assert_eq!(engine.next(), Ok(Some(1)));
        assert_eq!(
            engine.next(),
            Err(EngineError::TooLate {
                bound: last,
                at: late
            })
        );
        assert_eq!(engine.now(), last);
    }

    #[test]
    fn the_past_is_closed() {
        let mut engine = Engine::new(Bounds::default());
        engine.schedule_at(SimTime::from_secs(2), 0, 'a').expect("room");
        assert_eq!(engine.next(), Ok(Some('a')));
        assert!(matches!(
            engine.schedule_at(SimTime::from_secs(1), 0, 'b'),
            Err(EngineError::InThePast { .. })
        ));
    }
}
