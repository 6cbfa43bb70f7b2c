//! An expectation in words: what the figure is, and what was expected of it.

use twinrack_scenario::record::figure::kind_of;
use twinrack_scenario::record::{Expectation, Summary, Verdict};

use super::number::{digits, quantity};

/// The expectations of a run: those that fail it first, then those that are known to be missed.
pub fn failing_first(summary: &Summary) -> Vec<&Expectation> {
    let mut items: Vec<_> = summary.expectations.iter().collect();
    items.sort_by_key(|item| (!item.fails(), item.verdict() != Verdict::KnownMiss));
    items
}

/// " with 3 known misses", to follow a verdict; nothing when there is none.
pub fn misses(known: usize) -> String {
    match known {
        0 => String::new(),
        1 => " with 1 known miss".to_owned(),
        missed => format!(" with {missed} known misses"),
    }
}

/// Why it must hold, and what is known of its miss.
pub fn because(item: &Expectation) -> String {
    let known = item.known.as_deref().map(|why| match item.verdict() {
        Verdict::HeldAgain => format!("it holds: take `known` out ({why})"),
        _ => why.to_owned(),
    });
    let reasons: Vec<String> = item.why.iter().cloned().chain(known).collect();
    reasons.join("; ")
}

/// The figure's value; `absent` when the run has no such figure.
pub fn value(item: &Expectation) -> String {
    item.value
        .map_or("absent".to_owned(), |value| quantity(value, unit(item)))
}

/// What is asked for, and for `~` how far off is still near: `~ 42.19 s ± 1 %`.
pub fn limit(item: &Expectation) -> String {
    let within = if item.op == "~" {
        format!(" ± {} %", digits(item.tolerance * 100.0))
    } else {
        String::new()
    };
    format!("{} {}{within}", item.op, quantity(item.limit, unit(item)))
}

/// The unit of the figure.
pub fn unit(item: &Expectation) -> &'static str {
    kind_of(&item.kpi).map_or("1", |kind| kind.unit)
}
