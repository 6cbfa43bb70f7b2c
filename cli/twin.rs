//! `twinrack twin`: carries cases out on both bodies and tells, figure by figure, how far they part.

mod grid;
pub mod run;
mod scenario;

use std::fs;
use std::path::PathBuf;

use clap::Args;
use twinrack_hw::kvm::System;

use crate::exit::{Exit, Stop};
use crate::scenario::setting;
use grid::{Comparison, Grid};

/// Moves that the fixed parts of rounds and pauses are taken from.
const CALIBRATIONS: usize = 9;

/// Arguments of `twin`.
#[derive(Args)]
pub struct Twin {
    /// A scenario, which is run on both bodies, or the directory of a run on KVM, which is repeated in the simulator. Without
    /// it, a grid of cases.
    #[arg(conflicts_with = "grid")]
    what: Option<PathBuf>,
    /// The cases: one VM moved once, over memory, dirty rate, working set, pattern and link.
    #[arg(long, value_enum)]
    grid: Option<Grid>,
    /// Times that each case is measured; 3 for a scenario and 5 for a grid when absent.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: Option<u32>,
    /// With a run: what the simulator is given of the host, in place of what the run's own log measured. Numbers that the run's
    /// scenario has itself win.
    #[arg(long, value_name = "PROFILE", requires = "what")]
    profile: Option<PathBuf>,
    /// With a run: where the page goes that shows simulation against lab, figure by figure.
    #[arg(long, value_name = "FILE", requires = "what")]
    html: Option<PathBuf>,
    /// Where the table goes, as Markdown. Cases of a grid that are finished stay beside it, in FILE.cases.jsonl: the same
    /// command again goes on with the others.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Begin no case of a grid after so many minutes.
    #[arg(long)]
    minutes: Option<u64>,
    /// Change a value of the scenario: vms.sql01.memory=8GiB. Can be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = setting)]
    sets: Vec<(String, String)>,
}

impl Twin {
    /// Carries the verb out.
    pub fn carry_out(self) -> Result<Exit, Stop> {
        if let Some(run) = self.what.as_ref().filter(|what| what.is_dir()) {
            let outputs = run::Outputs {
                markdown: self.out.as_deref(),
                html: self.html.as_deref(),
            };
            return run::replayed(run, &self.sets, self.profile.as_deref(), &outputs);
        }
        if let Some(file) = &self.what {
            if self.html.is_some() || self.profile.is_some() {
                return Err(Stop::bad_input(format!(
                    "error: {} is no run: --html and --profile show one run against its simulation\n = help: \
                     `twinrack run {0} --backend kvm --out RUN`, then `twinrack twin RUN`",
                    file.display()
                )));
            }
            let case = scenario::of_file(file, &self.sets, self.repeats.unwrap_or(3))?;
            return scenario::told(&case, self.out.as_deref());
        }
        let comparison = Comparison {
            grid: self.grid.unwrap_or(Grid::Quick),
            repeats: self.repeats.unwrap_or(5),
            out: self.out,
            minutes: self.minutes,
        };
        comparison.carry_out()
    }
}

/// KVM, or what is missing.
pub fn system() -> Result<System, Stop> {
    System::open().map_err(|error| {
        Stop::unavailable(format!(
            "error: {error}\n = help: `twinrack lab doctor` says what is missing and how to get it"
        ))
    })
}

/// What other work the host had, as the kernel tells it.
fn pressure() -> String {
    let told = fs::read_to_string("/proc/pressure/cpu").unwrap_or_default();
    match told.lines().next() {
        Some(line) => format!("processor pressure of the host at the end: {line}"),
        None => "processor pressure of the host: not told by this kernel".to_owned(),
    }
}
