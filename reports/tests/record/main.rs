//! What is made of a record, held by what reads it: a browser, and readers of trace events.

/// A headless browser that tells what a page does in it.
mod browser;
/// The page shows what it should, asks for nothing, and can be read on wide and narrow screens.
mod page;
/// So do the pages of comparisons, histories and sweeps.
mod pages;
/// Trace events are what their format wants.
mod trace;

use std::ops::ControlFlow;
use std::path::Path;

use twinrack_reports::Run;
use twinrack_scenario::read::{Lookup, LookupError, read};
use twinrack_sim::model::workload::synthetic;
use twinrack_sim::{RunOptions, run};

/// For every trace a synthetic day: the real ones are not part of the repository.
struct Synthetic;

impl Lookup for Synthetic {
    fn trace(&self, _: &str) -> Result<Vec<u8>, LookupError> {
        Ok(synthetic::trace(1, 1052, 1).to_csv().into_bytes())
    }
}

/// A scenario of the library, run.
fn simulated(scenario: &str) -> Run {
    simulated_with(scenario, &[], None)
}

/// The same with values of it changed, and at another seed.
fn simulated_with(scenario: &str, sets: &[(&str, &str)], seed: Option<u64>) -> Run {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../scenarios")
        .join(scenario);
    let text = std::fs::read_to_string(&path).expect("the library is there");
    let sets: Vec<(String, String)> = sets
        .iter()
        .map(|(path, value)| ((*path).to_owned(), (*value).to_owned()))
        .collect();
    let scenario = read(scenario, &text, &Synthetic, &sets).unwrap_or_else(|rejected| panic!("{rejected}"));
    let options = RunOptions {
        seed: seed.unwrap_or(scenario.spec.seed),
    };
    Run::of(&run(&scenario, options, &mut |_| ControlFlow::Continue(())).expect("runs"))
}

/// One scenario for each kind of page: one migration, several that wait, failures, moves that are no live migrations, none at
/// all, and hundreds.
const SCENARIOS: [&str; 7] = [
    "deck/live-migration.yaml",
    "deck/maintenance.yaml",
    "deck/live-migration-rollback.yaml",
    "deck/post-copy.yaml",
    "deck/hyperv-2008-vs-r2.yaml",
    "deck/core-parking.yaml",
    "planning/planetlab-thr-mmt.yaml",
];
