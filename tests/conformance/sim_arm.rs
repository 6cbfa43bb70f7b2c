//! The simulated arm.

use std::ops::ControlFlow;

use twinrack_scenario::Scenario;
use twinrack_scenario::record::RunRecord;
use twinrack_sim::RunOptions;

/// Carries a scenario out in virtual time.
pub fn run(scenario: &Scenario) -> RunRecord {
    twinrack_sim::run(scenario, RunOptions { seed: 1 }, &mut |_| {
        ControlFlow::Continue(())
    })
    .expect("a record")
}
