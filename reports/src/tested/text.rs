//! Tested scenarios on a terminal: the verdict, a line for each, then what did not hold.

use super::{Scenario, Tested, Verdict};
use crate::text::quantity;
use crate::text::table::{Last, drawn, table};

/// The text, `width` columns wide.
pub fn written(tested: &Tested, width: u16) -> String {
    let mut rows = table(
        width,
        &["", "scenario", "runs", "holds", "took"],
        &[2, 3, 4],
        Last::Number,
    );
    for scenario in &tested.scenarios {
        let (held, asked) = scenario.held();
        rows.add_row([
            word(scenario).to_owned(),
            scenario.name.clone(),
            scenario.runs.len().to_string(),
            format!("{held}/{asked}"),
            quantity(scenario.took_s(), "s"),
        ]);
    }
    let mut parts = vec![tested.line(), drawn(&rows)];
    parts.extend(tested.scenarios.iter().filter_map(told));
    parts.join("\n\n") + "\n"
}

/// The word in the first column.
pub fn word(scenario: &Scenario) -> &'static str {
    match scenario.verdict() {
        Verdict::Passed => "ok",
        Verdict::Failed => "FAIL",
        Verdict::Broken => "broken",
    }
}

/// What is wrong with a scenario; nothing of one that passed.
fn told(scenario: &Scenario) -> Option<String> {
    let lines: Vec<String> = scenario
        .failures()
        .into_iter()
        .chain(scenario.broken.clone())
        .collect();
    let body = lines.join("\n").trim_end().replace('\n', "\n  ");
    (!lines.is_empty()).then(|| format!("{} ({})\n  {body}", scenario.name, scenario.file))
}
