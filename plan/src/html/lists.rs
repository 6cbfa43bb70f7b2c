//! Lists: failures, what breaks first, actions, energy, reasons to trust it, assumptions.

use twinrack_reports::html::data::{Cell, Data, Kind};
use twinrack_reports::html::escape;
use twinrack_reports::text::expectation;

use super::capacity::named;
use crate::answer::Answer;
use crate::text::{actions as words, failures as outages};

/// Actions up to which the table is open from the start.
const OPEN: usize = 12;

fn note(text: &str) -> String {
    format!("<p class=\"meta\">{}</p>\n", escape(text))
}

fn list<'t>(items: impl Iterator<Item = &'t str>) -> String {
    let items: Vec<String> = items.map(|item| format!("<li>{}</li>", escape(item))).collect();
    if items.is_empty() {
        return String::new();
    }
    format!("<ul>{}</ul>\n", items.concat())
}

/// What the loss of hosts, racks and feeds does.
pub fn failures(answer: &Answer) -> String {
    if answer.failures.is_empty() {
        return String::new();
    }
    let kinds = [
        Kind::Text,
        Kind::Text,
        Kind::Number("1"),
        Kind::Number("1"),
        Kind::Number("s"),
        Kind::Share,
        Kind::Text,
    ];
    let columns: Vec<(&str, Kind)> = outages::HEADER.into_iter().zip(kinds).collect();
    let row = |failure: &crate::failures::Failure| {
        let [what, worst, _, _, _, _, who] = outages::row(failure);
        let outage = &failure.outage;
        let back = outage.vms as usize > outage.not_restarted.len();
        vec![
            Cell::Text(what),
            Cell::Text(worst),
            f64::from(outage.vms).into(),
            (outage.not_restarted.len() as f64).into(),
            Some(outage.longest_s).filter(|_| back).into(),
            outage.cpu_peak.into(),
            Cell::Text(who),
        ]
    };
    let rows = answer.failures.iter().map(row).collect();
    let table = Data::new(format!("{}-failures", answer.name), &columns, rows).shown();
    let restarts = if answer.restarts {
        "the failover cluster restarts what it took down"
    } else {
        "nobody restarts what it took down: the scenario has no `clusters`"
    };
    let told = format!(
        "Power is lost at the busiest moment of the first sample; {restarts}. Of each kind the worst case."
    );
    note(&told) + &table
}

/// What broke at one host less than was needed.
pub fn breaks(answer: &Answer) -> String {
    let columns = [
        ("alternative", Kind::Text),
        ("what breaks, with one host less", Kind::Text),
        ("is", Kind::Text),
        ("must be", Kind::Text),
        ("in samples", Kind::Text),
        ("because", Kind::Text),
    ];
    let rows: Vec<Vec<Cell>> = answer
        .alternatives
        .iter()
        .flat_map(|sized| {
            sized.breaks.iter().map(|(level, samples)| {
                let item = &level.item;
                let cells = [
                    named(sized).to_owned(),
                    format!("{} {}", item.kpi, level.situation.words()),
                    expectation::value(item),
                    expectation::limit(item),
                    format!("{samples}/{}", sized.needed.len()),
                    item.why.clone().unwrap_or_default(),
                ];
                cells.map(Cell::Text).to_vec()
            })
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    Data::new(format!("{}-breaks", answer.name), &columns, rows).shown()
}

/// The way from the present.
pub fn actions(answer: &Answer) -> String {
    let actions = &answer.actions;
    let Some(summary) = words::summary(actions) else {
        return note("Nothing has to be done: the hosts that there are, are those of the answer.");
    };
    let columns: Vec<(&str, Kind)> = words::HEADER.map(|name| (name, Kind::Text)).to_vec();
    let rows = actions
        .iter()
        .map(|action| words::row(action).map(Cell::Text).to_vec())
        .collect();
    let table = Data::new(format!("{}-actions", answer.name), &columns, rows);
    note(&summary) + &table.folded(actions.len() <= OPEN)
}

/// Energy by the tariff.
pub fn energy(answer: &Answer) -> String {
    let best = answer
        .best
        .and_then(|best| answer.alternatives[best].measured.as_ref());
    let Some(windows) = best
        .map(|best| &best.energy_windows)
        .filter(|windows| !windows.is_empty())
    else {
        return String::new();
    };
    let columns = [
        ("time of day", Kind::Text),
        ("price of a kWh", Kind::Number("1")),
        ("energy a year", Kind::Number("kW·h")),
        ("price a year, hosts alone", Kind::Number("1")),
    ];
    let rows = windows.iter().map(|window| {
        vec![
            Cell::Text(window.window.clone()),
            window.price.into(),
            window.kwh_year.into(),
            libm::round(window.price * window.kwh_year).into(),
        ]
    });
    Data::new(format!("{}-energy", answer.name), &columns, rows.collect()).shown()
}

/// The stars and their reasons.
pub fn confidence(answer: &Answer) -> String {
    let confidence = &answer.confidence;
    let lines: Vec<String> = confidence
        .reasons
        .iter()
        .map(|reason| format!("{}: {:.1} of a star", reason.words, reason.part))
        .collect();
    let stars = format!("{} {} of 5 stars", confidence.drawn(), confidence.stars);
    note(&stars) + &list(lines.iter().map(String::as_str))
}

/// What was taken for granted.
pub fn assumptions(answer: &Answer) -> String {
    list(answer.assumptions.iter().map(String::as_str))
}
