//! The page of a plan: one file, no network, no script; the verdict first, then what it rests on, each table with its file.

mod capacity;
mod charts;
mod lists;

use twinrack_reports::html::document::Document;
use twinrack_reports::html::element::{section, terms};
use twinrack_reports::text::quantity;

use crate::answer::Answer;
use crate::text::{self, counted, months_words, percent};
use crate::whatif::State;

/// The page of an answer.
pub fn page(answer: &Answer) -> String {
    let sections = [
        section("Summary", &terms("tiles", &tiles(answer))),
        section("Alternatives", &capacity::alternatives(answer)),
        section("Capacity", &capacity::clusters(answer)),
        section("Runway", &charts::runway(answer)),
        section("Use of processors", &charts::processors(answer)),
        section("If something fails", &lists::failures(answer)),
        section("What breaks first", &lists::breaks(answer)),
        section("From what there is to this", &lists::actions(answer)),
        section("Energy", &lists::energy(answer)),
        section("How far to trust it", &lists::confidence(answer)),
        section("Assumptions", &lists::assumptions(answer)),
    ];
    Document {
        name: &answer.name,
        passed: answer.best.is_some(),
        verdict: &text::verdict(answer),
        title: answer.title.as_ref().unwrap_or(&answer.name),
        meta: &format!("{} · plan · {} samples", answer.name, samples(answer)),
        sections: &sections,
    }
    .html()
}

/// The page of a comparison.
pub fn what_if(name: &str, states: &[State], spare: &str) -> String {
    Document {
        name,
        passed: states.last().is_some_and(State::fits),
        verdict: &text::whatif::verdict(states),
        title: "Before and after",
        meta: &format!("{name} · what if"),
        sections: &[section(
            "Side by side",
            &capacity::side_by_side(name, states, spare),
        )],
    }
    .html()
}

fn samples(answer: &Answer) -> usize {
    let samples = answer.alternatives.iter().map(|sized| sized.needed.len());
    samples.max().unwrap_or(0)
}

/// The few numbers that say how it is.
fn tiles(answer: &Answer) -> Vec<(String, String)> {
    let mut tiles = Vec::new();
    let mut tile = |name: &str, value: String| tiles.push((name.to_owned(), value));
    if let Some(best) = answer.best.map(|best| &answer.alternatives[best]) {
        tile("hosts", counted(best.hosts.unwrap_or_default()));
        if let Some(measured) = &best.measured {
            tile("VMs", quantity(f64::from(measured.vms), "1"));
            tile("processors, 95 % of the time", percent(measured.cpu_p95));
            tile("memory, while short", percent(measured.memory_short));
        }
    }
    if let Some(left) = &answer.headroom {
        tile(
            "VMs remaining, median",
            quantity(f64::from(left.more_spread()[1]), "1"),
        );
        tile("time remaining, median", months_words(left.months_spread()[1]));
    }
    let measured = answer
        .best
        .and_then(|best| answer.alternatives[best].measured.as_ref());
    if let Some(cost) = measured.and_then(|measured| measured.cost) {
        tile("cost", quantity(libm::round(cost), "1"));
    }
    tile("confidence", answer.confidence.drawn());
    tiles
}
