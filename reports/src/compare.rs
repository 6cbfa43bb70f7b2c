//! Comparison of runs: at one seed the first event in which they differ, over seeds a verdict on each figure, with its reasons.
//!
//! It starts from records and baselines and runs nothing. A difference is a regression when it passes three gates, in
//! [`gates`]: chance, noise and strength.

pub mod baseline;
pub mod dashboards;
pub mod exact;
pub mod explain;
pub mod gates;
mod holm;
pub mod junit;
pub mod markdown;
mod matching;
pub(crate) mod permutation;
pub mod rules;
pub mod suite;
#[cfg(test)]
mod tests;
pub mod text;

use serde::Serialize;

pub use baseline::bless;
pub use exact::Exactly;
pub use gates::{FigureVerdict, Verdict};
pub use rules::Rules;
pub use suite::{CompareError, Suite};

use gates::{Evidence, Observed, judge};
use matching::Matched;
use rules::ALPHA;

/// Version of the form of `--format json`.
pub const SCHEMA: &str = "twinrack-compare-1";

/// Draws for each tested figure at least, and for each that a p must be able to reach below the corrected limit.
const DRAWS: u64 = 9_999;
/// Of the draws that resolve the limit, so many times as many are made.
const RESOLUTION: f64 = 5.0;

/// A comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Where the baseline is.
    pub base: String,
    /// Where the new runs are.
    pub new: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Scenario by scenario.
    pub scenarios: Vec<ScenarioComparison>,
    /// Runs of the baseline that the new side lacks.
    pub missing: Vec<String>,
    /// Runs of the new side that the baseline lacks.
    pub added: Vec<String>,
    /// The command that makes this comparison again; empty where nobody said.
    pub repeat: String,
    /// The command that makes the new runs the baseline, where it is a file.
    pub bless: Option<String>,
}

/// What came of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing is worse.
    Passed,
    /// Something is worse by as much as warns, or is missing.
    Warned,
    /// Something is worse by as much as fails.
    Failed,
    /// Nothing could be compared.
    Nothing,
}

/// One scenario on one body.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScenarioComparison {
    /// Its name.
    pub name: String,
    /// The body.
    pub backend: String,
    /// Seeds of the baseline's runs.
    pub base_seeds: Vec<u64>,
    /// Seeds of the new runs.
    pub new_seeds: Vec<u64>,
    /// Whether the scenario itself is another one.
    pub scenario_differs: bool,
    /// Seeds at which the runs are identical.
    pub identical: Vec<u64>,
    /// Seeds at which they differ, and in what.
    pub differing: Vec<Differing>,
    /// The verdict on each figure, the worst first.
    pub figures: Vec<FigureVerdict>,
}

/// Two runs at one seed that differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Differing {
    /// The seed.
    pub seed: u64,
    /// In what.
    #[serde(flatten)]
    pub exactly: Exactly,
}

impl Comparison {
    /// How many figures have a verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        let figures = self.scenarios.iter().flat_map(|scenario| &scenario.figures);
        figures.filter(|figure| figure.verdict == verdict).count()
    }

    /// How many figures there are.
    pub fn figures(&self) -> usize {
        self.scenarios.iter().map(|scenario| scenario.figures.len()).sum()
    }

    /// Whether anything at all is otherwise than it was, for the better or not, and be it a run that is new.
    pub fn differs(&self) -> bool {
        let moved = |scenario: &ScenarioComparison| {
            let unchanged = |figure: &FigureVerdict| figure.verdict == Verdict::Unchanged;
            !scenario.differing.is_empty() || !scenario.figures.iter().all(unchanged)
        };
        self.scenarios.iter().any(moved) || !self.missing.is_empty() || !self.added.is_empty()
    }

    fn outcome(&self) -> Outcome {
        let any = |verdict| self.count(verdict) > 0;
        let untold =
            [Verdict::Undecided, Verdict::Gone, Verdict::Appeared].map(|verdict| self.count(verdict));
        if any(Verdict::Failed) {
            Outcome::Failed
        } else if untold.iter().sum::<usize>() == self.figures() {
            Outcome::Nothing
        } else if any(Verdict::Warned) || any(Verdict::Gone) || !self.missing.is_empty() {
            Outcome::Warned
        } else {
            Outcome::Passed
        }
    }
}

/// Compares the runs of two sides.
pub fn compare(base: &Suite, new: &Suite, rules: &Rules) -> Result<Comparison, CompareError> {
    let matching::Matching {
        matched,
        missing,
        added,
    } = matching::matching(base, new);
    let observed: Vec<Vec<Observed>> = matched.iter().map(Matched::observed).collect();
    let names = matched.iter().map(|matched| matched.name);
    let evidence = evidence(&names.zip(&observed).collect::<Vec<_>>());
    let scenarios = matched
        .iter()
        .zip(observed.iter().zip(evidence))
        .map(|(matched, (observed, evidence))| scenario(matched, observed, &evidence, rules))
        .collect::<Result<_, _>>()?;
    let mut comparison = Comparison {
        schema: SCHEMA,
        base: base.from.clone(),
        new: new.from.clone(),
        outcome: Outcome::Nothing,
        scenarios,
        missing,
        added,
        repeat: String::new(),
        bless: None,
    };
    comparison.outcome = comparison.outcome();
    Ok(comparison)
}

fn scenario(
    matched: &Matched,
    observed: &[Observed],
    evidence: &[Evidence],
    rules: &Rules,
) -> Result<ScenarioComparison, CompareError> {
    let (mut identical, mut differing) = (Vec::new(), Vec::new());
    for (base, new) in matched.pairs() {
        match exact::exactly(base, new)? {
            Exactly::Identical => identical.push(base.seed),
            exactly => differing.push(Differing {
                seed: base.seed,
                exactly,
            }),
        }
    }
    let mut figures: Vec<FigureVerdict> = observed
        .iter()
        .zip(evidence)
        .map(|(observed, evidence)| {
            let limits = rules.limits(&observed.figure, matched.limits());
            judge(observed, *evidence, limits)
        })
        .collect();
    figures.sort_by_key(|figure| figure.verdict);
    Ok(ScenarioComparison {
        name: matched.name.to_owned(),
        backend: matched.backend.to_owned(),
        base_seeds: matched.base.iter().map(|sample| sample.seed).collect(),
        new_seeds: matched.new.iter().map(|sample| sample.seed).collect(),
        scenario_differs: matched.scenario_differs(),
        identical,
        differing,
        figures,
    })
}

/// What the differences prove, scenario by scenario, figure by figure: all tests of a comparison are corrected together.
fn evidence(scenarios: &[(&str, &Vec<Observed>)]) -> Vec<Vec<Evidence>> {
    let all = || scenarios.iter().flat_map(|(_, observed)| observed.iter());
    // Which figures are tested depends on how many values there are and on whether any differ, never on which side they are of:
    // the choice favours no verdict.
    let candidates = all().filter(|observed| can_be_tested(observed, 1)).count().max(1);
    let is_tested = |observed: &Observed| can_be_tested(observed, candidates);
    let draws = DRAWS.max((RESOLUTION * candidates as f64 / ALPHA) as u64);
    let tests: Vec<f64> = scenarios
        .iter()
        .flat_map(|(name, observed)| {
            observed
                .iter()
                .filter(|observed| is_tested(observed))
                .map(move |observed| test(observed, name, draws))
        })
        .collect();
    let mut told = tests.iter().zip(holm::corrected(&tests));
    let mut one = |observed: &Observed| {
        if observed.is_same() {
            return Evidence::Same;
        }
        match is_tested(observed).then(|| told.next()).flatten() {
            Some((p, corrected)) => Evidence::Tested {
                p: *p,
                corrected,
                among: tests.len(),
            },
            None if observed.paired => Evidence::Exact,
            None => Evidence::TooFew,
        }
    };
    scenarios
        .iter()
        .map(|(_, observed)| observed.iter().map(&mut one).collect())
        .collect()
}

/// Whether the values of a figure could prove a difference among so many tests.
fn can_be_tested(observed: &Observed, among: usize) -> bool {
    let (base, new) = (observed.base.len(), observed.new.len());
    let least = if observed.paired {
        permutation::least_paired(base)
    } else {
        permutation::least_unpaired(base, new)
    };
    base > 0 && new > 0 && !observed.is_same() && least * among as f64 <= ALPHA
}

fn test(observed: &Observed, scenario: &str, draws: u64) -> f64 {
    let name = format!("{scenario} {}", observed.figure);
    if observed.paired {
        permutation::paired(&observed.differences(), &name, draws)
    } else {
        permutation::unpaired(&observed.base, &observed.new, &name, draws)
    }
}
