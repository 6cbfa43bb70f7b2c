//! An agent's clock against the controller's: compared by round trips at the start, now and then in a run, and at its end.
//!
//! Of a round trip the agent's answer lies somewhere in the middle: half of the trip is the most that the difference can be wrong by, so the
//! quickest of several trips tells best (Cristian, Distributed Computing 3, 1989). A later comparison replaces the one in use
//! only where the two differ by more than both can be wrong: then the clocks have drifted, and what differs less may be the trips' doing.

use std::time::{Duration, Instant};

/// Trips of which the quickest is taken.
pub const TRIPS: u32 = 8;

/// When an agent's clock stood at zero, by ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    zero: Instant,
    /// The most that it can be off.
    error: Duration,
}

/// A clock.
#[derive(Debug, Clone)]
pub struct Clock {
    first: Option<Reading>,
    /// What times are told by.
    present: Reading,
    /// The last whole comparison.
    last: Option<Reading>,
    /// The comparison under way: its quickest trip, and how many it has had.
    best: Option<Reading>,
    trips: u32,
}

/// How far a clock has gone from ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drift {
    /// Since it was first compared.
    pub gone: Duration,
    /// The most that this can be off.
    pub error: Duration,
}

impl Clock {
    /// One that began at `began`, as far as is known before it is compared.
    pub fn new(began: Instant) -> Self {
        let present = Reading {
            zero: began,
            error: Duration::MAX,
        };
        Self {
            first: None,
            present,
            last: None,
            best: None,
            trips: 0,
        }
    }

    /// A question sent and its answer heard, by our clock; the answer was given at `told` by the agent's. Says whether that made a
    /// comparison whole.
    pub fn trip(&mut self, sent: Instant, heard: Instant, told: Duration) -> bool {
        let error = heard.saturating_duration_since(sent) / 2;
        if let Some(zero) = (sent + error).checked_sub(told)
            && self.best.is_none_or(|best| error < best.error)
        {
            self.best = Some(Reading { zero, error });
        }
        self.trips += 1;
        if self.trips < TRIPS {
            return false;
        }
        self.trips = 0;
        if let Some(reading) = self.best.take() {
            self.compared(reading);
        }
        true
    }

    fn compared(&mut self, reading: Reading) {
        let first = *self.first.get_or_insert(reading);
        let is_first = first == reading && self.last.is_none();
        self.last = Some(reading);
        let allowed = self.present.error.saturating_add(reading.error);
        if is_first || apart(self.present.zero, reading.zero) > allowed {
            self.present = reading;
        }
    }

    /// Our time of something that was told at `at` by it.
    pub fn instant(&self, at: Duration) -> Instant {
        self.present.zero + at
    }

    /// How far it has gone since it was first compared; nothing before it was compared.
    pub fn drift(&self) -> Option<Drift> {
        let (first, last) = self.first.zip(self.last)?;
        Some(Drift {
            gone: apart(first.zero, last.zero),
            error: first.error + last.error,
        })
    }
}

fn apart(one: Instant, other: Instant) -> Duration {
    one.max(other) - one.min(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Compares a clock that stands at `told` when ours is `now`; the slowest trips take 9 ms, the quickest 2.
    fn compare(clock: &mut Clock, now: Instant, told: Duration) {
        for trip in [9, 4, 2, 9, 9, 4, 9, 9] {
            // The answer comes at the end of a slow trip, in the middle of the quickest.
            let heard = now + u32::from(trip == 2) * MS;
            let sent = heard.checked_sub(trip * MS).expect("long after the clock's zero");
            let whole = clock.trip(sent, heard, told);
            assert_eq!(whole, clock.trips == 0);
        }
    }

    #[test]
    fn the_quickest_trip_tells_the_time() {
        let began = Instant::now() + Duration::from_secs(100);
        let mut clock = Clock::new(began);
        compare(&mut clock, began + Duration::from_secs(7), Duration::from_secs(2));
        assert_eq!(
            clock.instant(Duration::from_secs(3)),
            began + Duration::from_secs(8)
        );
        let drift = clock.drift().expect("compared");
        assert_eq!((drift.gone, drift.error), (Duration::ZERO, 2 * MS));
    }

    #[test]
    fn a_clock_that_goes_too_fast_is_followed_where_that_is_certain() {
        let began = Instant::now() + Duration::from_secs(100);
        let mut clock = Clock::new(began);
        compare(&mut clock, began, Duration::ZERO);
        // A millisecond apart: within what the trips can be wrong by.
        compare(
            &mut clock,
            began + Duration::from_secs(10),
            Duration::from_millis(10_001),
        );
        assert_eq!(
            clock.instant(Duration::from_secs(20)),
            began + Duration::from_secs(20)
        );
        assert_eq!(clock.drift().expect("compared").gone, MS);
        compare(
            &mut clock,
            began + Duration::from_secs(20),
            Duration::from_millis(20_005),
        );
        assert_eq!(
            clock.instant(Duration::from_millis(20_005)),
            began + Duration::from_secs(20)
        );
        assert_eq!(clock.drift().expect("compared").gone, 5 * MS);
    }
}
