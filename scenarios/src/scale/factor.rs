//! A factor: `1/16`, `0.25` or `25%`.

use std::fmt;
use std::str::FromStr;

use crate::units::{QuantityError, Ratio, split_number, trimmed};

/// What a size is multiplied by; above nothing.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Factor(pub f64);

impl Factor {
    /// What a value of this kind is called in messages.
    pub const WANTED: &'static str = "a factor";
    /// How one is written.
    pub const EXAMPLE: &'static str = "`1/16`, `0.25` or `2`";
    /// What stands in for one that could not be read.
    pub const ZERO: Self = Self(0.0);
    /// No change.
    pub const ONE: Self = Self(1.0);
    /// The least that a scenario may have: a millionth.
    pub const LEAST: Self = Self(1e-6);
    /// The greatest that a scenario may have: a thousand.
    pub const MOST: Self = Self(1e3);
}

impl Default for Factor {
    fn default() -> Self {
        Self::ONE
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = 1.0 / self.0;
        let whole = trimmed(parts);
        if self.0 > 0.0
            && self.0 < 1.0
            && !whole.contains('.')
            && whole.parse().is_ok_and(|whole: f64| 1.0 / whole == self.0)
        {
            f.pad(&format!("1/{whole}"))
        } else {
            f.pad(&trimmed(self.0))
        }
    }
}

impl FromStr for Factor {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let plain = |part: &str| {
            split_number(part)
                .filter(|(_, unit)| unit.is_empty())
                .map(|(number, _)| number)
        };
        let value = match text.split_once('/') {
            Some((above, below)) => plain(above).zip(plain(below)).map(|(above, below)| above / below),
            None => text.parse().ok().map(|Ratio(share)| share),
        };
        value
            .filter(|value| value.is_finite())
            .map(Self)
            .ok_or_else(|| QuantityError {
                text: text.to_owned(),
                wanted: Self::WANTED,
                example: Self::EXAMPLE,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_reads_as_it_is_written() {
        for (text, value, shown) in [
            ("1/16", 0.0625, "1/16"),
            ("1 / 3", 1.0 / 3.0, "1/3"),
            ("0.25", 0.25, "1/4"),
            ("25%", 0.25, "1/4"),
            ("3/2", 1.5, "1.5"),
            ("2", 2.0, "2"),
        ] {
            let factor: Factor = text.parse().expect(text);
            assert_eq!(
                (factor.0, factor.to_string()),
                (value, shown.to_owned()),
                "{text}"
            );
        }
        for wrong in ["", "1/0", "a/2", "1/2/3", "-1/2", "1GiB/2"] {
            assert!(wrong.parse::<Factor>().is_err(), "{wrong}");
        }
    }
}
