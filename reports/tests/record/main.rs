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

use twinrack_reports::replay::measured::{of_log, put};
use twinrack_reports::replay::{Replay, replay};
use twinrack_reports::{Run, lab_log};
use twinrack_scenario::Scenario;
use twinrack_scenario::read::{Lookup, LookupError, NoFiles, read};
use twinrack_scenario::spec::expect::Backend;
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
    virtually(&scenario, seed).expect("runs")
}

/// A run in virtual time of a scenario that was read.
fn virtually(scenario: &Scenario, seed: Option<u64>) -> Result<Run, String> {
    let options = RunOptions {
        seed: seed.unwrap_or(scenario.spec.seed),
    };
    let record = run(scenario, options, &mut |_| ControlFlow::Continue(()));
    record
        .map(|record| Run::of(&record))
        .map_err(|error| error.to_string())
}

/// The example log of a lab against its simulation.
fn replayed() -> Replay {
    let log = include_str!("../../../scenarios/lab/one-move.jsonl");
    let record =
        lab_log::read("one-move.jsonl", log, &NoFiles).unwrap_or_else(|rejected| panic!("{rejected}"));
    let lab = Run::of(&record);
    let mut scenario = Scenario::from_yaml_for(Backend::Kvm, &lab.scenario_yaml).expect("was read before");
    let inputs = put(of_log(&lab), &mut scenario.spec);
    replay(lab, &scenario, inputs, &|scenario| virtually(scenario, None))
        .unwrap_or_else(|why| panic!("{why}"))
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
