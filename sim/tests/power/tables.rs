//! Tables of the manual, which the tests keep true.

const MANUAL: &str = include_str!("../../../docs/src/validation/power.md");

/// A Markdown table: a header with its alignment, and rows.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&header.iter().map(ToString::to_string).collect::<Vec<_>>());
    let rule: Vec<String> = (0..header.len())
        .map(|column| if column == 0 { "---" } else { "---:" }.to_owned())
        .collect();
    text.push_str(&line(&rule));
    for row in rows {
        text.push_str(&line(row));
    }
    text
}

/// Fails unless the manual holds the table.
pub fn in_manual(name: &str, table: &str) {
    assert!(
        MANUAL.contains(table),
        "{name}: docs/src/validation/power.md should hold\n{table}"
    );
}

/// A share as percent.
pub fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// Whether an error is within its gate.
pub fn verdict(error: f64, gate: f64) -> String {
    if error <= gate { "within" } else { "over" }.to_owned()
}
