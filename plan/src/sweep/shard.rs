//! Shards: every N-th point, so that each has its part of what is slow.

use std::str::FromStr;

/// Shard `number` of `of`, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    number: u64,
    of: u64,
}

impl Shard {
    /// The whole of it.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// Shard `number` of `of`, from 1; none when there is no such shard.
    pub fn new(number: u64, of: u64) -> Option<Self> {
        (1..=of).contains(&number).then_some(Self { number, of })
    }

    /// Whether a point belongs to it.
    pub const fn has(self, index: u64) -> bool {
        index % self.of == self.number - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no shard: expected I/N with I from 1 to N, such as 3/16");
        let (number, of) = text.split_once('/').ok_or_else(wrong)?;
        let parsed = number.trim().parse().ok().zip(of.trim().parse().ok());
        parsed
            .and_then(|(number, of)| Self::new(number, of))
            .ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_in_one_shard() {
        for of in 1..=16 {
            for index in 0..100 {
                let within = (1..=of).filter(|number| Shard::new(*number, of).expect("one").has(index));
                assert_eq!(within.count(), 1);
            }
        }
    }

    #[test]
    fn what_is_no_shard_is_refused() {
        assert_eq!("3/16".parse(), Ok(Shard { number: 3, of: 16 }));
        for wrong in ["0/4", "5/4", "3", "a/b", "1/0", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
