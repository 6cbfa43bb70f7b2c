//! Where a figure changed: at every step of what is simulated; of what is measured, where the mean before and after differ by more
//! than chance makes.
//!
//! Measured series are halved where the means differ most, as long as a permutation of the commits seldom does as well
//! (binary segmentation with a permutation test; cf. Matteson and James, *A nonparametric approach for multiple change point
//! analysis of multivariate data*, 2014, and the use of it on performance by Daly et al., ICPE 2020).

use twinrack_scenario::record::Better;
use twinrack_scenario::record::figure::kind_of;

use super::Series;
use crate::compare::permutation::Draws;
use crate::compare::rules::{ALPHA, Rules};

/// Commits on each side of a change of a measured figure at least.
const LEAST: usize = 4;
/// Draws that are as extreme after which no more tell anything.
const ENOUGH: u64 = 20;

/// A change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The first point after it.
    pub at: usize,
    /// By which share of the level before; infinite where that is zero.
    pub share: f64,
    /// Whether it was for the worse; nothing where neither way is better.
    pub worse: Option<bool>,
}

/// The changes of a series, of so many that are looked at together.
pub fn changes(series: &Series, among: usize) -> Vec<Change> {
    let means: Vec<f64> = series.points.iter().map(|(_, level)| level.mean()).collect();
    let places = if series.backend == "sim" {
        (1..means.len())
            .filter(|at| means[*at].to_bits() != means[at - 1].to_bits())
            .collect()
    } else {
        let mut places = Vec::new();
        halve(&means, 0, series, among, &mut places);
        places
    };
    told(series, &means, &places)
}

/// The places as changes, without those that nobody would notice.
fn told(series: &Series, means: &[f64], places: &[usize]) -> Vec<Change> {
    let limits = Rules::default().limits(&series.figure, &[]);
    let better = kind_of(&series.figure).map_or(Better::Neither, |kind| kind.better);
    let ends: Vec<usize> = places.iter().copied().chain([means.len()]).collect();
    let mut changes = Vec::new();
    let mut begin = 0;
    for ends in ends.windows(2) {
        let (at, end) = (ends[0], ends[1]);
        let (before, after) = (mean(&means[begin..at]), mean(&means[at..end]));
        let difference = after - before;
        let share = if before == 0.0 {
            f64::INFINITY.copysign(difference)
        } else {
            difference / before.abs()
        };
        if difference.abs() >= limits.floor && share.abs() >= limits.warn {
            let worse = match better {
                Better::Lower => Some(difference > 0.0),
                Better::Higher => Some(difference < 0.0),
                Better::Neither => None,
            };
            changes.push(Change { at, share, worse });
            begin = at;
        }
    }
    changes
}

/// Adds the places of changes within `means`, which begin at point `first`, in order.
fn halve(means: &[f64], first: usize, series: &Series, among: usize, places: &mut Vec<usize>) {
    let Some((at, strength)) = best(means) else { return };
    let name = format!("{} {} {} {first}", series.scenario, series.backend, series.figure);
    if !is_no_chance(means, strength, &name, among) {
        return;
    }
    halve(&means[..at], first, series, among, places);
    places.push(first + at);
    halve(&means[at..], first + at, series, among, places);
}

/// Where the two sides differ most, and how much: the squared difference of the means, weighted by how many points there are.
fn best(means: &[f64]) -> Option<(usize, f64)> {
    let count = means.len();
    if count < 2 * LEAST {
        return None;
    }
    let total: f64 = means.iter().sum();
    let mut left = means[..LEAST - 1].iter().sum::<f64>();
    let mut best: Option<(usize, f64)> = None;
    for at in LEAST..=count - LEAST {
        left += means[at - 1];
        let (one, other) = (at as f64, (count - at) as f64);
        let difference = left / one - (total - left) / other;
        let strength = difference * difference * one * other / count as f64;
        if best.is_none_or(|(_, most)| strength > most) {
            best = Some((at, strength));
        }
    }
    best.filter(|(_, strength)| *strength > 0.0)
}

/// Whether the same points in another order seldom differ as much anywhere. The limit is shared among all series.
fn is_no_chance(means: &[f64], strength: f64, name: &str, among: usize) -> bool {
    let limit = ALPHA / among.max(1) as f64;
    let most = (ENOUGH as f64 / limit) as u64;
    let mut draws = Draws::of(name);
    let mut values = means.to_vec();
    let mut hits = 0;
    for _ in 0..most {
        for place in 0..values.len() {
            let other = place + draws.below(values.len() - place);
            values.swap(place, other);
        }
        // A hair of tolerance: the same points in another order add up to a hair else.
        hits += u64::from(best(&values).is_some_and(|(_, other)| other >= strength * (1.0 - 1e-12)));
        if hits >= ENOUGH {
            return false;
        }
    }
    (hits + 1) as f64 / (most + 1) as f64 <= limit
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
