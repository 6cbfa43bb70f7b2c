//! Replications: the same question at one seed after another, until the mean is known well enough.
//!
//! All alternatives see the same seeds: differences between them are not drowned in differences between samples (common random
//! numbers). Seeds go in batches, and the rule looks at whole batches only, so that the number of threads never shows.

use rayon::prelude::*;
use twinrack_reports::text::seeds::mean_and_half_width;
use twinrack_scenario::spec::plan::ReplicationSpec;

use crate::question::PlanError;

/// Asks at seeds `first`, `first + 1`, … until the 95 % interval of the mean of `number` is narrow enough.
///
/// The answers are in the order of seeds. `ask` is given the answer at the first seed, as a hint, for all others.
pub fn replicate<T: Send + Sync>(
    spec: &ReplicationSpec,
    first: u64,
    number: impl Fn(&T) -> Option<f64> + Sync,
    ask: impl Fn(u64, Option<&T>) -> Result<T, PlanError> + Sync,
) -> Result<Vec<T>, PlanError> {
    let mut answers = vec![ask(first, None)?];
    while (answers.len() as u32) < spec.most {
        if answers.len() as u32 >= spec.least && is_known(spec, answers.iter().filter_map(&number)) {
            break;
        }
        let done = answers.len() as u64;
        // The first batch makes the least number full, the others are as large as it.
        let target = (done / u64::from(spec.least) + 1) * u64::from(spec.least);
        let until = target.min(u64::from(spec.most));
        let hint = &answers[0];
        let batch: Vec<T> = (done..until)
            .into_par_iter()
            .map(|index| ask(first.wrapping_add(index), Some(hint)))
            .collect::<Result<_, _>>()?;
        answers.extend(batch);
    }
    Ok(answers)
}

/// Whether the half-width of the 95 % interval is within the precision asked for.
fn is_known(spec: &ReplicationSpec, numbers: impl Iterator<Item = f64>) -> bool {
    let numbers: Vec<f64> = numbers.collect();
    match mean_and_half_width(&numbers) {
        (mean, Some(half)) => half <= spec.precision.0 * mean.abs(),
        _ => false,
    }
}

/// The share that holds, with its 95 % interval (Wilson, "Probable inference", 1927).
pub fn wilson(holds: usize, of: usize) -> (f64, f64) {
    const Z: f64 = 1.959_964;
    let (n, p) = (of as f64, holds as f64 / (of as f64).max(1.0));
    let middle = p + Z * Z / (2.0 * n);
    let half = Z * libm::sqrt(p * (1.0 - p) / n + Z * Z / (4.0 * n * n));
    let whole = 1.0 + Z * Z / n;
    (
        ((middle - half) / whole).max(0.0),
        ((middle + half) / whole).min(1.0),
    )
}

/// The value that a share of all is at or below; of sorted values.
pub fn quantile<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let rank = libm::ceil(share * sorted.len() as f64) as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// A 95 % interval; open at an end where there are too few values to tell.
pub type Interval<T> = (Option<T>, Option<T>);

/// The 95 % interval of a quantile, of sorted values, whatever their distribution: the order statistics that it lies between
/// (David and Nagaraja, "Order Statistics", 3rd ed., 7.1).
pub fn quantile_interval<T: Copy>(sorted: &[T], share: f64) -> Interval<T> {
    // Of n values the number at or below the quantile is binomial.
    let n = sorted.len();
    let binomial = |rank: usize| {
        let choices = libm::lgamma(n as f64 + 1.0)
            - libm::lgamma(rank as f64 + 1.0)
            - libm::lgamma((n - rank) as f64 + 1.0);
        let odds = rank as f64 * libm::log(share) + (n - rank) as f64 * libm::log1p(-share);
        libm::exp(choices + odds)
    };
    let mut below = 0.0;
    let (mut low, mut high) = (None, None);
    for rank in 0..=n {
        // `below` is the chance of fewer than `rank` values at or below the quantile.
        if below <= TAIL {
            low = rank.checked_sub(1).map(|at| sorted[at]);
        }
        if high.is_none() && below >= 1.0 - TAIL {
            high = rank.checked_sub(1).map(|at| sorted[at]);
        }
        below += binomial(rank);
    }
    (low, high)
}

/// What a 95 % interval leaves out at each end.
const TAIL: f64 = 0.025;

#[cfg(test)]
mod tests {
    use twinrack_scenario::units::Ratio;

    use super::*;

    fn spec(least: u32, most: u32, precision: f64) -> ReplicationSpec {
        ReplicationSpec {
            least,
            most,
            precision: Ratio(precision),
        }
    }

    #[test]
    fn it_goes_on_until_the_mean_is_known() {
        let number = |value: &f64| Some(*value);
        let steady = replicate(&spec(5, 50, 0.01), 0, number, |_, _| Ok(8.0));
        assert_eq!(steady.expect("runs").len(), 5);
        let noisy = |seed: u64, _: Option<&f64>| Ok(if seed.is_multiple_of(2) { 1.0 } else { 9.0 });
        assert_eq!(
            replicate(&spec(5, 23, 0.01), 0, number, noisy)
                .expect("runs")
                .len(),
            23
        );
        // 1 and 9 by turns: s = 4.1, mean 5; 2.1 * 4.1 / sqrt(n) <= 25 % of 5 from about 48 on.
        let known = replicate(&spec(10, 100, 0.25), 0, number, noisy).expect("runs");
        assert_eq!(known.len(), 50);
    }

    #[test]
    fn answers_are_in_the_order_of_seeds_whatever_the_threads() {
        let ask = |seed: u64, hint: Option<&u64>| Ok(seed * 10 + hint.map_or(0, |_| 1));
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("a pool");
            pool.install(|| replicate(&spec(8, 8, 0.0), 3, |_| None, ask).expect("runs"))
        };
        assert_eq!(on(1), [30, 41, 51, 61, 71, 81, 91, 101]);
        assert_eq!(on(7), on(1));
    }

    #[test]
    fn wilson_as_published() {
        // 10 of 10: (0.722, 1); 50 of 100: (0.404, 0.596).
        let (low, high) = wilson(10, 10);
        assert!((low - 0.7225).abs() < 1e-3 && (high - 1.0).abs() < 1e-9);
        let (low, high) = wilson(50, 100);
        assert!((low - 0.4038).abs() < 1e-3 && (high - 0.5962).abs() < 1e-3);
    }

    #[test]
    fn intervals_of_quantiles_as_in_the_tables() {
        // Of 20 values the 6th and the 15th hold the median with 95.9 %, of 100 the 40th and the 61st with 96.5 %.
        let values = |n: u32| (1..=n).collect::<Vec<u32>>();
        assert_eq!(quantile_interval(&values(20), 0.5), (Some(6), Some(15)));
        assert_eq!(quantile_interval(&values(100), 0.5), (Some(40), Some(61)));
        // The least of 20 is below the 5 % quantile with 64 % only: the interval is open.
        assert_eq!(quantile_interval(&values(20), 0.05), (None, Some(4)));
        assert_eq!(quantile_interval(&values(20), 0.95), (Some(17), None));
        assert_eq!(quantile_interval(&values(1), 0.5), (None, None));
    }

    #[test]
    fn quantiles_are_of_the_values_that_there_are() {
        assert_eq!(quantile(&[1, 2, 3, 4], 0.5), Some(2));
        assert_eq!(quantile(&[1, 2, 3, 4], 0.975), Some(4));
        assert_eq!(quantile(&[1, 2, 3, 4], 0.0), Some(1));
        assert_eq!(quantile::<u32>(&[], 0.5), None);
    }
}
