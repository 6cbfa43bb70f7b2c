//! The page of a run: one file, no network, no script; light, dark and on paper; with the data behind every chart.
//!
//! First the verdict, then what it rests on: a summary, charts, migrations, events of note, all figures, and where they come from.

pub mod data;
pub mod element;
mod events;
mod expectations;
pub mod figure;
mod figures;
mod levels;
mod migrations;
mod provenance;
mod summary;
mod utilisation;

use crate::run::Run;
use crate::text::verdict;

pub use element::escape;

const STYLE: &str = include_str!("html/style.css");
/// What the browser lets the page do: look as its style says. It can load nothing and run nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// What stands at the top of a page.
#[derive(Debug, Clone)]
pub struct Head<'a> {
    /// The name of what it is about, for the window.
    pub name: &'a str,
    /// Its title.
    pub title: &'a str,
    /// The line that answers the question.
    pub verdict: String,
    /// Whether that is good news.
    pub passed: bool,
    /// What it is, in a line.
    pub meta: String,
}

/// A whole page of these sections.
pub fn document(head: &Head<'_>, sections: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{name} — twinrack</title><style>\n{STYLE}</style></head>\n<body><main>\n\
         <header><p class=\"verdict {class}\">{verdict}</p><h1>{title}</h1>\
         <p class=\"meta\">{meta}</p></header>\n\
         {sections}</main></body></html>\n",
        name = escape(head.name),
        class = if head.passed { "pass" } else { "fail" },
        verdict = escape(&head.verdict),
        title = escape(head.title),
        meta = escape(&head.meta),
    )
}

/// The page of a run.
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
    ]
    .concat();
    let (backend, span) = (&summary.backend, provenance::span(summary));
    let head = Head {
        name,
        title: summary.scenario.title.as_ref().unwrap_or(name),
        verdict: verdict(summary),
        passed: summary.passed(),
        meta: format!("{name} · {backend} body · seed {} · {span}", summary.seed),
    };
    document(&head, &sections)
}
