//! Pages: one file each, no network, no script; light, dark and on paper; with the data behind every chart.
//!
//! A page says first how it came out, then what that rests on. The page of a run is here; others are made of the same pieces.

pub mod compare;
pub mod data;
pub mod document;
pub mod element;
mod events;
mod expectations;
pub mod figure;
mod figures;
pub mod history;
mod levels;
mod migrations;
mod provenance;
pub mod replay;
mod summary;
pub mod sweep;
mod utilisation;

use crate::run::Run;
use crate::text::verdict;
use document::Document;

pub use element::escape;
pub use summary::HEADLINE;

/// The page of a run: the verdict, what was expected, a summary, charts, migrations, events of note, all figures, and where they come
/// from.
pub fn page(run: &Run) -> String {
    let summary = &run.summary;
    let name = &summary.scenario.name;
    let sections = [
        expectations::section(run),
        summary::section(run),
        levels::section(run),
        migrations::section(run),
        events::section(run),
        figures::section(run),
        provenance::section(run),
    ];
    Document {
        name,
        passed: summary.passed(),
        verdict: &verdict(summary),
        title: summary.scenario.title.as_ref().unwrap_or(name),
        meta: &format!(
            "{name} · {} body · seed {} · {}",
            summary.backend,
            summary.seed,
            provenance::span(summary)
        ),
        sections: &sections,
    }
    .html()
}
