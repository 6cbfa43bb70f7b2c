//! The scenario library: every file runs, holds what it expects, and its summary is a snapshot.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use twinrack_scenario::Scenario;
use twinrack_scenario::read::{FileLookup, read};
use twinrack_scenario::record::RunRecord;
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

pub fn scenario(path: &Path) -> Scenario {
    let text = std::fs::read_to_string(path).expect("readable");
    let lookup = FileLookup::new(path.parent().expect("in a folder"), "no data");
    read(&path.display().to_string(), &text, &lookup, &[]).unwrap_or_else(|rejected| panic!("{rejected}"))
}

pub fn simulate(scenario: &Scenario) -> RunRecord {
    let options = RunOptions {
        seed: scenario.spec.seed,
    };
    run(scenario, options, &mut |_| ControlFlow::Continue(())).expect("runs")
}

#[test]
fn the_deck_holds_what_it_expects() {
    let mut failed = Vec::new();
    for path in files("deck") {
        let record = simulate(&scenario(&path));
        let summary = &record.summary;
        for expectation in summary.expectations.iter().filter(|expectation| !expectation.ok) {
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
fn the_figures_of_the_deck_are_as_they_were() {
    for path in files("deck") {
        let summary = simulate(&scenario(&path)).summary;
        let name = summary.scenario.name.clone();
        let lines: Vec<String> = summary
            .kpis
            .iter()
            .map(|(name, figure)| format!("{name} = {} {}", figure.value, figure.unit))
            .collect();
        insta::assert_snapshot!(name, lines.join("\n"));
    }
}
