//! A level over time: its exact time integral, and from it mean, least and greatest.
//!
//! Values are held as whole micro-units and times as whole nanoseconds, so the integral is an exact integer: the
//! order in which ten thousand hosts add to one total can't change the last digit.

use crate::units::SimTime;

/// Micro-units in one unit.
const MICRO: f64 = 1e6;

/// A piecewise-constant quantity.
#[derive(Debug, Clone)]
pub struct Level {
    value: i128,
    since: SimTime,
    start: SimTime,
    integral: i128,
    least: i128,
    greatest: i128,
    /// Whether the value has stood for any time at all; values that stood for none are no extremes.
    seen: bool,
}

impl Level {
    /// A level that stands at `value` from `now` on.
    pub fn new(now: SimTime, value: f64) -> Self {
        Self {
            value: micro(value),
            since: now,
            start: now,
            integral: 0,
            least: 0,
            greatest: 0,
            seen: false,
        }
    }

    /// The present value.
    pub fn value(&self) -> f64 {
        self.value as f64 / MICRO
    }

    /// Sets the value from `now` on.
    pub fn set(&mut self, now: SimTime, value: f64) {
        self.settle(now);
        self.value = micro(value);
    }

    /// Adds to the value from `now` on: `to` replaces what was `from` of it. Both are rounded to micro-units alike,
    /// so a part that is taken out again leaves nothing behind.
    pub fn replace(&mut self, now: SimTime, from: f64, to: f64) {
        let change = micro(to) - micro(from);
        if change != 0 {
            self.settle(now);
            self.value = self.value.saturating_add(change);
        }
    }

    /// The integral over time up to `now`, in units times seconds.
    pub fn integral(&self, now: SimTime) -> f64 {
        let open = self
            .value
            .saturating_mul(i128::from(now.since(self.since).as_nanos()));
        self.integral.saturating_add(open) as f64 / MICRO / 1e9
    }

    /// The mean from the start up to `now`; the present value when no time has passed.
    pub fn mean(&self, now: SimTime) -> f64 {
        let nanos = now.since(self.start).as_nanos();
        if nanos == 0 {
            self.value()
        } else {
            self.integral(now) / (nanos as f64 / 1e9)
        }
    }

    /// The least and the greatest value that stood for any time up to `now`.
    pub fn extremes(&self, now: SimTime) -> (f64, f64) {
        let mut closed = self.clone();
        closed.settle(now);
        if closed.seen {
            (closed.least as f64 / MICRO, closed.greatest as f64 / MICRO)
        } else {
            (closed.value(), closed.value())
        }
    }

    fn settle(&mut self, now: SimTime) {
        let nanos = now.since(self.since).as_nanos();
        if nanos == 0 {
            return;
        }
        let closed = self.value.saturating_mul(i128::from(nanos));
        self.integral = self.integral.saturating_add(closed);
        (self.least, self.greatest) = if self.seen {
            (self.least.min(self.value), self.greatest.max(self.value))
        } else {
            (self.value, self.value)
        };
        self.seen = true;
        self.since = now;
    }
}

/// The greatest value, far beyond any quantity of a datacenter: a petabit a second. Its integral over five years is still a whole
/// number of 128 bits, that of ten terabits a second over five centuries.
const GREATEST: f64 = 1e15;

/// Whole micro-units, rounded half away from zero.
fn micro(value: f64) -> i128 {
    let scaled = value.clamp(-GREATEST, GREATEST) * MICRO;
    if scaled < 0.0 {
        (scaled - 0.5) as i128
    } else {
        (scaled + 0.5) as i128
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SimTime {
        SimTime::from_secs(seconds)
    }

    #[test]
    fn the_integral_is_value_times_time() {
        let mut level = Level::new(at(0), 83.2);
        level.set(at(1), 41.2);
        // 83.2 W for 1 s and 41.2 W for 9 s.
        assert_eq!(level.integral(at(10)), 83.2 + 9.0 * 41.2);
        assert_eq!(level.mean(at(10)), 45.4);
        assert_eq!(level.extremes(at(10)), (41.2, 83.2));
    }

    #[test]
    fn twenty_terabits_a_second_are_no_less_in_a_record() {
        let level = Level::new(at(0), 20e12);
        assert!((level.mean(at(10)) / 20e12 - 1.0).abs() < 1e-12);
        assert!((level.integral(at(10)) / 200e12 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_stood_for_no_time_is_no_extreme() {
        let mut level = Level::new(at(0), 1.0);
        level.set(at(5), 100.0);
        level.set(at(5), 2.0);
        assert_eq!(level.extremes(at(6)), (1.0, 2.0));
        assert_eq!(Level::new(at(3), 7.0).extremes(at(3)), (7.0, 7.0));
    }

    #[test]
    fn parts_taken_out_leave_nothing_behind() {
        let mut level = Level::new(at(0), 0.0);
        let parts = [0.1, 0.2, 0.3, 1e5 / 3.0];
        for part in parts {
            level.replace(at(0), 0.0, part);
        }
        for part in parts {
            level.replace(at(1), part, 0.0);
        }
        assert_eq!(level.value(), 0.0);
    }
}
