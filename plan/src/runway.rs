//! The runway: how full the hosts get month by month as VMs grow, and when they no longer hold.
//!
//! Each seed has its own growth and its own sample of demand. A few amounts of growth are surveyed by running them, beyond the limit
//! too; a month between two of them is told by a straight line. When the limit is met is not told by lines: it was searched.

use rayon::prelude::*;
use serde::Serialize;
use twinrack_scenario::spec::plan::PlanSpec;

use crate::headroom::{Headroom, STEP, STEPS};
use crate::means::Means;
use crate::measured::used;
use crate::question::{Alternative, PlanError};
use crate::replicate::quantile;
use crate::trial::{Candidate, Trial};

/// Most months that are looked at: ten years.
const MONTHS_MAX: f64 = 120.0;
/// Fewest months that are looked at.
const MONTHS_MIN: f64 = 6.0;
/// Most points of the fan.
const POINTS_MAX: u32 = 24;
/// Amounts of growth that are surveyed at each seed, none and the most included.
const SURVEYED: u32 = 4;

/// A spread over the samples: 5 %, 50 % and 95 % of them are at or below.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// 5 %.
    pub p5: f64,
    /// 50 %.
    pub p50: f64,
    /// 95 %.
    pub p95: f64,
}

/// The hosts at a month.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Month {
    /// Months from now.
    pub month: u32,
    /// VMs.
    pub vms: Spread,
    /// How much is used of the limit that is nearest, 1 at the limit.
    pub fullness: Spread,
    /// Highest use of all processors, as a share.
    pub cpu: Spread,
    /// Memory given, as a share of what is there while what may be missing is missing.
    pub memory: Spread,
    /// Share of samples in which all that must hold still holds.
    pub holds: f64,
}

/// One surveyed amount of growth.
#[derive(Debug, Clone, Copy)]
struct Knot {
    growth: f64,
    fullness: f64,
    cpu: f64,
    memory: f64,
}

/// The months, from now until all samples but a few are past their limit; nothing where nothing grows.
pub(crate) fn runway(
    plan: &PlanSpec,
    alternative: &Alternative,
    hosts: u32,
    headroom: &Headroom,
    means: &Means<'_>,
) -> Result<Vec<Month>, PlanError> {
    let Some(last) = last_month(headroom) else {
        return Ok(Vec::new());
    };
    let first_seed = alternative.scenario.spec.seed;
    let knots: Vec<Vec<Knot>> = headroom
        .monthly
        .par_iter()
        .enumerate()
        .map(|(index, monthly)| {
            let most = compounded(*monthly, last);
            let growths =
                (0..SURVEYED).map(|at| on_step(1.0 + (most - 1.0) * f64::from(at) / f64::from(SURVEYED - 1)));
            let mut knots: Vec<Knot> = Vec::new();
            for growth in growths {
                if knots.last().is_some_and(|knot| knot.growth >= growth) {
                    continue;
                }
                let candidate = Candidate {
                    growth,
                    whole: true,
                    ..Candidate::of(hosts, first_seed.wrapping_add(index as u64))
                };
                let before = knots.last().map_or(0.0, |knot| knot.fullness);
                let trial = means.trial(alternative, plan, candidate)?;
                knots.extend(Knot::of(growth, before, &trial));
            }
            Ok(knots)
        })
        .collect::<Result<_, PlanError>>()?;
    let step = last.div_ceil(POINTS_MAX).max(1);
    let months = (0..=last).step_by(step as usize);
    Ok(months.filter_map(|month| at(month, headroom, &knots)).collect())
}

/// A quarter further than the time that nineteen of twenty samples last, as far as growth is tried.
fn last_month(headroom: &Headroom) -> Option<u32> {
    let fastest = headroom.monthly.iter().copied().fold(0.0, f64::max);
    if fastest <= 0.0 {
        return None;
    }
    let finite = headroom
        .months
        .iter()
        .copied()
        .filter(|months| months.is_finite());
    let mut finite: Vec<f64> = finite.collect();
    finite.sort_by(f64::total_cmp);
    let late = quantile(&finite, 0.95).unwrap_or(MONTHS_MAX);
    let tried = libm::log1p(STEP * f64::from(STEPS)) / libm::log1p(fastest);
    Some(libm::ceil((1.25 * late).clamp(MONTHS_MIN, MONTHS_MAX)).min(tried) as u32)
}

/// Growth of a month over so many.
fn compounded(monthly: f64, months: u32) -> f64 {
    libm::pow(1.0 + monthly, f64::from(months))
}

/// Growth, on the steps in which it is tried.
fn on_step(growth: f64) -> f64 {
    1.0 + STEP * libm::round((growth - 1.0) / STEP)
}

fn at(month: u32, headroom: &Headroom, knots: &[Vec<Knot>]) -> Option<Month> {
    let growths: Vec<f64> = headroom
        .monthly
        .iter()
        .map(|monthly| compounded(*monthly, month))
        .collect();
    let spread = |of: fn(&Knot) -> f64| {
        let values = growths.iter().zip(knots);
        Spread::of(
            values
                .filter_map(|(growth, knots)| between(knots, *growth, of))
                .collect(),
        )
    };
    let hold = headroom
        .months
        .iter()
        .filter(|lasts| **lasts > f64::from(month))
        .count();
    Some(Month {
        month,
        vms: Spread::of(
            growths
                .iter()
                .map(|growth| growth * f64::from(headroom.vms))
                .collect(),
        )?,
        fullness: spread(|knot| knot.fullness)?,
        cpu: spread(|knot| knot.cpu)?,
        memory: spread(|knot| knot.memory)?,
        holds: hold as f64 / headroom.months.len().max(1) as f64,
    })
}

/// What lies between the surveyed amounts of growth, by a straight line; the nearest beyond them.
fn between(knots: &[Knot], growth: f64, of: fn(&Knot) -> f64) -> Option<f64> {
    let after = knots.iter().position(|knot| knot.growth >= growth);
    match after {
        Some(0) => knots.first().map(of),
        None => knots.last().map(of),
        Some(after) => {
            let (low, high) = (&knots[after - 1], &knots[after]);
            let share = (growth - low.growth) / (high.growth - low.growth);
            Some(of(low) + share * (of(high) - of(low)))
        }
    }
}

impl Knot {
    /// Of a trial that was surveyed as a whole. What broke so badly that its figure is absent, such as a drain that never ends,
    /// is past its limit, and no less than with fewer VMs.
    fn of(growth: f64, before: f64, trial: &Trial) -> Option<Self> {
        let usage = trial.usage.as_ref()?;
        let least = if trial.holds { before } else { before.max(1.0) };
        let levels = trial.levels.iter().filter_map(used).map(|(_, share)| share);
        Some(Self {
            growth,
            fullness: levels.fold(usage.memory_short.max(least), f64::max),
            cpu: usage.cpu_peak,
            memory: usage.memory_short,
        })
    }
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        Some(Self {
            p5: quantile(&values, 0.05)?,
            p50: quantile(&values, 0.5)?,
            p95: quantile(&values, 0.95)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headroom(monthly: &[f64], months: &[f64]) -> Headroom {
        Headroom {
            vms: 100,
            more: vec![0; months.len()],
            monthly: monthly.to_vec(),
            months: months.to_vec(),
            beyond: false,
        }
    }

    #[test]
    fn it_looks_a_little_further_than_almost_all_last() {
        assert_eq!(last_month(&headroom(&[0.02, 0.02], &[10.0, 20.0])), Some(25));
        assert_eq!(last_month(&headroom(&[0.02], &[1.0])), Some(6));
        assert_eq!(last_month(&headroom(&[0.0], &[f64::INFINITY])), None);
        // Four times the VMs are the most that is tried: ln 4 / ln 1.5 months.
        assert_eq!(last_month(&headroom(&[0.5], &[100.0])), Some(3));
    }

    #[test]
    fn months_between_surveys_lie_on_a_line() {
        let knot = |growth: f64| Knot {
            growth,
            fullness: growth / 2.0,
            cpu: growth / 4.0,
            memory: growth / 8.0,
        };
        let knots = vec![[1.0, 1.5, 2.0].map(knot).to_vec(); 2];
        let month = at(12, &headroom(&[0.02, 0.03], &[11.0, 13.0]), &knots).expect("a month");
        let [slow, fast] = [1.02_f64, 1.03].map(|growth| growth.powi(12));
        assert!((month.fullness.p5 - slow / 2.0).abs() < 1e-12);
        assert!((month.cpu.p95 - fast / 4.0).abs() < 1e-12);
        assert!((month.vms.p95 - 100.0 * fast).abs() < 1e-9);
        assert_eq!(month.holds, 0.5);
    }
}
