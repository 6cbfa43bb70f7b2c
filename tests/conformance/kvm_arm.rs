//! The KVM arm: agents are processes of the command.

use std::io::Write;
use std::ops::ControlFlow;
use std::time::Duration;

use twinrack_hw::body::{self, Options};
use twinrack_hw::kvm::System;
use twinrack_hw::lab::handle::Starter;
use twinrack_hw::probe::Capabilities;
use twinrack_scenario::Scenario;
use twinrack_scenario::record::RunRecord;

/// Whether there is KVM; a loud word where there is not.
pub fn is_here() -> bool {
    match System::open() {
        Ok(_) => true,
        Err(error) => {
            let said = format!("SKIPPED conformance of the KVM arm: needs KVM: {error}\n");
            let _ = std::io::stderr().write_all(said.as_bytes());
            false
        }
    }
}

/// Carries a scenario out in real time.
pub fn run(scenario: &Scenario) -> RunRecord {
    let agent = Starter::here(env!("CARGO_BIN_EXE_twinrack").into());
    run_with(scenario, vec![agent], Options::SILENCE)
}

/// The same with agents of its own, and another patience with them.
pub fn run_with(scenario: &Scenario, agents: Vec<Starter>, silence: Duration) -> RunRecord {
    let options = Options {
        seed: 1,
        agents,
        hosts: Capabilities::probe(),
        modelled: None,
        silence,
    };
    body::run(scenario, &options, &mut |_| ControlFlow::Continue(()))
        .unwrap_or_else(|error| panic!("{error}"))
}
