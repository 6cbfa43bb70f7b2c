//! The page of a run: one file, no network, no script; light, dark and on paper; with the data behind every chart.
//!
//! First the verdict, then what it rests on: a summary, charts, migrations, events of note, all figures, and where they come from.

mod data;
mod element;
mod events;
mod expectations;
mod figure;
mod figures;
mod levels;
mod migrations;
mod provenance;
mod replay;
mod summary;
mod utilisation;

use crate::run::Run;
use crate::text::verdict;

pub use element::escape;
pub use replay::page as replay_page;

const STYLE: &str = include_str!("html/style.css");
/// What the browser lets the page do: look as its style says. It can load nothing and run nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The page.
pub fn page(run: &Run) -> String {
    let summary = &run.summary;
    let name = &summary.scenario.name;
    let title = summary.scenario.title.as_ref().unwrap_or(name);
    let class = if summary.passed() { "pass" } else { "fail" };
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
    let meta = format!(
        "{} · {} body · seed {} · {}",
        escape(name),
        escape(&summary.backend),
        summary.seed,
        provenance::span(summary)
    );
    document(name, (class, &verdict(summary)), title, &meta, &sections)
}

/// A page around its sections; `meta` is HTML.
fn document(name: &str, (class, verdict): (&str, &str), title: &str, meta: &str, sections: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{name} — twinrack</title><style>\n{STYLE}</style></head>\n<body><main>\n\
         <header><p class=\"verdict {class}\">{verdict}</p><h1>{title}</h1>\
         <p class=\"meta\">{meta}</p></header>\n\
         {sections}</main></body></html>\n",
        name = escape(name),
        verdict = escape(verdict),
        title = escape(title),
    )
}
