//! Tested scenarios as one comment of a pull request: the verdict, what did not hold, the rest folded, and the hidden mark by which
//! the next comment finds this one.

use std::fmt::Write as _;

use super::text::word;
use super::{Scenario, Tested, Verdict};
use crate::compare::markdown::{escape, fitting, folded};

/// The mark.
pub const MARK: &str = "<!-- twinrack-test v1 -->";

/// The comment.
pub fn written(tested: &Tested) -> String {
    let icon = if tested.verdict == Verdict::Passed {
        "✅"
    } else {
        "❌"
    };
    let title = format!("### {icon} twinrack: {}\n\n", escape(&tested.line()));
    let wrong = tested
        .scenarios
        .iter()
        .filter(|scenario| scenario.verdict() != Verdict::Passed);
    let parts = wrong.map(told).chain([table(tested)]);
    fitting(title, parts, "") + MARK + "\n"
}

fn told(scenario: &Scenario) -> String {
    let lines: Vec<String> = scenario
        .failures()
        .into_iter()
        .chain(scenario.broken.clone())
        .collect();
    format!(
        "**{} {}** (`{}`)\n\n```text\n{}\n```\n\n",
        word(scenario),
        escape(&scenario.name),
        scenario.file,
        lines.join("\n").replace("```", "'''").trim_end()
    )
}

fn table(tested: &Tested) -> String {
    let mut rows =
        String::from("| | scenario | runs | expectations that hold |\n| --- | --- | ---: | ---: |\n");
    for scenario in &tested.scenarios {
        let (held, asked) = scenario.held();
        // Writing into a text can't fail.
        let _ = writeln!(
            rows,
            "| {} | {} | {} | {held} of {asked} |",
            word(scenario),
            escape(&scenario.name),
            scenario.runs.len()
        );
    }
    folded(&format!("All {} scenarios", tested.scenarios.len()), &rows)
}
