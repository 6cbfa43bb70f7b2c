//! The KVM arm: agents are processes of the command.

use std::io::Write;
use std::ops::ControlFlow;

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
    let options = Options {
        seed: 1,
        agents: vec![agent],
        hosts: Capabilities::probe(),
        modelled: None,
    };
    body::run(scenario, &options, &mut |_| ControlFlow::Continue(()))
        .unwrap_or_else(|error| panic!("{error}"))
}
