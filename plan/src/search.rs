//! The least number that holds: by halving where more never does worse, by trying every number where it may.

use std::ops::RangeInclusive;

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The least number that holds.
    Least(u32),
    /// No number of the range holds.
    None,
}

impl Found {
    /// The number, if there is one.
    pub const fn number(self) -> Option<u32> {
        match self {
            Self::Least(number) => Some(number),
            Self::None => None,
        }
    }
}

/// The least number of a range that holds, provided that what holds for a number holds for all above it.
///
/// From `hint` the bracket is doubled until it holds an edge, then halved: about `2 log2(|answer - hint|)` trials.
pub fn bisection<E>(
    range: &RangeInclusive<u32>,
    hint: Option<u32>,
    mut holds: impl FnMut(u32) -> Result<bool, E>,
) -> Result<Found, E> {
    let (least, most) = (*range.start(), *range.end());
    // Below `low` nothing holds, `high` does; one above the range stands for "none".
    let (mut low, mut high) = (least, most.saturating_add(1));
    let mut step = 1;
    let mut probe = hint.map(|hint| hint.clamp(least, most));
    while let Some(at) = probe {
        if holds(at)? {
            high = at;
            probe = (low < high).then(|| at.saturating_sub(step).max(low));
        } else {
            low = at + 1;
            probe = (low < high).then(|| at.saturating_add(step).min(high - 1));
        }
        let bracketed = low > least && high <= most;
        if bracketed || step > most {
            break;
        }
        step = step.saturating_mul(2);
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle)? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(if low > most {
        Found::None
    } else {
        Found::Least(low)
    })
}

/// The least number of a range that holds, whatever holds above it.
pub fn scan<E>(
    range: &RangeInclusive<u32>,
    mut holds: impl FnMut(u32) -> Result<bool, E>,
) -> Result<Found, E> {
    for number in range.clone() {
        if holds(number)? {
            return Ok(Found::Least(number));
        }
    }
    Ok(Found::None)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn brute(range: &RangeInclusive<u32>, edge: u32) -> Found {
        range
            .clone()
            .find(|number| *number >= edge)
            .map_or(Found::None, Found::Least)
    }

    #[test]
    fn halving_finds_what_trying_every_number_finds() {
        for most in 1..40 {
            for least in 1..=most {
                let range = least..=most;
                for edge in 0..=most + 2 {
                    for hint in (0..=most + 3).map(Some).chain([None]) {
                        let mut tried = Vec::new();
                        let found = bisection(&range, hint, |number| {
                            assert!(range.contains(&number), "{number} of {range:?}");
                            tried.push(number);
                            Ok::<_, Infallible>(number >= edge)
                        });
                        assert_eq!(
                            found,
                            Ok(brute(&range, edge)),
                            "{range:?} edge {edge} hint {hint:?}"
                        );
                        let all = tried.len();
                        tried.sort_unstable();
                        tried.dedup();
                        assert_eq!(all, tried.len(), "no number is tried twice");
                    }
                }
            }
        }
    }

    #[test]
    fn a_good_hint_takes_two_trials() {
        let mut tried = 0;
        let found = bisection(&(1..=1000), Some(700), |number| {
            tried += 1;
            Ok::<_, Infallible>(number >= 700)
        });
        assert_eq!((found, tried), (Ok(Found::Least(700)), 2));
    }

    #[test]
    fn a_scan_needs_no_order() {
        let found = scan(&(1..=9), |number| Ok::<_, Infallible>(number == 4 || number == 7));
        assert_eq!(found, Ok(Found::Least(4)));
        assert_eq!(scan(&(1..=9), |_| Ok::<_, Infallible>(false)), Ok(Found::None));
    }
}
