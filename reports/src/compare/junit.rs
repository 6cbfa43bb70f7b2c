//! The comparison as `JUnit` XML: a suite for each scenario, a case for each figure, output only where something is wrong.

use super::text::{change, difference, head, sides};
use super::{Comparison, FigureVerdict, Outcome, ScenarioComparison, Verdict};

/// The document; with `warnings`, what warns is a failure too.
pub fn written(comparison: &Comparison, warnings: bool) -> String {
    let mut suites: Vec<(String, Vec<String>)> = comparison
        .scenarios
        .iter()
        .map(|scenario| (scenario.name.clone(), cases(scenario, warnings)))
        .collect();
    let missing = comparison.missing.iter().map(|run| {
        let why = "the baseline has this run, the new side has not";
        if warnings {
            failed(run, "missing", why)
        } else {
            skipped(run, why)
        }
    });
    let mut alone: Vec<String> = missing.collect();
    if comparison.outcome == Outcome::Nothing {
        alone.push(failed(
            "something is compared",
            "nothing compared",
            "no figure could be compared",
        ));
    }
    if !alone.is_empty() {
        suites.push(("runs".to_owned(), alone));
    }
    let suites = suites.iter().map(|(name, cases)| {
        format!(
            "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n{}</testsuite>\n",
            escape(name),
            cases.len(),
            cases.iter().filter(|case| case.contains("<failure ")).count(),
            cases.iter().filter(|case| case.contains("<skipped ")).count(),
            cases.concat()
        )
    });
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"twinrack compare\">\n{}</testsuites>\n",
        suites.collect::<String>()
    )
}

fn cases(scenario: &ScenarioComparison, warnings: bool) -> Vec<String> {
    let one = |figure: &FigureVerdict| {
        let fails = match figure.verdict {
            Verdict::Failed => true,
            Verdict::Warned | Verdict::Gone => warnings,
            _ => false,
        };
        if fails {
            let [base, new] = sides(figure);
            let message = format!("{} {base} -> {new} {}", figure.verdict.word(), change(figure));
            return failed(&figure.figure, message.trim_end(), &explained(scenario, figure));
        }
        if figure.verdict == Verdict::Undecided {
            return skipped(&figure.figure, &figure.why.join("; "));
        }
        format!("<testcase name=\"{}\"/>\n", escape(&figure.figure))
    };
    scenario.figures.iter().map(one).collect()
}

fn explained(scenario: &ScenarioComparison, figure: &FigureVerdict) -> String {
    let first = scenario.differing.first().map(difference);
    let lines = std::iter::once(head(scenario))
        .chain(figure.why.clone())
        .chain(first);
    lines.collect::<Vec<_>>().join("\n")
}

fn failed(name: &str, message: &str, text: &str) -> String {
    format!(
        "<testcase name=\"{}\"><failure message=\"{}\">{}</failure></testcase>\n",
        escape(name),
        escape(message),
        escape(text)
    )
}

fn skipped(name: &str, why: &str) -> String {
    format!(
        "<testcase name=\"{}\"><skipped message=\"{}\"/></testcase>\n",
        escape(name),
        escape(why)
    )
}

/// A text as it must stand in XML, which has no way to write most control characters.
fn escape(text: &str) -> String {
    let told: String = text
        .chars()
        .map(|letter| {
            if letter.is_control() && letter != '\n' {
                ' '
            } else {
                letter
            }
        })
        .collect();
    crate::html::escape(&told)
}
