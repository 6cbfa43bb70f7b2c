//! Quantities as types: bytes, rates, frequencies, power, ratios, and how people write them.
//!
//! Every quantity reads and prints the form a person uses (`16GiB`, `10Gb/s`, `250ms`, `75%`, `2.93GHz`), so that
//! no number of a scenario or report is without its unit. Memory and disk sizes are binary (`KiB`, `GiB`), data
//! rates decimal (`Gb/s`, `MB/s`), as the products and the network write them.

use std::fmt;
use std::str::FromStr;

pub use crate::time::{SimDuration, SimTime};

/// Why a text is no quantity of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {wanted}; write it as {example}")]
pub struct QuantityError {
    /// What was written.
    pub text: String,
    /// The kind that was wanted, with its article: "a size".
    pub wanted: &'static str,
    /// Examples of the right form.
    pub example: &'static str,
}

/// Splits `16.5GiB` into the number and the unit behind it; spaces between them are allowed.
///
/// Underscores may group digits. Returns `None` when there is no finite, non-negative number in front.
pub(crate) fn split_number(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let bytes = text.as_bytes();
    let mut end = 0;
    while end < bytes.len() {
        let exponent_sign =
            end > 0 && matches!(bytes[end - 1], b'e' | b'E') && matches!(bytes[end], b'+' | b'-');
        let exponent = end > 0
            && matches!(bytes[end], b'e' | b'E')
            && bytes
                .get(end + 1)
                .is_some_and(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-'));
        if bytes[end].is_ascii_digit() || matches!(bytes[end], b'.' | b'_') || exponent || exponent_sign {
            end += 1;
        } else {
            break;
        }
    }
    let number: f64 = text[..end].replace('_', "").parse().ok()?;
    number.is_finite().then(|| (number, text[end..].trim()))
}

/// Looks a unit up in a table of (name, factor); the first entry is the base unit.
pub(crate) fn scaled(
    text: &str,
    units: &[(&str, f64)],
    wanted: &'static str,
    example: &'static str,
) -> Result<f64, QuantityError> {
    split_number(text)
        .and_then(|(number, unit)| {
            units
                .iter()
                .find(|(name, _)| *name == unit)
                .map(|(_, factor)| number * factor)
        })
        .filter(|value| value.is_finite())
        .ok_or_else(|| QuantityError {
            text: text.to_owned(),
            wanted,
            example,
        })
}

/// A whole number of base units, or an error when it does not fit 63 bits.
pub(crate) fn whole(
    value: f64,
    text: &str,
    wanted: &'static str,
    example: &'static str,
) -> Result<u64, QuantityError> {
    const LIMIT: f64 = 9.2e18;
    if value <= LIMIT {
        Ok(libm_round(value))
    } else {
        Err(QuantityError {
            text: text.to_owned(),
            wanted,
            example,
        })
    }
}

/// Round half away from zero by exact operations only: the same on every machine.
fn libm_round(value: f64) -> u64 {
    let floor = value as u64;
    if value - floor as f64 >= 0.5 {
        floor + 1
    } else {
        floor
    }
}

/// Prints a number with at most three decimals and no trailing zeros.
pub(crate) fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// The largest unit of `units` (ascending) that leaves at least one whole; prints `1.5GiB`.
fn human(value: f64, units: &[(&str, f64)]) -> String {
    let (name, factor) = units
        .iter()
        .rev()
        .find(|(_, factor)| value >= *factor)
        .or(units.first())
        .copied()
        .unwrap_or(("", 1.0));
    format!("{}{name}", trimmed(value / factor))
}

macro_rules! integer_quantity {
    ($(#[$meta:meta])* $name:ident, $wanted:literal, $example:literal, show $show:expr, read $read:expr) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// What a value of this kind is called in messages.
            pub const WANTED: &'static str = $wanted;
            /// How one is written.
            pub const EXAMPLE: &'static str = $example;
            /// Nothing.
            pub const ZERO: Self = Self(0);

            /// The number of base units, for equations.
            pub const fn as_f64(self) -> f64 {
                self.0 as f64
            }

            /// The sum, or the largest value there is.
            #[must_use]
            pub const fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            /// The difference, or nothing.
            #[must_use]
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&human(self.0 as f64, $show))
            }
        }

        impl FromStr for $name {
            type Err = QuantityError;

            fn from_str(text: &str) -> Result<Self, QuantityError> {
                let value = scaled(text, $read, $wanted, $example)?;
                whole(value, text, $wanted, $example).map(Self)
            }
        }

        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
                iter.fold(Self::ZERO, Self::saturating_add)
            }
        }
    };
}

macro_rules! real_quantity {
    ($(#[$meta:meta])* $name:ident, $wanted:literal, $example:literal, show $show:expr, read $read:expr) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub f64);

        impl $name {
            /// What a value of this kind is called in messages.
            pub const WANTED: &'static str = $wanted;
            /// How one is written.
            pub const EXAMPLE: &'static str = $example;
            /// Nothing.
            pub const ZERO: Self = Self(0.0);
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&human(self.0, $show))
            }
        }

        impl FromStr for $name {
            type Err = QuantityError;

            fn from_str(text: &str) -> Result<Self, QuantityError> {
                scaled(text, $read, $wanted, $example).map(Self)
            }
        }
    };
}

const KIB: f64 = 1024.0;
const MIB: f64 = KIB * 1024.0;
const GIB: f64 = MIB * 1024.0;
const TIB: f64 = GIB * 1024.0;

integer_quantity! {
    /// An amount of memory, disk or traffic, in bytes.
    Bytes, "a size", "`512MiB`, `16GiB` or `2TiB`",
    show &[("B", 1.0), ("KiB", KIB), ("MiB", MIB), ("GiB", GIB), ("TiB", TIB)],
    read &[("B", 1.0), ("KiB", KIB), ("MiB", MIB), ("GiB", GIB), ("TiB", TIB),
           ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12)]
}

integer_quantity! {
    /// A data rate in bits per second; also read in bytes (`110MB/s`).
    BitsPerSecond, "a data rate", "`10Gb/s`, `100Mb/s` or `110MB/s`",
    show &[("b/s", 1.0), ("kb/s", 1e3), ("Mb/s", 1e6), ("Gb/s", 1e9), ("Tb/s", 1e12)],
    read &[("b/s", 1.0), ("kb/s", 1e3), ("Mb/s", 1e6), ("Gb/s", 1e9), ("Tb/s", 1e12),
           ("B/s", 8.0), ("kB/s", 8e3), ("MB/s", 8e6), ("GB/s", 8e9),
           ("KiB/s", 8.0 * KIB), ("MiB/s", 8.0 * MIB), ("GiB/s", 8.0 * GIB)]
}

integer_quantity! {
    /// A clock rate in hertz.
    Hertz, "a frequency", "`2.93GHz` or `100MHz`",
    show &[("Hz", 1.0), ("kHz", 1e3), ("MHz", 1e6), ("GHz", 1e9)],
    read &[("Hz", 1.0), ("kHz", 1e3), ("MHz", 1e6), ("GHz", 1e9)]
}

real_quantity! {
    /// How often something happens, in events per second.
    PerSecond, "a rate of events", "`4000/s` or `20k/s`",
    show &[("/s", 1.0)],
    read &[("/s", 1.0), ("k/s", 1e3), ("M/s", 1e6), ("/min", 1.0 / 60.0), ("/h", 1.0 / 3600.0)]
}

real_quantity! {
    /// Electrical power in watts.
    Watts, "a power", "`245W` or `1.2kW`",
    show &[("W", 1.0)],
    read &[("W", 1.0), ("kW", 1e3), ("MW", 1e6)]
}

real_quantity! {
    /// Energy in joules; also read in kilowatt-hours.
    Joules, "an energy", "`500J` or `1.5kWh`",
    show &[("J", 1.0)],
    read &[("J", 1.0), ("kJ", 1e3), ("MJ", 1e6), ("Wh", 3.6e3), ("kWh", 3.6e6)]
}

real_quantity! {
    /// A number of processor clock cycles.
    Cycles, "a number of cycles", "`5000cyc` or `12kcyc`",
    show &[("cyc", 1.0)],
    read &[("cyc", 1.0), ("kcyc", 1e3), ("Mcyc", 1e6)]
}

/// A part of a whole; 1 is all of it. Written `75%` or `0.75`.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Ratio(pub f64);

impl Ratio {
    /// What a value of this kind is called in messages.
    pub const WANTED: &'static str = "a share";
    /// How one is written.
    pub const EXAMPLE: &'static str = "`75%` or `0.75`";
    /// Nothing.
    pub const ZERO: Self = Self(0.0);
    /// All.
    pub const ONE: Self = Self(1.0);
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}%", trimmed(self.0 * 100.0)))
    }
}

impl FromStr for Ratio {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        // Dividing, not multiplying by 0.01: `20%` must be the same double as `0.2`.
        split_number(text)
            .and_then(|(number, unit)| match unit {
                "" => Some(Self(number)),
                "%" => Some(Self(number / 100.0)),
                _ => None,
            })
            .ok_or_else(|| QuantityError {
                text: text.to_owned(),
                wanted: Self::WANTED,
                example: Self::EXAMPLE,
            })
    }
}

impl Bytes {
    /// Size of the page that migration and paging count in: 4,096 bytes (Hypervisor TLFS 2.0a).
    pub const PAGE: Self = Self(4096);
    /// 2^20 bytes.
    pub const MIB: Self = Self(1 << 20);
    /// 2^30 bytes.
    pub const GIB: Self = Self(1 << 30);

    /// The number of 4 KiB pages that hold this size, the last one perhaps in part.
    pub const fn pages(self) -> u64 {
        self.0.div_ceil(Self::PAGE.0)
    }

    /// The size of `pages` pages of 4 KiB.
    #[must_use]
    pub const fn from_pages(pages: u64) -> Self {
        Self(pages.saturating_mul(Self::PAGE.0))
    }

    /// How long this size takes at `rate`, rounded up to the nanosecond; for ever when the rate is nothing.
    pub fn at(self, rate: BitsPerSecond) -> SimDuration {
        if rate.0 == 0 {
            return if self.0 == 0 {
                SimDuration::ZERO
            } else {
                SimDuration::MAX
            };
        }
        let bit_nanos = u128::from(self.0) * 8 * 1_000_000_000;
        SimDuration::from_nanos(u64::try_from(bit_nanos.div_ceil(u128::from(rate.0))).unwrap_or(u64::MAX))
    }
}

impl BitsPerSecond {
    /// A share of it, to the nearest bit; itself for all of it.
    #[must_use]
    pub fn times(self, share: f64) -> Self {
        if share == 1.0 {
            return self;
        }
        Self((self.as_f64() * share + 0.5) as u64)
    }

    /// Bytes per second, for equations.
    pub fn bytes_per_second(self) -> f64 {
        self.0 as f64 / 8.0
    }

    /// The whole bytes that pass in `duration`.
    pub fn over(self, duration: SimDuration) -> Bytes {
        let bit_nanos = u128::from(self.0) * u128::from(duration.as_nanos());
        Bytes(u64::try_from(bit_nanos / 8_000_000_000).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_sizes_and_rates_as_they_read() {
        assert_eq!("16GiB".parse(), Ok(Bytes(16 << 30)));
        assert_eq!("1.5 MiB".parse(), Ok(Bytes(3 << 19)));
        assert_eq!("110MB/s".parse(), Ok(BitsPerSecond(880_000_000)));
        assert_eq!("2.93GHz".parse(), Ok(Hertz(2_930_000_000)));
        assert_eq!("20%".parse::<Ratio>(), Ok(Ratio(0.2)));
        assert_eq!(Bytes(3 << 29).to_string(), "1.5GiB");
        assert_eq!(BitsPerSecond(1_000_000_000).to_string(), "1Gb/s");
        assert_eq!("20k/s".parse(), Ok(PerSecond(20_000.0)));
    }

    #[test]
    fn a_wrong_unit_says_what_was_wanted() {
        let error = "16GBit".parse::<Bytes>().expect_err("no such unit");
        assert_eq!(
            error.to_string(),
            "`16GBit` is not a size; write it as `512MiB`, `16GiB` or `2TiB`"
        );
        assert!("-1GiB".parse::<Bytes>().is_err());
        assert!("1e400B".parse::<Bytes>().is_err());
        assert!("".parse::<Ratio>().is_err());
    }

    #[test]
    fn a_transfer_takes_its_bytes_over_its_rate() {
        // 4 GiB at 110 MB/s: 4,294,967,296 / 110e6 s.
        assert_eq!(
            Bytes(4 << 30).at(BitsPerSecond(880_000_000)).as_nanos(),
            39_045_157_237
        );
        assert_eq!(Bytes(1).at(BitsPerSecond::ZERO), SimDuration::MAX);
    }
}
