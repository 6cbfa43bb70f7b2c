//! Which model is off: the parameter, or the two, whose change within bounds removes most of what the bodies differ by.
//!
//! Each parameter leaves a signature in the rounds of a migration. A goodput that is wrong shows in every round in proportion to its
//! bytes, a dirty rate in the pages of the next round, a pause only in the black-out. So for each one, and for pairs of the most
//! suspect with every other, the simulator is run again with other values until the difference is least. Which explanation is
//! taken is decided by the Bayesian information criterion, which asks of every further parameter that it pays for itself:
//!
//! ```text
//! BIC = n ln(max(χ²/n, 1)) + k ln n          n quantities, k parameters changed
//! ```
//!
//! A difference within what may differ without a reason (χ²/n ≤ 1) is nobody's fault. One explanation is taken over a simpler one
//! when it is better by more than 6, "strong evidence" (Kass and Raftery 1995).

use std::collections::BTreeMap;

use twinrack_scenario::Scenario;

use super::Simulate;
use super::fit::{fit, jacobian};
use super::parameter::Parameter;
use super::quantity::{Key, Observed, Quantity};
use crate::run::Run;

/// How much better an explanation must be than a simpler one.
const STRONG: f64 = 6.0;
/// The suspects that are tried together with every other parameter.
const PAIRED: usize = 3;
/// Starts of a parameter that multiplies: an error of twice or half is far from any straight line.
const STARTS: [f64; 3] = [1.0, 0.7, 1.4];

/// An explanation.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspect {
    /// The parameters, what they were, and what they would have to be.
    pub changes: Vec<(Parameter, f64, f64)>,
    /// The share of the difference that this removes.
    pub explains: f64,
    /// What is left, per quantity: 1 is what may differ without a reason.
    pub left: f64,
    criterion: f64,
}

impl Suspect {
    /// Whether it explains what is off about as well as what was named for it.
    pub fn rivals(&self, named: &Self) -> bool {
        self.criterion < named.criterion + STRONG
    }
}

/// What the bodies differ by, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Blame {
    /// Each quantity of the lab, and what the simulation has in its place.
    pub quantities: Vec<(Key, Quantity, Option<f64>)>,
    /// The difference per quantity: 1 is what may differ without a reason.
    pub differ: f64,
    /// What is off; nothing when nothing is.
    pub named: Option<Suspect>,
    /// Other single parameters that would explain it, the best first.
    pub others: Vec<Suspect>,
    /// Parameters that change nothing of what the lab told.
    pub untold: Vec<Parameter>,
}

/// Looks for what is off in a simulated repetition of a lab's run.
pub fn blame(lab: &Run, scenario: &Scenario, simulate: Simulate<'_>) -> Result<Blame, String> {
    let court = Court::new(Observed::of_lab(lab), scenario, simulate)?;
    if court.lab.0.is_empty() {
        return Ok(court.acquitted());
    }
    let mut singles = Vec::new();
    for parameter in court.told.clone() {
        singles.push(court.alone(parameter)?);
    }
    singles.sort_by(|a, b| {
        a.criterion
            .total_cmp(&b.criterion)
            .then(a.left.total_cmp(&b.left))
    });
    let mut best: Option<Suspect> = None;
    let mut criterion = court.criterion(court.cost, 0);
    if let Some(single) = singles
        .first()
        .filter(|single| single.criterion + STRONG < criterion)
    {
        criterion = single.criterion;
        best = Some(single.clone());
        for pair in court.pairs(&singles)? {
            if pair.criterion + STRONG < criterion
                && best.as_ref().is_some_and(|best| best.changes.len() == 1)
                || best
                    .as_ref()
                    .is_some_and(|best| best.changes.len() == 2 && pair.criterion < best.criterion)
            {
                best = Some(pair);
            }
        }
    }
    let named: Vec<Parameter> = best
        .iter()
        .flat_map(|best| best.changes.iter().map(|change| change.0))
        .collect();
    let before = court.criterion(court.cost, 0);
    let mut blame = court.acquitted();
    blame.named = best;
    blame.others = singles
        .into_iter()
        .filter(|single| single.criterion + STRONG < before && !named.contains(&single.changes[0].0))
        .collect();
    Ok(blame)
}

/// One lab's run, and the simulator that is asked again and again.
struct Court<'a> {
    lab: Observed,
    simulated: Observed,
    scenario: &'a Scenario,
    simulate: Simulate<'a>,
    cost: f64,
    count: usize,
    /// Parameters that change something.
    told: Vec<Parameter>,
}

impl<'a> Court<'a> {
    fn new(lab: Observed, scenario: &'a Scenario, simulate: Simulate<'a>) -> Result<Self, String> {
        let simulated = observed(scenario, &[], simulate)?;
        let residuals = lab.residuals(&simulated);
        let mut court = Self {
            cost: residuals.iter().map(|own| own * own).sum(),
            count: residuals.len(),
            lab,
            simulated,
            scenario,
            simulate,
            told: Vec::new(),
        };
        let all = Parameter::of_one_run();
        let starts: Vec<f64> = all.iter().map(|own| own.of(&scenario.spec)).collect();
        let free: Vec<_> = all
            .iter()
            .zip(&starts)
            .map(|(own, start)| own.free(*start))
            .collect();
        let columns = jacobian(&free, &starts, &residuals, &mut |values| {
            court.residuals(&all, values)
        })?;
        court.told = all
            .into_iter()
            .zip(columns)
            .filter(|(_, column)| column.iter().any(|own| *own != 0.0))
            .map(|(parameter, _)| parameter)
            .collect();
        Ok(court)
    }

    fn residuals(&self, parameters: &[Parameter], values: &[f64]) -> Result<Vec<f64>, String> {
        let changes: Vec<(Parameter, f64)> = parameters.iter().copied().zip(values.iter().copied()).collect();
        Ok(self
            .lab
            .residuals(&observed(self.scenario, &changes, self.simulate)?))
    }

    fn criterion(&self, cost: f64, parameters: usize) -> f64 {
        let count = self.count.max(2) as f64;
        count * libm::log((cost / count).max(1.0)) + parameters as f64 * libm::log(count)
    }

    /// The best that a change of one parameter does.
    fn alone(&self, parameter: Parameter) -> Result<Suspect, String> {
        let own = parameter.of(&self.scenario.spec);
        let starts = if parameter.multiplies() {
            &STARTS[..]
        } else {
            &STARTS[..1]
        };
        let mut best: Option<Suspect> = None;
        for start in starts {
            let suspect = self.fitted(&[parameter], &[own * start])?;
            if best
                .as_ref()
                .is_none_or(|best| suspect.criterion < best.criterion)
            {
                best = Some(suspect);
            }
        }
        best.map_or_else(|| self.fitted(&[parameter], &[own]), Ok)
    }

    /// The most suspect together with every other.
    fn pairs(&self, singles: &[Suspect]) -> Result<Vec<Suspect>, String> {
        let mut pairs: BTreeMap<(Parameter, Parameter), Suspect> = BTreeMap::new();
        for single in singles.iter().take(PAIRED) {
            let (first, _, to) = single.changes[0];
            for other in self.told.iter().copied().filter(|other| *other != first) {
                let key = (first.min(other), first.max(other));
                if pairs.contains_key(&key) {
                    continue;
                }
                let suspect = self.fitted(&[first, other], &[to, other.of(&self.scenario.spec)])?;
                pairs.insert(key, suspect);
            }
        }
        Ok(pairs.into_values().collect())
    }

    fn fitted(&self, parameters: &[Parameter], starts: &[f64]) -> Result<Suspect, String> {
        let free: Vec<_> = parameters
            .iter()
            .zip(starts)
            .map(|(own, start)| own.free(*start))
            .collect();
        let fit = fit(&free, &mut |values| self.residuals(parameters, values))?;
        let from = |own: &Parameter| own.of(&self.scenario.spec);
        Ok(Suspect {
            changes: parameters
                .iter()
                .zip(&fit.values)
                .map(|(own, to)| (*own, from(own), *to))
                .collect(),
            explains: if self.cost > 0.0 {
                1.0 - fit.cost / self.cost
            } else {
                0.0
            },
            left: fit.cost / self.count.max(1) as f64,
            criterion: self.criterion(fit.cost, parameters.len()),
        })
    }

    /// Nothing is off.
    fn acquitted(&self) -> Blame {
        let there = |key: &Key| self.simulated.0.get(key).map(|own| own.value);
        Blame {
            quantities: self
                .lab
                .0
                .iter()
                .map(|(key, own)| (key.clone(), *own, there(key)))
                .collect(),
            differ: self.cost / self.count.max(1) as f64,
            named: None,
            others: Vec::new(),
            untold: Parameter::of_one_run()
                .into_iter()
                .filter(|own| !self.told.contains(own))
                .collect(),
        }
    }
}

/// What the simulator makes of a scenario with other values of some parameters.
pub fn observed(
    scenario: &Scenario,
    changes: &[(Parameter, f64)],
    simulate: Simulate<'_>,
) -> Result<Observed, String> {
    let mut changed = scenario.clone();
    for (parameter, value) in changes {
        parameter.put(*value, &mut changed.spec);
    }
    let run = simulate(&changed)?;
    Ok(Observed::of_simulated(&run, &changed.spec))
}
