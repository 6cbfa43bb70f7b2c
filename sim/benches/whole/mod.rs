//! Whole runs of the simulated body, and what happened in them.

use std::ops::ControlFlow;

use twinrack_scenario::Scenario;
use twinrack_scenario::record::RunRecord;
use twinrack_sim::{RunOptions, run};

/// Runs a scenario; nothing is written.
pub fn simulate(scenario: &Scenario) -> RunRecord {
    let options = RunOptions { seed: 1 };
    run(scenario, options, &mut |_| ControlFlow::Continue(())).expect("runs")
}

/// Tells some figures of a run: that what was measured is what was meant.
pub fn told(what: &str, record: &RunRecord, names: &[&str]) {
    for name in names {
        let value = record
            .summary
            .kpis
            .get(*name)
            .map_or(f64::NAN, |figure| figure.value);
        eprintln!("{what}: {name} = {value}");
    }
}
