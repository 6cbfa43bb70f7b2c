//! A verdict explained: every rule that was applied to a figure, in words, whether it changed or not.

use twinrack_scenario::fault::suggestion;

use super::gates::{by, percent};
use super::text::{change, head, sides};
use super::{CompareError, Comparison, FigureVerdict, ScenarioComparison};
use crate::text::quantity;

/// Explains a figure, all its statistics where it is named without one, in every scenario that has it.
pub fn written(comparison: &Comparison, name: &str) -> Result<String, CompareError> {
    let prefix = format!("{name}.");
    let mut paragraphs = Vec::new();
    for scenario in &comparison.scenarios {
        let asked = |figure: &&FigureVerdict| figure.figure == name || figure.figure.starts_with(&prefix);
        let mut figures: Vec<&FigureVerdict> = scenario.figures.iter().filter(asked).collect();
        figures.sort_by(|one, other| one.figure.cmp(&other.figure));
        paragraphs.extend(figures.iter().map(|figure| explained(scenario, figure)));
    }
    if paragraphs.is_empty() {
        let figures = comparison.scenarios.iter().flat_map(|scenario| &scenario.figures);
        let known = figures.map(|figure| figure.figure.as_str());
        return Err(CompareError::Unexplained(format!(
            "no run has a figure `{name}`; {}",
            suggestion(name, known)
        )));
    }
    Ok(paragraphs.join("\n\n") + "\n")
}

fn explained(scenario: &ScenarioComparison, figure: &FigureVerdict) -> String {
    let [base, new] = sides(figure);
    let title = format!("{}: {}", figure.figure, figure.verdict.word());
    let moved = format!("{base} -> {new} {}", change(figure));
    let mut lines = vec![
        title,
        format!("  {}", head(scenario)),
        format!("  {}", moved.trim_end()),
    ];
    lines.push(format!("  {}", rule(figure)));
    lines.extend(figure.why.iter().map(|why| format!("  - {why}")));
    lines.join("\n")
}

/// What it is held to: `lower is better; 1 % worse warns, 3 % fails, a difference below 1 ms is none`.
fn rule(figure: &FigureVerdict) -> String {
    let limits = figure.limits;
    let direction = match figure.better.word() {
        "" => "neither way is better, so it never fails".to_owned(),
        word => format!(
            "{word} is better; {} worse warns, {} fails{}",
            percent(limits.warn),
            percent(limits.fail),
            by(limits)
        ),
    };
    format!(
        "{direction}; a difference below {} is none",
        quantity(limits.floor, &figure.unit)
    )
}
