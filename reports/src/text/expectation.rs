//! An expectation in words: what the figure is, and what was expected of it.

use twinrack_scenario::record::figure::kind_of;
use twinrack_scenario::record::{Expectation, Summary};

use super::number::{digits, quantity};

/// The expectations of a run, those that fail it first.
pub fn failing_first(summary: &Summary) -> Vec<&Expectation> {
    let mut items: Vec<_> = summary.expectations.iter().collect();
    items.sort_by_key(|item| !item.fails());
    items
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
