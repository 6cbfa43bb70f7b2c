//! `twinrack check`: validates scenarios without running them.

use std::path::PathBuf;

use clap::Args;
use twinrack_scenario::spec::expect::Backend;

use crate::exit::{Exit, Stop, print};
use crate::scenario::load;

/// Arguments of `check`.
#[derive(Args)]
pub struct Check {
    /// The scenario files.
    #[arg(required = true)]
    scenarios: Vec<PathBuf>,
}

impl Check {
    /// Carries the verb out.
    pub fn carry_out(self) -> Result<Exit, Stop> {
        let mut exit = Exit::Done;
        for path in &self.scenarios {
            match load(Backend::Sim, path, &[]) {
                Ok(scenario) => print(&format!(
                    "{}: {} hosts, {} VMs, {} expectations\n",
                    path.display(),
                    scenario.hosts.len(),
                    scenario.vms.len(),
                    scenario.spec.expect.len()
                ))?,
                Err(stop) => exit = Exit::explained(stop),
            }
        }
        Ok(exit)
    }
}
