//! The comparison as one comment of a pull request: the verdict first, what moved, the rest folded, a hidden mark in the last line
//! by which the next comment finds this one and replaces it.

use std::fmt::Write as _;

use super::text::{change, difference, grouped, head, rows, sides, verdict};
use super::{Comparison, FigureVerdict, Outcome, ScenarioComparison, Verdict};

/// The mark.
pub const MARK: &str = "<!-- twinrack-report v1 -->";
/// Bytes of a comment at most; GitHub takes 65 536 characters.
const MOST: usize = 65_000;
/// What is kept for the line that says what was left out, and for the mark.
const RESERVE: usize = 200;

/// The comment.
pub fn written(comparison: &Comparison) -> String {
    let icon = match comparison.outcome {
        Outcome::Failed => "❌",
        Outcome::Warned | Outcome::Nothing => "⚠️",
        Outcome::Passed => "✅",
    };
    let title = format!(
        "### {icon} twinrack: {}\n\nbaseline `{}`, new `{}`\n\n",
        escape(&verdict(comparison)),
        comparison.base,
        comparison.new
    );
    let moved = comparison.scenarios.iter().flat_map(moved);
    let alone = [
        ("In the baseline alone", &comparison.missing),
        ("Not in the baseline", &comparison.added),
    ];
    let alone = alone
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| folded(&format!("{what}: {} runs", names.len()), &names.join(", ")));
    let unchanged = comparison.scenarios.iter().map(unchanged);
    let parts = moved.chain(alone).chain(unchanged);
    fitting(title, parts, &commands(comparison)) + MARK + "\n"
}

/// What a reader does next: make the comparison again, or bless what is meant.
fn commands(comparison: &Comparison) -> String {
    let line = |what: &str, command: &str| format!("{what}: `{command}`\n");
    let mut text = String::new();
    if !comparison.repeat.is_empty() {
        text += &line("repeat", &comparison.repeat);
    }
    if let Some(bless) = comparison.bless.as_ref().filter(|_| comparison.differs()) {
        text += &line("\nif this is meant", bless);
    }
    if text.is_empty() { text } else { text + "\n" }
}

/// As many of the parts as fit into a comment with what stands at its end, and a word on those that do not.
pub fn fitting(mut text: String, parts: impl Iterator<Item = String>, end: &str) -> String {
    let most = MOST.saturating_sub(RESERVE + end.len());
    let mut left = 0;
    for part in parts {
        // Nothing may follow what was left out: the rows of a table stand together.
        if left == 0 && text.len() + part.len() <= most {
            text += &part;
        } else {
            left += part.lines().count();
        }
    }
    if left > 0 {
        // Writing into a text can't fail.
        let _ = write!(
            text,
            "\n{left} lines are left out here; `--format json` has everything.\n\n"
        );
    }
    text + end
}

/// What differs in a scenario: the first events, then a table, a part for each row.
fn moved(scenario: &ScenarioComparison) -> Vec<String> {
    let figures: Vec<&FigureVerdict> = scenario
        .figures
        .iter()
        .filter(|figure| figure.verdict != Verdict::Unchanged)
        .collect();
    if figures.is_empty() && scenario.differing.is_empty() {
        return Vec::new();
    }
    let mut parts = vec![format!("**{}**\n\n", escape(&head(scenario)))];
    let told: Vec<String> = scenario.differing.iter().take(3).map(difference).collect();
    if !told.is_empty() {
        parts.push(format!("```text\n{}\n```\n\n", told.join("\n")));
    }
    if !figures.is_empty() {
        parts.push(
            "| | figure | baseline | new | change | why |\n| --- | --- | ---: | ---: | ---: | --- |\n"
                .to_owned(),
        );
        parts.extend(rows(&figures).into_iter().map(row));
        parts.push("\n".to_owned());
    }
    parts
}

fn row((name, figure): (String, &FigureVerdict)) -> String {
    let [base, new] = sides(figure);
    let change = match figure.verdict {
        Verdict::Failed => format!("**{}**", change(figure)),
        _ => change(figure),
    };
    format!(
        "| {} | `{name}` | {base} | {new} | {change} | {} |\n",
        figure.verdict.word(),
        escape(&figure.why.join("; "))
    )
}

fn unchanged(scenario: &ScenarioComparison) -> String {
    let figures: Vec<&FigureVerdict> = scenario
        .figures
        .iter()
        .filter(|figure| figure.verdict == Verdict::Unchanged)
        .collect();
    // That a value is the same needs no row.
    let explained: Vec<&FigureVerdict> = figures
        .iter()
        .copied()
        .filter(|figure| figure.because != "the same")
        .collect();
    let body = if explained.is_empty() {
        head(scenario)
    } else {
        let rows = rows(&explained).into_iter().map(row);
        format!(
            "{}\n\n| | figure | baseline | new | change | why |\n| --- | --- | ---: | ---: | ---: | --- |\n{}",
            escape(&head(scenario)),
            rows.collect::<String>()
        )
    };
    folded(&format!("{}: {}", scenario.name, grouped(&figures)), &body)
}

/// Something folded behind a line.
pub fn folded(summary: &str, body: &str) -> String {
    format!(
        "<details><summary>{}</summary>\n\n{body}\n\n</details>\n\n",
        escape(summary)
    )
}

/// A text that must not become a tag or end a cell.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('|', "\\|")
}
