//! The verdict on one figure: chance, noise and strength, each gate in words, then which way is better.

use serde::Serialize;
use twinrack_scenario::record::Better;

use super::rules::{ALPHA, Limits, SPREADS, SetBy};
use crate::text::number::{digits, quantity};

/// What became of a figure, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Worse by as much as fails.
    Failed,
    /// Worse by as much as warns.
    Warned,
    /// The new runs have no such figure.
    Gone,
    /// There are too few runs to tell.
    Undecided,
    /// Better.
    Improved,
    /// Different, and neither is better.
    Changed,
    /// The baseline has no such figure.
    Appeared,
    /// As it was.
    Unchanged,
}

impl Verdict {
    /// What it is called in a table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failed => "FAIL",
            Self::Warned => "warn",
            Self::Gone => "gone",
            Self::Undecided => "undecided",
            Self::Improved => "better",
            Self::Changed => "changed",
            Self::Appeared => "new",
            Self::Unchanged => "unchanged",
        }
    }
}

/// The values of a figure on one side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Side {
    /// Their mean.
    pub mean: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// How many.
    pub runs: usize,
}

impl Side {
    /// Of values; none of none.
    pub fn of(values: &[f64]) -> Option<Self> {
        (!values.is_empty()).then(|| Self {
            mean: mean(values),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            runs: values.len(),
        })
    }
}

/// How much a difference proves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Evidence {
    /// Every value is the same on both sides.
    Same,
    /// Simulated at the same seeds, and too few for a test: a fact about these seeds, and no more than that.
    Exact,
    /// Measured, or at other seeds, and too few for a test.
    TooFew,
    /// Tested: p as it is, and corrected for so many tests.
    Tested {
        /// Of this figure alone.
        p: f64,
        /// Among all.
        corrected: f64,
        /// How many figures were tested.
        among: usize,
    },
}

/// A figure on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// Its full name.
    pub figure: String,
    /// Its unit.
    pub unit: String,
    /// Which way it should go.
    pub better: Better,
    /// Its values in the baseline.
    pub base: Vec<f64>,
    /// Its values in the new runs.
    pub new: Vec<f64>,
    /// Whether values at the same place are of the same seed.
    pub paired: bool,
    /// Runs of each side that have no such figure.
    pub absent: [usize; 2],
}

impl Observed {
    /// The differences of pairs.
    pub fn differences(&self) -> Vec<f64> {
        self.base
            .iter()
            .zip(&self.new)
            .map(|(base, new)| new - base)
            .collect()
    }

    /// Whether all values of a pair, or all values there are, are the same.
    pub fn is_same(&self) -> bool {
        if self.paired {
            return self.base == self.new;
        }
        let all: Vec<f64> = self.base.iter().chain(&self.new).copied().collect();
        all.iter().all(|value| *value == all[0])
    }

    /// The standard deviation that the difference is held against: of the differences of pairs, else within the two sides.
    fn spread(&self) -> f64 {
        if self.paired {
            let differences = self.differences();
            return (squares(&differences) / (differences.len() as f64 - 1.0).max(1.0)).sqrt();
        }
        let freedom = (self.base.len() + self.new.len()) as f64 - 2.0;
        ((squares(&self.base) + squares(&self.new)) / freedom.max(1.0)).sqrt()
    }
}

/// The verdict on a figure, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FigureVerdict {
    /// Its full name.
    pub figure: String,
    /// Its unit.
    pub unit: String,
    /// Which way it should go.
    pub better: Better,
    /// What became of it.
    pub verdict: Verdict,
    /// In the baseline.
    pub base: Option<Side>,
    /// In the new runs.
    pub new: Option<Side>,
    /// The difference of the means as a share of the baseline's; none when that is zero.
    pub change: Option<f64>,
    /// p, corrected for all figures that were tested.
    pub p: Option<f64>,
    /// Its limits.
    pub limits: Limits,
    /// The reason in a word or two.
    pub because: &'static str,
    /// Every rule that was applied, in words.
    pub why: Vec<String>,
}

/// Judges a figure.
pub fn judge(observed: &Observed, evidence: Evidence, limits: Limits) -> FigureVerdict {
    let (base, new) = (Side::of(&observed.base), Side::of(&observed.new));
    let (verdict, because, why) = match (base, new) {
        (Some(base), Some(new)) => held(observed, base, new, evidence, limits),
        (Some(_), None) => (
            Verdict::Gone,
            "gone",
            vec!["no new run has this figure".to_owned()],
        ),
        (None, _) => (
            Verdict::Appeared,
            "new",
            vec!["the baseline has no such figure".to_owned()],
        ),
    };
    let change = base.zip(new).and_then(|(base, new)| share(base.mean, new.mean));
    FigureVerdict {
        figure: observed.figure.clone(),
        unit: observed.unit.clone(),
        better: observed.better,
        verdict,
        base,
        new,
        change,
        p: match evidence {
            Evidence::Tested { corrected, .. } => Some(corrected),
            _ => None,
        },
        limits,
        because,
        why,
    }
}

type Judged = (Verdict, &'static str, Vec<String>);

fn held(observed: &Observed, base: Side, new: Side, evidence: Evidence, limits: Limits) -> Judged {
    let mut why = Vec::new();
    if observed.absent != [0, 0] {
        let [of_base, of_new] = observed.absent;
        why.push(format!(
            "{of_base} runs of the baseline and {of_new} new ones lack it"
        ));
    }
    if evidence == Evidence::Same {
        why.push(match base.runs {
            1 => "the same value".to_owned(),
            runs => format!("the same value in all {runs} runs"),
        });
        return (Verdict::Unchanged, "the same", why);
    }
    let chance = is_no_chance(observed, evidence, &mut why);
    let noise = is_no_noise(observed, evidence, new.mean - base.mean, &mut why);
    let strength = is_strong(observed, base.mean, new.mean, limits, &mut why);
    let direction = direction(observed, base.mean, new.mean, limits, &mut why);
    match (strength, chance, noise) {
        (false, ..) => (Verdict::Unchanged, "too small to count", why),
        (true, None, _) => (Verdict::Undecided, "too few runs", why),
        (true, Some(false), _) => (Verdict::Unchanged, "may be chance", why),
        (true, _, false) => (Verdict::Unchanged, "within the noise", why),
        (true, Some(true), true) => (direction, "beyond the limits", why),
    }
}

/// The first gate: whether chance would hardly make such a difference; nothing when it can't be told.
fn is_no_chance(observed: &Observed, evidence: Evidence, why: &mut Vec<String>) -> Option<bool> {
    let (base, new) = (observed.base.len(), observed.new.len());
    let runs = if observed.paired {
        format!("{base} pairs at the same seeds")
    } else {
        format!("{base} against {new} runs")
    };
    match evidence {
        Evidence::Same => Some(false),
        Evidence::Exact => {
            why.push(match base {
                1 => "simulated at the same seed: the difference is exact".to_owned(),
                base => format!(
                    "simulated at the same {base} seeds: the difference is exact there; too few seeds to tell of others"
                ),
            });
            Some(true)
        }
        Evidence::TooFew => {
            why.push(format!("{runs} can't be told from chance: repeat them"));
            None
        }
        Evidence::Tested { p, corrected, among } => {
            let holds = corrected <= ALPHA;
            why.push(format!(
                "p = {} by permutation of {runs}, {} corrected for {among} tested: {}",
                digits(p),
                digits(corrected),
                if holds {
                    format!("at most {ALPHA}, so not chance")
                } else {
                    format!("over {ALPHA}, so it may be chance")
                }
            ));
            Some(holds)
        }
    }
}

/// The second gate: whether the difference stands out of the spread of the runs.
fn is_no_noise(observed: &Observed, evidence: Evidence, difference: f64, why: &mut Vec<String>) -> bool {
    let spread = observed.spread();
    if !matches!(evidence, Evidence::Tested { .. }) || spread == 0.0 {
        return true;
    }
    let spreads = difference.abs() / spread;
    let holds = spreads >= SPREADS;
    why.push(format!(
        "{} times the spread of {}: {} {SPREADS}, {}",
        digits(spreads),
        quantity(spread, &observed.unit),
        if holds { "at least" } else { "below" },
        if holds {
            "so out of the noise"
        } else {
            "so within the noise"
        },
    ));
    holds
}

/// The third gate: whether anybody would notice.
fn is_strong(observed: &Observed, base: f64, new: f64, limits: Limits, why: &mut Vec<String>) -> bool {
    let difference = (new - base).abs();
    if difference < limits.floor {
        why.push(format!(
            "a difference of {} is below {}, which is none",
            quantity(difference, &observed.unit),
            quantity(limits.floor, &observed.unit)
        ));
        return false;
    }
    let Some(change) = share(base, new) else {
        why.push(format!("{} where there was none", quantity(new, &observed.unit)));
        return true;
    };
    if change.abs() < limits.warn {
        why.push(format!(
            "{} is below {}, which does not count",
            signed(change),
            percent(limits.warn)
        ));
    }
    change.abs() >= limits.warn
}

/// Which way the difference goes, and how far.
fn direction(observed: &Observed, base: f64, new: f64, limits: Limits, why: &mut Vec<String>) -> Verdict {
    let change = share(base, new).unwrap_or(f64::INFINITY.copysign(new - base));
    let worse = match observed.better {
        Better::Neither => return Verdict::Changed,
        Better::Lower => change > 0.0,
        Better::Higher => change < 0.0,
    };
    if !worse {
        return Verdict::Improved;
    }
    let (verdict, limit, does) = if change.abs() >= limits.fail {
        (Verdict::Failed, limits.fail, "fails")
    } else {
        (Verdict::Warned, limits.warn, "warns")
    };
    if change.abs() >= limits.warn {
        why.push(format!(
            "{} is better, and {} worse {does}{}",
            observed.better.word(),
            percent(limit),
            by(limits)
        ));
    }
    verdict
}

/// Who set the limits, where somebody did.
pub fn by(limits: Limits) -> &'static str {
    match limits.by {
        SetBy::Default => "",
        SetBy::Scenario => " by the scenario's limits",
        SetBy::Command => " by --limit",
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sum of squared distances from the mean.
fn squares(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean) * (value - mean)).sum()
}

fn share(base: f64, new: f64) -> Option<f64> {
    (base != 0.0).then(|| (new - base) / base.abs())
}

/// A share of the baseline with its sign: `+22.2 %`.
pub fn signed(change: f64) -> String {
    if change.is_infinite() {
        return "from 0".to_owned();
    }
    let sign = if change > 0.0 { "+" } else { "" };
    format!("{sign}{} %", digits(change * 100.0))
}

/// A share without a sign: `5 %`.
pub fn percent(share: f64) -> String {
    format!("{} %", digits(share * 100.0))
}
