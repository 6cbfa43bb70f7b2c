//! Headroom: how many VMs more the hosts hold, and how long growth takes to get there.

use rayon::prelude::*;
use serde::Serialize;
use twinrack_scenario::spec::plan::PlanSpec;

use crate::means::Means;
use crate::question::{Alternative, PlanError};
use crate::replicate::{Interval, quantile, quantile_interval};
use crate::search::{Found, bisection};
use crate::trial::Candidate;

/// Growth is tried in steps of this share of the VMs.
pub(crate) const STEP: f64 = 0.01;
/// Growth is tried up to this many steps: four times the VMs.
pub(crate) const STEPS: u32 = 300;

/// What is left.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Headroom {
    /// VMs there are.
    pub vms: u32,
    /// VMs more of the same mix, at each seed: the most that held, in steps of 1 %.
    pub more: Vec<u32>,
    /// Growth a month at each seed.
    pub monthly: Vec<f64>,
    /// Months until the hosts no longer hold, at each seed; infinite without growth.
    pub months: Vec<f64>,
    /// Whether more was left than was tried, at some seed.
    pub beyond: bool,
}

impl Headroom {
    /// The headroom of so many hosts, at as many seeds as there are replications at least; nothing without growth.
    pub(crate) fn of(
        plan: &PlanSpec,
        alternative: &Alternative,
        hosts: u32,
        means: &Means<'_>,
    ) -> Result<Option<Self>, PlanError> {
        let Some(growth) = &plan.growth else {
            return Ok(None);
        };
        let first = alternative.scenario.spec.seed;
        let count = plan.replications.least;
        let breaks = |seed: u64, steps: u32| {
            let candidate = Candidate {
                growth: 1.0 + STEP * f64::from(steps),
                ..Candidate::of(hosts, seed)
            };
            means
                .trial(alternative, plan, candidate)
                .map(|trial| !trial.holds)
        };
        let found: Vec<Found> = (0..u64::from(count))
            .into_par_iter()
            .map(|index| {
                bisection(&(0..=STEPS), Some(10), |steps| {
                    breaks(first.wrapping_add(index), steps)
                })
            })
            .collect::<Result<_, _>>()?;
        let vms = alternative.scenario.vms.len();
        let steps = found
            .iter()
            .map(|found| found.number().unwrap_or(STEPS + 1).saturating_sub(1));
        let shares: Vec<f64> = steps.map(|steps| STEP * f64::from(steps)).collect();
        // One draw from each part of the distribution: as many parts as seeds (McKay, Beckman and Conover 1979).
        let draw = |index: u32| {
            let part = (f64::from(index) + 0.5) / f64::from(count);
            (growth.monthly.0 + growth.deviation.0 * normal_quantile(part)).max(0.0)
        };
        let monthly: Vec<f64> = (0..count).map(draw).collect();
        let months = shares.iter().zip(&monthly);
        Ok(Some(Self {
            vms,
            more: shares
                .iter()
                .map(|share| (share * f64::from(vms)) as u32)
                .collect(),
            months: months
                .map(|(share, monthly)| libm::log1p(*share) / libm::log1p(*monthly))
                .collect(),
            monthly,
            beyond: found.contains(&Found::None),
        }))
    }

    /// VMs more: the 5 % quantile, the median, the 95 % quantile.
    pub fn more_spread(&self) -> [u32; 3] {
        let mut sorted = self.more.clone();
        sorted.sort_unstable();
        SHARES.map(|share| quantile(&sorted, share).unwrap_or(0))
    }

    /// Months left: the 5 % quantile, the median, the 95 % quantile.
    pub fn months_spread(&self) -> [f64; 3] {
        let sorted = self.months_sorted();
        SHARES.map(|share| quantile(&sorted, share).unwrap_or(0.0))
    }

    /// The 95 % intervals of these three.
    pub fn months_intervals(&self) -> [Interval<f64>; 3] {
        let sorted = self.months_sorted();
        SHARES.map(|share| quantile_interval(&sorted, share))
    }

    /// The 95 % intervals of VMs more.
    pub fn more_intervals(&self) -> [Interval<u32>; 3] {
        let mut sorted = self.more.clone();
        sorted.sort_unstable();
        SHARES.map(|share| quantile_interval(&sorted, share))
    }

    fn months_sorted(&self) -> Vec<f64> {
        let mut sorted = self.months.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

/// The quantiles that are told.
const SHARES: [f64; 3] = [0.05, 0.5, 0.95];

/// The value that a standard normal number is below with a probability, by halving its distribution function.
fn normal_quantile(probability: f64) -> f64 {
    let below = |x: f64| 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);
    let (mut low, mut high) = (-9.0, 9.0);
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        if below(middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_quantile_of_the_tables() {
        for (probability, x) in [(0.5, 0.0), (0.975, 1.959_964), (0.05, -1.644_854)] {
            assert!((normal_quantile(probability) - x).abs() < 1e-6, "{probability}");
        }
    }
}
