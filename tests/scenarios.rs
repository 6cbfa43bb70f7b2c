//! The scenario library: every file runs, holds what it expects, and its summary is a snapshot.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use twinrack_scenario::Scenario;
use twinrack_scenario::read::{FileLookup, Lookup, LookupError, read};
use twinrack_scenario::record::{RunRecord, Summary};
use twinrack_sim::model::workload::synthetic;
use twinrack_sim::{RunOptions, run};

pub fn files(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scenarios")
        .join(folder);
    let entries = std::fs::read_dir(&root).expect("the library is there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}

/// The library's profiles, and for every trace a synthetic day of so many VMs: a machine that has nothing can run everything.
struct Synthetic {
    vms: u32,
}

impl Lookup for Synthetic {
    fn trace(&self, _: &str) -> Result<Vec<u8>, LookupError> {
        Ok(synthetic::trace(1, self.vms, 1).to_csv().into_bytes())
    }
}

/// A scenario of the library; where it wants a trace, it gets a synthetic day of as many VMs as the published one.
pub fn scenario(path: &Path) -> Scenario {
    scenario_of(path, 1052)
}

/// The same, with so many VMs in the synthetic day.
pub fn scenario_of(path: &Path, vms: u32) -> Scenario {
    let text = std::fs::read_to_string(path).expect("readable");
    read(&path.display().to_string(), &text, &Synthetic { vms }, &[])
        .unwrap_or_else(|rejected| panic!("{rejected}"))
}

pub fn simulate(scenario: &Scenario) -> RunRecord {
    let options = RunOptions {
        seed: scenario.spec.seed,
    };
    run(scenario, options, &mut |_| ControlFlow::Continue(())).expect("runs")
}

/// The scenarios whose figures depend on nothing but the file.
fn library() -> impl Iterator<Item = PathBuf> {
    files("deck").into_iter().chain(files("validation"))
}

#[test]
fn the_library_holds_what_it_expects() {
    let mut failed = Vec::new();
    for path in library() {
        let record = simulate(&scenario(&path));
        let summary = &record.summary;
        for expectation in summary
            .expectations
            .iter()
            .filter(|expectation| expectation.fails())
        {
            failed.push(format!(
                "{}: {} {} {} but is {:?}",
                summary.scenario.name, expectation.kpi, expectation.op, expectation.limit, expectation.value
            ));
        }
    }
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

/// What changes a figure of the library shows in a snapshot.
#[test]
fn the_figures_of_the_library_are_as_they_were() {
    for path in library() {
        let summary = simulate(&scenario(&path)).summary;
        insta::assert_snapshot!(summary.scenario.name.clone(), figures(&summary));
    }
}

fn figures(summary: &Summary) -> String {
    let lines: Vec<String> = summary
        .kpis
        .iter()
        .map(|(name, figure)| format!("{name} = {} {}", figure.value, figure.unit))
        .collect();
    lines.join("\n")
}

/// On a synthetic day the planning scenarios run, their figures are as they were, and what does not depend on the day holds.
#[test]
fn planning_runs_on_a_machine_that_has_nothing() {
    for path in files("planning") {
        let summary = simulate(&scenario(&path)).summary;
        let name = &summary.scenario.name;
        insta::assert_snapshot!(name.clone(), figures(&summary));
        if name.starts_with("planetlab-") {
            let wrong: Vec<_> = summary
                .expectations
                .iter()
                .filter(|expectation| expectation.fails())
                .collect();
            assert!(wrong.is_empty(), "{name}: {wrong:?}");
        }
    }
}

/// On the published days every expectation holds, to the last digit where it says so.
#[test]
fn planning_holds_what_it_expects_on_the_published_days() {
    for path in files("planning") {
        let text = std::fs::read_to_string(&path).expect("readable");
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
        let data = std::env::var_os("TWINRACK_DATA").map_or(beside, PathBuf::from);
        let lookup = FileLookup::new(path.parent().expect("in a folder"), data);
        match read(&path.display().to_string(), &text, &lookup, &[]) {
            Ok(scenario) => {
                let summary = simulate(&scenario).summary;
                let wrong: Vec<_> = summary
                    .expectations
                    .iter()
                    .filter(|expectation| expectation.fails())
                    .collect();
                assert!(wrong.is_empty(), "{}: {wrong:?}", summary.scenario.name);
            }
            Err(rejected) => eprintln!("SKIPPED {}: its trace is not here\n{rejected}", path.display()),
        }
    }
}
