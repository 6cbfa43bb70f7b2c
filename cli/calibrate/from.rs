//! `twinrack calibrate --from`: the steps of a migration fitted to runs of a lab, some of them held out.

use std::path::{Path, PathBuf};

use twinrack_reports::replay::measured::put_profile;
use twinrack_reports::replay::refit::{LabRun, Refit, refit};
use twinrack_reports::replay::{profile, refitted};
use twinrack_scenario::record::Provenance;

use crate::exit::{Exit, Stop, print};
use crate::report::write_atomically;
use crate::run::listen;
use crate::terminal::width;
use crate::twin::run::{lab_run, policy, simulated};

/// What is fitted.
pub struct Fit<'a> {
    /// The runs.
    pub runs: &'a [PathBuf],
    /// One in so many is held out; none for 0.
    pub one_in: usize,
    /// Where it starts.
    pub profile: Option<&'a Path>,
    /// Where the profile goes.
    pub out: Option<&'a Path>,
}

/// `1/3` or `0`.
pub fn one_in(text: &str) -> Result<usize, String> {
    let wrong = || "expected 1/N with N from 2 on, such as 1/3, or 0".to_owned();
    if text == "0" {
        return Ok(0);
    }
    let parts = text.strip_prefix("1/").and_then(|parts| parts.parse().ok());
    parts.filter(|parts| *parts >= 2).ok_or_else(wrong)
}

impl Fit<'_> {
    /// Fits, tells and writes.
    pub fn carry_out(&self) -> Result<Exit, Stop> {
        listen();
        let runs = self.read()?;
        let about = about(&runs);
        let refit = refit(runs, self.one_in, &|scenario| simulated(scenario, scenario.spec.seed)).map_err(|error| {
            Stop::bad_input(format!(
                "error: calibrate: {error}\n = help: name runs of `--backend kvm` or of `record` with live migrations, three at least for --held-out 1/3"
            ))
        })?;
        print(&refitted(&refit, width()))?;
        self.write(&refit, &about)
    }

    fn write(&self, refit: &Refit, about: &str) -> Result<Exit, Stop> {
        if let Some(path) = self.out {
            write_atomically(path, profile::yaml(refit, about).as_bytes())?;
            print(&format!("\n{}\n", path.display()))?;
        }
        Ok(Exit::Done)
    }

    fn read(&self) -> Result<Vec<LabRun>, Stop> {
        let profile = self
            .profile
            .map(|path| Ok((policy(path)?, path.display().to_string())));
        let profile = profile.transpose()?;
        let mut runs = Vec::new();
        for directory in self.runs {
            let (run, mut scenario) = lab_run(directory, &[])?;
            if let Some((profile, name)) = &profile {
                put_profile(profile, name, &mut scenario.spec);
            }
            scenario.spec.seed = run.summary.seed;
            runs.push(LabRun {
                name: run.summary.scenario.name.clone(),
                run,
                scenario,
            });
        }
        Ok(runs)
    }
}

/// Where the runs were made, in words.
fn about(runs: &[LabRun]) -> String {
    let mut machines: Vec<String> = Vec::new();
    let made_on = |lab: &LabRun| -> Provenance { lab.run.summary.made_on.clone().unwrap_or_default() };
    for host in runs.iter().flat_map(|lab| made_on(lab).hosts) {
        let machine = format!("{}, {}, {}", host.processor, host.kernel, host.paging);
        if !machines.contains(&machine) {
            machines.push(machine);
        }
    }
    format!("Hosts: {}.", machines.join("; "))
}
