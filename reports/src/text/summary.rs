//! The summary of a run on a terminal: the verdict first, then what happened, the figures, and how to see more.

use std::collections::BTreeMap;

use twinrack_scenario::record::{Summary, Verdict};

use super::expectation;
use super::figures::figure_rows;
use super::number::{moment, quantity};
use super::table::{Last, drawn, table};
use crate::run::{MigrationStory, Run};

/// Migrations that are listed one by one.
const LISTED: usize = 12;

/// One line that says how the run came out.
pub fn verdict(summary: &Summary) -> String {
    let (total, failed) = (
        summary.expectations.iter().filter(|item| item.asked).count(),
        summary.expectations.iter().filter(|item| item.fails()).count(),
    );
    let name = &summary.scenario.name;
    match (total, failed) {
        (0, _) => format!("DONE: {name} (it expects nothing)"),
        (total, 0) => {
            let held = summary.count(Verdict::Held);
            let misses = expectation::misses(summary.count(Verdict::KnownMiss));
            format!("PASS{misses}: {name}, {held} of {total} expectations hold")
        }
        (total, failed) => format!("FAIL: {name}, {failed} of {total} expectations do not hold"),
    }
}

/// The whole summary, `width` columns wide.
pub fn written(run: &Run, width: u16) -> String {
    let mut parts = vec![verdict(&run.summary)];
    parts.extend(run.summary.scenario.title.clone());
    parts.extend(expectations(&run.summary, width));
    parts.extend(migrations(&run.migrations(), width));
    parts.push(figures(&run.summary, width));
    parts.join("\n\n") + "\n"
}

fn expectations(summary: &Summary, width: u16) -> Option<String> {
    if summary.expectations.is_empty() {
        return None;
    }
    let mut table = table(
        width,
        &["", "figure", "is", "expected", "because"],
        &[2],
        Last::Words,
    );
    for item in expectation::failing_first(summary) {
        table.add_row([
            item.verdict().word(),
            &item.kpi,
            &expectation::value(item),
            &expectation::limit(item),
            &expectation::because(item),
        ]);
    }
    Some(drawn(&table))
}

fn migrations(stories: &[MigrationStory], width: u16) -> Option<String> {
    if stories.is_empty() {
        return None;
    }
    let mut table = table(
        width,
        &[
            "vm",
            "from",
            "to",
            "asked at",
            "rounds",
            "brown-out",
            "downtime",
            "sent",
            "outcome",
        ],
        &[3, 4, 5, 6, 7],
        Last::Words,
    );
    for story in stories.iter().take(LISTED) {
        table.add_row([
            story.vm.clone(),
            story.from.clone(),
            story.to.clone(),
            moment(story.requested_s),
            story.rounds.len().to_string(),
            quantity(story.brownout_s, "s"),
            quantity(story.downtime_s, "s"),
            quantity(story.bytes, "B"),
            story.ending(),
        ]);
    }
    let more = stories.len().saturating_sub(LISTED);
    let rest = if more > 0 {
        format!("\n … and {more} more in events.jsonl")
    } else {
        String::new()
    };
    Some(drawn(&table) + &rest)
}

/// Figures by name, the statistics of one figure side by side.
fn figures(summary: &Summary, width: u16) -> String {
    let mut table = table(
        width,
        &["figure", "", "mean", "min", "max", "p95", "sum"],
        &[1, 2, 3, 4, 5, 6],
        Last::Number,
    );
    let (zero, rest): (Vec<_>, Vec<_>) = figure_rows(summary).into_iter().partition(|row| row.zero);
    for row in rest {
        table.add_row(std::iter::once(row.kind.name.to_owned()).chain(row.values));
    }
    let mut parts = vec![drawn(&table)];
    if !zero.is_empty() {
        let names: Vec<_> = zero.iter().map(|row| row.kind.name).collect();
        parts.push(wrapped(&format!("zero: {}", names.join(", ")), width));
    }
    parts.extend(stand_ins(summary, width));
    parts.join("\n\n")
}

/// What a body that measures could not tell, and which figures are a model's instead.
fn stand_ins(summary: &Summary, width: u16) -> Option<String> {
    if summary.unavailable.is_empty() {
        return None;
    }
    let modelled: Vec<_> = figure_rows(summary)
        .into_iter()
        .filter(|row| row.source == "modelled")
        .map(|row| row.kind.name)
        .collect();
    let mut lines = Vec::new();
    if !modelled.is_empty() {
        lines.push(wrapped(
            &format!("modelled, not measured: {}", modelled.join(", ")),
            width,
        ));
    }
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (figures, reason) in &summary.unavailable {
        by_reason.entry(reason).or_default().push(figures);
    }
    lines.extend(by_reason.into_iter().map(|(reason, figures)| {
        wrapped(
            &format!("unavailable here: {} ({reason})", figures.join(", ")),
            width,
        )
    }));
    Some(lines.join("\n"))
}

/// Words in lines of at most `width` columns, each begun by a blank like the rows of a table.
fn wrapped(text: &str, width: u16) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        if lines[last].len() + word.len() + 1 > usize::from(width) && !lines[last].is_empty() {
            lines.push(String::new());
        }
        let last = lines.len() - 1;
        lines[last] += " ";
        lines[last] += word;
    }
    lines.join("\n")
}
