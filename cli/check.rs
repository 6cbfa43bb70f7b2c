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
                    "{}: {}, {}, {}\n",
                    path.display(),
                    counted(scenario.hosts.len() as usize, "host"),
                    counted(scenario.vms.len() as usize, "VM"),
                    counted(scenario.spec.expect.len(), "expectation")
                ))?,
                Err(stop) => exit = Exit::explained(stop),
            }
        }
        Ok(exit)
    }
}

/// So many of something: `1 host`, `2 hosts`.
fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
