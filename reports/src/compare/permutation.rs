//! Permutation tests: how often chance alone makes a difference of means at least as great as the one observed.
//!
//! The test asks nothing of the distribution. All rearrangements are gone through where they are few; else they are drawn, until
//! [`ENOUGH`] were as extreme or the resolution is reached (Besag and Clifford, *Sequential Monte Carlo p-values*, 1991).
//! What is drawn depends on the name of the figure and on nothing else: the same runs give the same p.

/// Rearrangements up to which all are gone through.
const FEW: u64 = 1 << 16;
/// Draws at least as extreme after which more tell nothing.
const ENOUGH: u64 = 20;
/// Sums that differ by less are the same but for the order of adding up, as a share of the greatest sum there can be.
const ROUNDING: f64 = 1e-12;

/// Numbers that look like chance and are the same for the same name.
pub struct Draws(blake3::OutputReader);

impl Draws {
    /// Those of a name.
    pub fn of(name: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("twinrack compare: rearrangements of a figure");
        hasher.update(name.as_bytes());
        Self(hasher.finalize_xof())
    }

    fn bits(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A whole number below `end`; uneven by less than `end` in 2^64.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.bits()) * end as u128) >> 64) as usize
    }
}

/// The least p that two samples of these sizes can give.
pub fn least_unpaired(base: usize, new: usize) -> f64 {
    2.0 / splits(base, new) as f64
}

/// The least p that so many pairs can give.
pub fn least_paired(pairs: usize) -> f64 {
    libm::ldexp(2.0, -i32::try_from(pairs).unwrap_or(i32::MAX))
}

/// Two-sided p of two samples: the values are dealt anew to the two sides. At most `most` deals are drawn.
pub fn unpaired(base: &[f64], new: &[f64], name: &str, most: u64) -> f64 {
    let count = (base.len() + new.len()) as f64;
    let mean = base.iter().chain(new).sum::<f64>() / count;
    let mut values: Vec<f64> = base.iter().chain(new).map(|value| value - mean).collect();
    // The total is zero, so that the sum of one side is the difference of the means but for a factor.
    let extreme = at_least(values[..base.len()].iter().sum(), &values);
    if splits(base.len(), new.len()) <= FEW {
        let (hits, all) = every_split(&values, base.len(), 0.0, &extreme);
        return hits as f64 / all as f64;
    }
    let mut draws = Draws::of(name);
    sequential(most, || {
        for place in 0..base.len() {
            let other = place + draws.below(values.len() - place);
            values.swap(place, other);
        }
        extreme(values[..base.len()].iter().sum())
    })
}

/// Two-sided p of the differences of pairs: each is turned round or not. At most `most` turnings are drawn.
pub fn paired(differences: &[f64], name: &str, most: u64) -> f64 {
    let extreme = at_least(differences.iter().sum(), differences);
    let signed = |signs: &mut dyn FnMut(usize) -> bool| -> f64 {
        let one = |(index, value): (usize, &f64)| if signs(index) { -value } else { *value };
        differences.iter().enumerate().map(one).sum()
    };
    if differences.len() < 64 && 1 << differences.len() <= FEW {
        let all = 1_u64 << differences.len();
        let hits = (0..all).filter(|signs| extreme(signed(&mut |index| signs >> index & 1 == 1)));
        return hits.count() as f64 / all as f64;
    }
    let mut draws = Draws::of(name);
    sequential(most, || {
        let mut bits = 0;
        extreme(signed(&mut |index| {
            if index % 64 == 0 {
                bits = draws.bits();
            }
            bits >> (index % 64) & 1 == 1
        }))
    })
}

/// Whether a sum is at least as far from zero as the observed one.
fn at_least(observed: f64, values: &[f64]) -> impl Fn(f64) -> bool + use<> {
    let greatest: f64 = values.iter().map(|value| value.abs()).sum();
    let limit = observed.abs() - greatest * ROUNDING;
    move |sum: f64| sum.abs() >= limit
}

/// Draws until enough were extreme, or `most` were drawn. The observed arrangement counts as one.
fn sequential(most: u64, mut extreme: impl FnMut() -> bool) -> f64 {
    let mut hits = 0;
    for drawn in 1..=most {
        hits += u64::from(extreme());
        if hits == ENOUGH {
            return ENOUGH as f64 / drawn as f64;
        }
    }
    (hits + 1) as f64 / (most + 1) as f64
}

/// Ways to deal `base + new` values to two sides; as many as a number holds when there are more.
fn splits(base: usize, new: usize) -> u64 {
    let mut ways = 1_u64;
    for taken in 1..=base.min(new) as u64 {
        let Some(product) = ways.checked_mul((base + new) as u64 + 1 - taken) else {
            return u64::MAX;
        };
        ways = product / taken;
    }
    ways
}

/// Of all ways to add `take` of the values to `sum`, how many are extreme, and how many there are.
fn every_split(values: &[f64], take: usize, sum: f64, extreme: &impl Fn(f64) -> bool) -> (u64, u64) {
    if take == 0 {
        return (u64::from(extreme(sum)), 1);
    }
    let Some((first, rest)) = values.split_first().filter(|_| values.len() >= take) else {
        return (0, 0);
    };
    let (with, all_with) = every_split(rest, take - 1, sum + first, extreme);
    let (without, all_without) = every_split(rest, take, sum, extreme);
    (with + without, all_with + all_without)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rearrangements_are_counted_by_hand() {
        // Of the 20 ways to deal six values three and three, these and their mirror image are the most extreme.
        assert_eq!(unpaired(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0], "", 9999), 2.0 / 20.0);
        assert_eq!(least_unpaired(3, 3), 0.1);
        // Of 32 turnings of five differences of one sign, all as they are and all turned.
        assert_eq!(paired(&[1.0, 2.0, 1.0, 3.0, 1.0], "", 9999), 2.0 / 32.0);
        assert_eq!(least_paired(5), 2.0 / 32.0);
        assert_eq!(unpaired(&[1.0, 2.0], &[2.0, 1.0], "", 9999), 1.0);
    }

    /// 2 of 184 756 deals of ten and ten are as extreme: less than can be drawn. A deal that chance often makes is found so.
    #[test]
    fn many_rearrangements_are_drawn_and_the_same_name_draws_the_same() {
        let low: Vec<f64> = (0..10).map(f64::from).collect();
        let high: Vec<f64> = (10..20).map(f64::from).collect();
        let p = unpaired(&low, &high, "figure", 9999);
        assert!((1e-4..=3e-4).contains(&p), "{p}");
        let mixed: Vec<f64> = (0..20).filter(|value| value % 2 == 0).map(f64::from).collect();
        let others: Vec<f64> = (0..20).filter(|value| value % 2 == 1).map(f64::from).collect();
        let p = unpaired(&mixed, &others, "figure", 9999);
        assert!(p > 0.4, "{p}");
        assert_eq!(unpaired(&mixed, &others, "figure", 9999), p);
        assert_ne!(unpaired(&mixed, &others, "another", 9999), p);
    }

    /// The drawn p is that of going through all: 2^16 turnings against the same with a pair that changes nothing, which are 2^17.
    #[test]
    fn what_is_drawn_is_what_is_counted() {
        let mut differences: Vec<f64> = (0..16).map(|index| f64::from(index % 5) - 1.5).collect();
        let counted = paired(&differences, "", 0);
        differences.push(0.0);
        let drawn = paired(&differences, "figure", 100_000);
        assert!((drawn / counted - 1.0).abs() < 0.5, "{counted} {drawn}");
    }
}
