//! How often a comparison of runs that vary is wrong: false alarms over unchanged runs, and slowdowns that are found, by kind of noise.

use super::{FIGURES, compared, sample, suite};
use crate::compare::{Outcome, Suite, Verdict};

/// Comparisons of each kind.
const PAIRS: usize = 100;
/// Runs on each side.
const REPEATS: usize = 20;

/// What varies from run to run.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Each figure by itself, with this coefficient of variation.
    Normal(f64),
    /// Likewise by 3 %, and one value in twenty is 30 % greater: something else ran on the machine.
    Outliers,
    /// The machine drifts, all figures with it: first-order autoregressive, 0.9 from run to run, 3 % in all; each figure by 1 %.
    Drift(Order),
}

/// In which order the runs of both sides are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// The baseline's, then the new ones.
    OneAfterTheOther,
    /// By turns.
    ByTurns,
}

/// The kinds, and what the manual calls them.
const KINDS: [(Kind, &str); 6] = [
    (Kind::Normal(0.01), "each figure varies by 1 %"),
    (Kind::Normal(0.03), "by 3 %"),
    (Kind::Normal(0.10), "by 10 %"),
    (Kind::Outliers, "by 3 %, and one value in twenty is 30 % greater"),
    (
        Kind::Drift(Order::OneAfterTheOther),
        "the machine drifts by 3 %, one side is run after the other",
    ),
    (
        Kind::Drift(Order::ByTurns),
        "the machine drifts by 3 %, both sides are run by turns",
    ),
];

/// Numbers that look like chance, from a seed (`SplitMix64`).
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal: the sum of twelve uniform numbers.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    /// The factors of the machine over so many runs.
    fn drift(&mut self, runs: usize) -> Vec<f64> {
        const KEPT: f64 = 0.9;
        let mut state = self.normal();
        let step = |_| {
            state = KEPT * state + (1.0 - KEPT * KEPT).sqrt() * self.normal();
            1.0 + 0.03 * state
        };
        (0..runs).map(step).collect()
    }

    /// Two sides of measured runs around 10; the first figure of the new side slower by a share.
    fn sides(&mut self, kind: Kind, slower: f64) -> [Suite; 2] {
        let machine = match kind {
            Kind::Drift(_) => self.drift(2 * REPEATS),
            _ => vec![1.0; 2 * REPEATS],
        };
        let by_turns = matches!(kind, Kind::Drift(Order::ByTurns));
        let is_new = |run: usize| if by_turns { run % 2 == 1 } else { run >= REPEATS };
        let mut sides = [Vec::new(), Vec::new()];
        for (run, machine) in machine.into_iter().enumerate() {
            let new = is_new(run);
            let value = |index: usize| if new && index == 0 { 1.0 + slower } else { 1.0 };
            let figures: Vec<(&str, f64)> = FIGURES
                .iter()
                .enumerate()
                .map(|(index, name)| (*name, 10.0 * machine * value(index) * self.factor(kind)))
                .collect();
            sides[usize::from(new)].push(sample("kvm", run as u64, &figures));
        }
        sides.map(suite)
    }

    /// What one value of one figure varies by.
    fn factor(&mut self, kind: Kind) -> f64 {
        let variation = match kind {
            Kind::Normal(variation) => variation,
            Kind::Outliers => 0.03,
            Kind::Drift(_) => 0.01,
        };
        let factor = 1.0 + variation * self.normal();
        let struck = matches!(kind, Kind::Outliers) && self.uniform() < 0.05;
        if struck { factor * 1.3 } else { factor }
    }
}

/// Of a hundred comparisons of unchanged runs, those that call anything worse.
fn alarms(kind: Kind) -> usize {
    let mut noise = Noise(1);
    let alarm = |_: &usize| {
        let [base, new] = noise.sides(kind, 0.0);
        let comparison = compared(&base, &new);
        assert_ne!(comparison.outcome, Outcome::Nothing);
        comparison.outcome != Outcome::Passed
    };
    (0..PAIRS).filter(alarm).count()
}

/// Of a hundred comparisons with one figure slower by 5 %, those that call that figure worse.
fn found(kind: Kind) -> usize {
    let mut noise = Noise(2);
    let told = |_: &usize| {
        let [base, new] = noise.sides(kind, 0.05);
        let comparison = compared(&base, &new);
        let mut figures = comparison.scenarios[0].figures.iter();
        figures.any(|figure| figure.figure == FIGURES[0] && figure.verdict <= Verdict::Warned)
    };
    (0..PAIRS).filter(told).count()
}

/// What is promised of noise as real hosts have it.
#[test]
fn unchanged_runs_seldom_raise_an_alarm_and_a_true_slowdown_is_found() {
    for kind in [Kind::Normal(0.01), Kind::Normal(0.03)] {
        let (alarms, found) = (alarms(kind), found(kind));
        assert!(alarms <= 5, "{kind:?}: {alarms} of {PAIRS}");
        assert!(found >= 90, "{kind:?}: {found} of {PAIRS}");
    }
}

/// The table of the manual is what comes out, of noise that is harder too.
#[test]
fn the_manual_tells_how_often_a_comparison_is_wrong() {
    let manual = include_str!("../../../../docs/src/compare.md");
    let row = |(kind, words): &(Kind, &str)| format!("| {words} | {} | {} |", alarms(*kind), found(*kind));
    let missing: Vec<String> = KINDS
        .iter()
        .map(row)
        .filter(|row| !manual.contains(row.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/src/compare.md lacks\n{}",
        missing.join("\n")
    );
}
