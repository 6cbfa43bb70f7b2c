//! All figures of the run by group; those that are zero throughout are folded away.

use std::fmt::Write as _;

use super::element::{details, escape, scroll, section as titled};
use crate::run::Run;
use crate::text::figures::{FigureRow, figure_rows};

/// The columns of the table.
const STATISTICS: [&str; 5] = ["value, mean", "min", "max", "p95", "sum"];

/// The section.
pub fn section(run: &Run) -> String {
    let (zero, rest): (Vec<_>, Vec<_>) = figure_rows(&run.summary).into_iter().partition(|row| row.zero);
    let mut html = scroll("Figures", &table(&rest));
    if !zero.is_empty() {
        let title = match zero.len() {
            1 => "1 figure is zero".to_owned(),
            count => format!("{count} figures are zero"),
        };
        let item = |row: &FigureRow| {
            format!(
                "<li><code>{}</code> {}</li>",
                row.kind.name,
                escape(row.kind.meaning)
            )
        };
        html += &details(
            &title,
            &format!("<ul>{}</ul>", zero.iter().map(item).collect::<String>()),
            false,
        );
    }
    titled("Figures", &html)
}

fn table(rows: &[FigureRow]) -> String {
    let mut html = String::from("<table class=\"figures\"><thead><tr><th scope=\"col\">figure</th>");
    // Writing into a text can't fail.
    for stat in STATISTICS {
        let _ = write!(html, "<th scope=\"col\" class=\"number\">{stat}</th>");
    }
    html += "<th scope=\"col\">source</th></tr></thead>";
    for group in rows.chunk_by(|a, b| group_of(a) == group_of(b)) {
        html += "<tbody>\n";
        for row in group {
            let _ = write!(
                html,
                "<tr><th scope=\"row\"><code>{}</code><span>{}</span></th>",
                row.kind.name,
                escape(row.kind.meaning)
            );
            for value in columns(row) {
                let _ = write!(html, "<td class=\"number\">{value}</td>");
            }
            let _ = writeln!(html, "<td>{}</td></tr>", row.source);
        }
        html += "</tbody>";
    }
    html + "</table>"
}

/// The values of a row; a figure is one number or has statistics, so the one number stands where the mean would.
fn columns(row: &FigureRow) -> [&str; STATISTICS.len()] {
    let [single, mean, rest @ ..] = row.values.each_ref().map(String::as_str);
    let first = if single.is_empty() { mean } else { single };
    let [min, max, p95, sum] = rest;
    [first, min, max, p95, sum]
}

/// The part of a figure's name before its first point.
fn group_of(row: &FigureRow) -> &'static str {
    row.kind.name.split('.').next().unwrap_or_default()
}
