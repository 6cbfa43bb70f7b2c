//! Simulated time: integer nanoseconds, so that no two machines round it differently.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

use crate::units::{QuantityError, scaled, trimmed, whole};

/// An instant of the run, in nanoseconds since its start. 2^64 ns are 584 years.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct SimTime(u64);

/// A length of simulated time in nanoseconds.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct SimDuration(u64);

const NANOS_PER_SECOND: u64 = 1_000_000_000;

macro_rules! nanoseconds {
    ($name:ident) => {
        impl $name {
            /// The least value: no time at all, or the start of the run.
            pub const ZERO: Self = Self(0);
            /// The greatest value, which stands for "never" or "for ever".
            pub const MAX: Self = Self(u64::MAX);

            /// From a number of nanoseconds.
            pub const fn from_nanos(nanos: u64) -> Self {
                Self(nanos)
            }

            /// From a number of milliseconds.
            pub const fn from_millis(millis: u64) -> Self {
                Self(millis.saturating_mul(1_000_000))
            }

            /// From a number of whole seconds.
            pub const fn from_secs(seconds: u64) -> Self {
                Self(seconds.saturating_mul(NANOS_PER_SECOND))
            }

            /// From seconds, rounded up to the nanosecond so that nothing ends before its time; saturates.
            pub fn from_secs_f64(seconds: f64) -> Self {
                let nanos = seconds * 1e9;
                let floor = nanos as u64;
                Self(if (floor as f64) < nanos {
                    floor.saturating_add(1)
                } else {
                    floor
                })
            }

            /// The number of nanoseconds.
            pub const fn as_nanos(self) -> u64 {
                self.0
            }

            /// Seconds, for equations and reports.
            pub const fn as_secs_f64(self) -> f64 {
                self.0 as f64 / 1e9
            }
        }
    };
}

nanoseconds!(SimTime);
nanoseconds!(SimDuration);

impl SimTime {
    /// The time since `earlier`, or nothing when `earlier` is the later one.
    pub const fn since(self, earlier: Self) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }
}

impl SimDuration {
    /// What a value of this kind is called in messages.
    pub const WANTED: &'static str = "a duration";
    /// How one is written.
    pub const EXAMPLE: &'static str = "`250ms`, `30s` or `5min`";

    /// This duration `times` over; saturates.
    #[must_use]
    pub const fn saturating_mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }

    /// The difference, or nothing.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add<SimDuration> for SimTime {
    type Output = Self;

    fn add(self, duration: SimDuration) -> Self {
        Self(self.0.saturating_add(duration.0))
    }
}

impl AddAssign<SimDuration> for SimTime {
    fn add_assign(&mut self, duration: SimDuration) {
        *self = *self + duration;
    }
}

impl Add for SimDuration {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for SimDuration {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for SimTime {
    type Output = SimDuration;

    fn sub(self, earlier: Self) -> SimDuration {
        self.since(earlier)
    }
}

impl std::iter::Sum for SimDuration {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, |total, part| total + part)
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SimDuration(self.0).fmt(f)
    }
}

impl fmt::Display for SimDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            0 => "0s".to_owned(),
            ns @ 1..1_000 => format!("{ns}ns"),
            ns @ 1_000..1_000_000 => format!("{}us", trimmed(ns as f64 / 1e3)),
            ns @ 1_000_000..NANOS_PER_SECOND => format!("{}ms", trimmed(ns as f64 / 1e6)),
            ns => format!("{}s", trimmed(ns as f64 / 1e9)),
        };
        f.pad(&text)
    }
}

impl FromStr for SimDuration {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        const UNITS: &[(&str, f64)] = &[
            ("s", 1e9),
            ("ms", 1e6),
            ("us", 1e3),
            ("µs", 1e3),
            ("ns", 1.0),
            ("min", 60e9),
            ("h", 3600e9),
            ("d", 86_400e9),
            ("w", 604_800e9),
        ];
        let value = scaled(text, UNITS, Self::WANTED, Self::EXAMPLE)?;
        whole(value, text, Self::WANTED, Self::EXAMPLE).map(Self)
    }
}

/// A time of day, in whole minutes from 00:00 to 24:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u32);

impl TimeOfDay {
    /// What a value of this kind is called in messages.
    pub const WANTED: &'static str = "a time of day";
    /// How one is written.
    pub const EXAMPLE: &'static str = "`07:00`, from `00:00` to `24:00`";
    /// The begin of the day.
    pub const MIDNIGHT: Self = Self(0);
    /// What stands in for one that is wrong.
    pub const ZERO: Self = Self::MIDNIGHT;
    /// The end of the day.
    pub const END: Self = Self(24 * 60);

    /// Seconds since the begin of the day.
    pub const fn seconds(self) -> u32 {
        self.0 * 60
    }

    /// The minute that lies so many seconds after the begin of the day.
    pub const fn from_seconds(seconds: u32) -> Self {
        Self(seconds / 60)
    }
}

impl FromStr for TimeOfDay {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let digits = |part: &str| part.parse::<u32>().ok().filter(|_| part.len() == 2);
        let read = || {
            let (hours, minutes) = text.trim().split_once(':')?;
            let (hours, minutes) = (digits(hours)?, digits(minutes)?);
            let time = Self(hours * 60 + minutes);
            (minutes < 60 && time <= Self::END).then_some(time)
        };
        read().ok_or_else(|| QuantityError {
            text: text.to_owned(),
            wanted: Self::WANTED,
            example: Self::EXAMPLE,
        })
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print() {
        assert_eq!("250ms".parse(), Ok(SimDuration::from_millis(250)));
        assert_eq!("24h".parse(), Ok(SimDuration::from_secs(86_400)));
        assert_eq!(SimDuration::from_nanos(42_190_000_000).to_string(), "42.19s");
        assert_eq!(SimDuration::from_nanos(389_000_000).to_string(), "389ms");
        assert!("250".parse::<SimDuration>().is_err(), "a bare number has no unit");
    }

    #[test]
    fn nothing_ends_before_its_time() {
        assert_eq!(SimDuration::from_secs_f64(1e-9 / 2.0).as_nanos(), 1);
        assert_eq!(SimDuration::from_secs_f64(f64::INFINITY), SimDuration::MAX);
    }
}
