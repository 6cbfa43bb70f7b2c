//! Where the numbers come from: the scenario as it was run, and what is needed to run it again.

use twinrack_scenario::record::Summary;
use twinrack_scenario::spec::expect::Backend;

use super::element::{details, escape, section as titled, terms};
use crate::run::Run;
use crate::text::number::digits;
use crate::text::quantity;

fn simulated(summary: &Summary) -> bool {
    summary.backend == Backend::Sim.word()
}

/// How much time the run covers, and of which kind.
pub fn span(summary: &Summary) -> String {
    let kind = if simulated(summary) {
        "simulated time"
    } else {
        "time on real hosts"
    };
    format!("{} of {kind}", quantity(summary.span_s, "s"))
}

/// The section.
pub fn section(run: &Run) -> String {
    let summary = &run.summary;
    let mut facts: Vec<(String, String)> = vec![
        ("scenario".to_owned(), summary.scenario.name.clone()),
        ("body".to_owned(), summary.backend.clone()),
        ("seed".to_owned(), summary.seed.to_string()),
        ("covers".to_owned(), span(summary)),
        (
            "BLAKE3 of the scenario".to_owned(),
            summary.scenario.blake3.clone(),
        ),
        ("digest of events and figures".to_owned(), summary.digest.clone()),
    ];
    let factor = |(size, factor): (&String, &f64)| (format!("{size} scaled by"), digits(*factor));
    facts.extend(summary.scenario.scale.iter().map(factor));
    let version = |(what, version): (&String, &String)| (format!("version of {what}"), version.clone());
    facts.extend(summary.versions.iter().map(version));
    let repeat = if simulated(summary) {
        "The same scenario with the same seed gives the same digest on every machine."
    } else {
        "Carried out on real hosts: what was measured is never quite the same again."
    };
    let body = format!(
        "<p>{repeat}</p>\n{}{}",
        terms("facts", &facts),
        details(
            "The scenario as it was run, defaults and profiles filled in",
            &format!("<pre tabindex=\"0\">{}</pre>", escape(&run.scenario_yaml)),
            false
        )
    );
    titled("Assumptions and provenance", &body)
}
