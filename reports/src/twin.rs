//! The two bodies side by side: figure by figure what was simulated, what was measured, how far they part and how far the
//! repeats do.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use twinrack_scenario::record::Summary;
use twinrack_scenario::record::figure::{Source, kind_of};

use crate::text::quantity;

/// Of the statistics of a figure the least, the mean and the greatest say what there is to compare.
fn told_once(name: &str) -> bool {
    kind_of(name).is_some_and(|kind| {
        kind.stats.is_empty() || [".mean", ".min", ".max"].iter().any(|stat| name.ends_with(stat))
    })
}

/// Whether a figure is a least or a greatest that is the mean too: that of one value.
fn is_the_mean(summary: &Summary, name: &str) -> bool {
    let kind = [".min", ".max"].iter().find_map(|stat| name.strip_suffix(stat));
    let mean = kind.and_then(|kind| summary.kpis.get(&format!("{kind}.mean")));
    mean.is_some_and(|mean| summary.kpis.get(name).is_some_and(|own| own.value == mean.value))
}

/// How far a figure may be off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// As a share of what was measured: the median over all cases.
    pub median: f64,
    /// Likewise the 95th percentile, where there is such a gate.
    pub p95: Option<f64>,
    /// A difference up to this, in the figure's unit, is none.
    pub absolute: f64,
}

/// As it is told: of the median, and at 95 % where there is such a gate.
impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", percent(self.median))?;
        self.p95
            .map_or(Ok(()), |most| write!(f, ", {} at 95 %", percent(most)))
    }
}

/// A figure of one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TwinFigure {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// What the simulator says.
    pub simulated: f64,
    /// What each repeat gave.
    pub measured: Vec<f64>,
}

impl TwinFigure {
    /// The figures that a simulation and all of some runs on real hosts have, unless a model stood in for the hosts. What one
    /// number stands for more than once is told once, and what is zero for all not at all.
    pub fn beside(simulated: &Summary, measured: &[&Summary]) -> Vec<Self> {
        let figures = simulated.kpis.iter().filter_map(|(name, figure)| {
            let own = |summary: &&Summary| {
                let own = summary
                    .kpis
                    .get(name)
                    .filter(|own| own.source != Source::Modelled)?;
                Some(own.value)
            };
            let values: Vec<f64> = measured.iter().map(own).collect::<Option<_>>()?;
            let some = figure.value != 0.0 || values.iter().any(|own| *own != 0.0);
            let one = |summary: &Summary| is_the_mean(summary, name);
            let again = one(simulated) && measured.iter().all(|summary| one(summary));
            (told_once(name) && some && !again).then(|| Self {
                name: name.clone(),
                unit: figure.unit.clone(),
                simulated: figure.value,
                measured: values,
            })
        });
        figures.collect()
    }

    /// Whether it is within what its gate allows of a single case.
    pub fn within(&self) -> bool {
        let gate = gate(&self.name);
        self.off(gate) <= gate.median
    }

    /// The median of the repeats.
    pub fn median(&self) -> f64 {
        quantile(&self.measured, 0.5)
    }

    /// (simulated - measured) / measured.
    pub fn error(&self) -> f64 {
        let measured = self.median();
        if measured == 0.0 {
            return if self.simulated == 0.0 { 0.0 } else { f64::INFINITY };
        }
        (self.simulated - measured) / measured
    }

    /// Greatest less least of the repeats, as a share of their median.
    pub fn spread(&self) -> f64 {
        let median = self.median();
        let width = quantile(&self.measured, 1.0) - quantile(&self.measured, 0.0);
        if median == 0.0 { 0.0 } else { width / median }
    }

    /// The error without its sign, and none where the difference is below what counts.
    fn off(&self, gate: Gate) -> f64 {
        if (self.simulated - self.median()).abs() <= gate.absolute {
            0.0
        } else {
            self.error().abs()
        }
    }
}

/// A case that both bodies carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TwinCase {
    /// What was done.
    pub name: String,
    /// Its figures.
    pub figures: Vec<TwinFigure>,
}

/// A figure over all cases against its gate.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The figure.
    pub name: String,
    /// Median of the errors.
    pub median: f64,
    /// Their 95th percentile.
    pub p95: f64,
    /// The gate.
    pub gate: Gate,
    /// Whether it is kept.
    pub ok: bool,
}

/// Total time and bytes 0.5 % in the median and 2 % at the 95th percentile; downtime 2 % in the median, or 1 ms; rounds equal in 95 %.
pub fn gate(figure: &str) -> Gate {
    let of = |name: &str| {
        figure
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    match figure {
        _ if of("migration.downtime_s") => Gate {
            median: 0.02,
            p95: None,
            absolute: 0.001,
        },
        _ if of("migration.rounds") => Gate {
            median: 0.0,
            p95: Some(0.0),
            absolute: 0.0,
        },
        _ => Gate {
            median: 0.005,
            p95: Some(0.02),
            absolute: 0.0,
        },
    }
}

/// Each figure over all cases, in the order of the first case.
pub fn verdicts(cases: &[TwinCase]) -> Vec<Verdict> {
    let names = cases.first().map_or(&[][..], |case| &case.figures);
    let verdict = |name: &String| {
        let gate = gate(name);
        let figures = cases.iter().flat_map(|case| &case.figures);
        let off: Vec<f64> = figures
            .filter(|figure| figure.name == *name)
            .map(|figure| figure.off(gate))
            .collect();
        let (median, p95) = (quantile(&off, 0.5), quantile(&off, 0.95));
        let ok = median <= gate.median && gate.p95.is_none_or(|most| p95 <= most);
        Verdict {
            name: name.clone(),
            median,
            p95,
            gate,
            ok,
        }
    };
    names.iter().map(|figure| verdict(&figure.name)).collect()
}

/// The comparison as Markdown: the verdicts, then every case, worst total time first.
pub fn markdown(cases: &[TwinCase], about: &str) -> String {
    let mut text = format!(
        "{about}\n\n| figure | cases | median error | 95 % within | gate | |\n| --- | --- | --- | --- | --- | --- |\n"
    );
    for verdict in verdicts(cases) {
        // Writing into a text can't fail.
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} |",
            verdict.name,
            cases.len(),
            percent(verdict.median),
            percent(verdict.p95),
            verdict.gate,
            if verdict.ok { "kept" } else { "**missed**" },
        );
    }
    text += "\nSimulated / measured (median of the repeats; error, spread of the repeats):\n\n";
    let names = cases.first().map_or(&[][..], |case| &case.figures);
    let head: Vec<&str> = names.iter().map(|figure| figure.name.as_str()).collect();
    let _ = writeln!(
        text,
        "| case | {} |\n| --- |{}",
        head.join(" | "),
        " --- |".repeat(names.len())
    );
    let mut worst: Vec<&TwinCase> = cases.iter().collect();
    let first = |case: &TwinCase| case.figures.first().map_or(0.0, |figure| figure.error().abs());
    worst.sort_by(|a, b| first(b).total_cmp(&first(a)));
    for case in worst {
        let row: Vec<String> = case.figures.iter().map(cell).collect();
        let _ = writeln!(text, "| {} | {} |", case.name, row.join(" | "));
    }
    text
}

/// The comparison of one case, a line a figure.
pub fn written(case: &TwinCase) -> String {
    let width = case
        .figures
        .iter()
        .map(|figure| figure.name.len())
        .max()
        .unwrap_or(0)
        + 2;
    let lines = case
        .figures
        .iter()
        .map(|figure| format!("  {:<width$}{}\n", figure.name, cell(figure)));
    format!("{}\n{}", case.name, lines.collect::<String>())
}

fn cell(figure: &TwinFigure) -> String {
    format!(
        "{} / {} ({}, {})",
        quantity(figure.simulated, &figure.unit),
        quantity(figure.median(), &figure.unit),
        percent(figure.error()),
        percent(figure.spread()),
    )
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// The value below which `share` of the values lie, between neighbours in proportion; nothing of nothing.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = share * sorted.len().saturating_sub(1) as f64;
    let (below, part) = (at as usize, at.fract());
    let value = |index: usize| sorted.get(index).or(sorted.last()).copied().unwrap_or(0.0);
    if part == 0.0 {
        return value(below);
    }
    value(below) + part * (value(below + 1) - value(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, simulated: f64, measured: &[f64]) -> TwinCase {
        let figure = |name: &str, unit: &str| TwinFigure {
            name: name.to_owned(),
            unit: unit.to_owned(),
            simulated,
            measured: measured.to_vec(),
        };
        TwinCase {
            name: name.to_owned(),
            figures: vec![
                figure("migration.total_s", "s"),
                figure("migration.downtime_s", "s"),
            ],
        }
    }

    #[test]
    fn the_error_is_that_against_the_median_of_the_repeats() {
        let case = case("a", 1.01, &[1.2, 1.0, 0.9]);
        let figure = &case.figures[0];
        assert_eq!(figure.median(), 1.0);
        assert!((figure.error() - 0.01).abs() < 1e-12);
        assert!((figure.spread() - 0.3).abs() < 1e-12);
    }

    #[test]
    fn a_gate_that_is_missed_says_so_and_a_millisecond_of_downtime_is_none() {
        let near = case("near", 0.0105, &[0.0101]);
        let verdicts = verdicts(std::slice::from_ref(&near));
        assert_eq!(
            verdicts.iter().map(|verdict| verdict.ok).collect::<Vec<_>>(),
            [false, true]
        );
        let text = markdown(&[near, case("far", 2.0, &[1.0])], "About.");
        let (far, near) = (
            text.find("| far").expect("a row"),
            text.find("| near").expect("a row"),
        );
        assert!(far < near, "the worst first:\n{text}");
        assert!(text.contains("**missed**"), "{text}");
    }
}
