//! What failures would do, a row for each kind and number.

use twinrack_reports::text::quantity;
use twinrack_reports::text::table::{Last, drawn, table};

use super::percent;
use crate::answer::Answer;
use crate::failures::Failure;

/// Names that a cell tells; of more it says how many.
const NAMED: usize = 2;

/// The columns.
pub const HEADER: [&str; 7] = [
    "what fails",
    "at worst",
    "VMs hit",
    "not restarted",
    "longest outage",
    "CPU after",
    "who finds no room",
];

/// What is said where VMs of hosts that fail stay down.
const NO_CLUSTER: &str = "\nnobody restarts VMs here: the scenario has no `clusters`";

/// The table; nothing where nothing can fail that leaves something.
pub fn written(answer: &Answer, width: u16) -> Option<String> {
    let failures = &answer.failures;
    if failures.is_empty() {
        return None;
    }
    let mut table = table(width, &HEADER, &[2, 3, 4, 5], Last::Words);
    for failure in failures {
        table.add_row(row(failure));
    }
    let note = if answer.restarts { "" } else { NO_CLUSTER };
    Some(drawn(&table) + note)
}

/// The cells of a failure.
pub fn row(failure: &Failure) -> [String; 7] {
    let outage = &failure.outage;
    let back = outage.vms as usize - outage.not_restarted.len();
    [
        what(failure),
        worst(failure),
        outage.vms.to_string(),
        outage.not_restarted.len().to_string(),
        if back > 0 {
            quantity(outage.longest_s, "s")
        } else {
            String::new()
        },
        percent(outage.cpu_peak),
        some_of(&outage.not_restarted),
    ]
}

/// `1 of 4 racks`.
fn what(failure: &Failure) -> String {
    format!("{} of {} {}s", failure.count, failure.of, failure.kind)
}

/// The names of what is worst to lose, and how many hosts that is.
fn worst(failure: &Failure) -> String {
    let names = failure.worst.join(", ");
    let fullest = if failure.all_tried { "" } else { ", the fullest" };
    match (failure.kind, failure.outage.hosts) {
        ("host", _) => format!("{names}{fullest}"),
        (_, 1) => format!("{names} (1 host{fullest})"),
        (_, hosts) => format!("{names} ({hosts} hosts{fullest})"),
    }
}

/// A few names, and how many more there are.
pub fn some_of(names: &[String]) -> String {
    let few = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => few,
        more => format!("{few} and {more} more"),
    }
}
