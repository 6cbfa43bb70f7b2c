//! The comparison as `JUnit` XML: a suite for each scenario, a case for each figure, output only where something is wrong.

use super::text::{change, difference, head, sides};
use super::{Comparison, FigureVerdict, Outcome, ScenarioComparison, Verdict};
use crate::junit::{self, Case, Suite};

/// The document; with `warnings`, what warns is a failure too.
pub fn written(comparison: &Comparison, warnings: bool) -> String {
    let of_scenarios = comparison.scenarios.iter().map(|scenario| Suite {
        name: scenario.name.clone(),
        cases: scenario
            .figures
            .iter()
            .map(|figure| case(&figure.figure, of_figure(scenario, figure, warnings)))
            .collect(),
    });
    let mut suites: Vec<Suite> = of_scenarios.collect();
    let alone = of_runs(comparison, warnings);
    if !alone.is_empty() {
        suites.push(Suite {
            name: "runs".to_owned(),
            cases: alone,
        });
    }
    junit::written("twinrack compare", &suites)
}

fn case(name: &str, outcome: junit::Outcome) -> Case {
    Case {
        name: name.to_owned(),
        took_s: None,
        outcome,
    }
}

/// What is missing, and the case that says that something was compared at all.
fn of_runs(comparison: &Comparison, warnings: bool) -> Vec<Case> {
    let why = "the baseline has this run, the new side has not".to_owned();
    let missing = comparison.missing.iter().map(|run| {
        let outcome = if warnings {
            junit::Outcome::Failed("missing".to_owned(), why.clone())
        } else {
            junit::Outcome::Skipped(why.clone())
        };
        case(run, outcome)
    });
    let nothing = (comparison.outcome == Outcome::Nothing).then(|| {
        let why = "no figure could be compared".to_owned();
        case(
            "something is compared",
            junit::Outcome::Failed("nothing compared".to_owned(), why),
        )
    });
    missing.chain(nothing).collect()
}

fn of_figure(scenario: &ScenarioComparison, figure: &FigureVerdict, warnings: bool) -> junit::Outcome {
    match figure.verdict {
        Verdict::Failed => failed(scenario, figure),
        Verdict::Warned | Verdict::Gone if warnings => failed(scenario, figure),
        Verdict::Undecided => junit::Outcome::Skipped(figure.why.join("; ")),
        _ => junit::Outcome::Passed,
    }
}

fn failed(scenario: &ScenarioComparison, figure: &FigureVerdict) -> junit::Outcome {
    let [base, new] = sides(figure);
    let message = format!("{} {base} -> {new} {}", figure.verdict.word(), change(figure));
    let first = scenario.differing.first().map(difference);
    let lines: Vec<String> = std::iter::once(head(scenario))
        .chain(figure.why.clone())
        .chain(first)
        .collect();
    junit::Outcome::Failed(message.trim_end().to_owned(), lines.join("\n"))
}
