//! `twinrack twin --grid`: cases of one VM moved once, on both bodies; what is finished is kept, and the same command goes on.

use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use twinrack_hw::calibrate::{Cell, Fixed, grid, moved};
use twinrack_hw::kvm::System;
use twinrack_reports::twin::{TwinCase, TwinFigure, markdown, verdicts, written};
use twinrack_scenario::Scenario;
use twinrack_scenario::record::RunRecord;
use twinrack_sim::RunOptions;

use super::{CALIBRATIONS, pressure, system};
use crate::calibrate::steps;
use crate::exit::{Exit, Stop, print};
use crate::report::write_atomically;

/// Which grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Grid {
    /// A few cases of each kind: minutes.
    Quick,
    /// Every case: hours.
    Full,
}

/// A comparison of the two bodies over a grid of cases.
pub struct Comparison {
    /// The cases.
    pub grid: Grid,
    /// Times that each is measured.
    pub repeats: u32,
    /// Where the table goes.
    pub out: Option<PathBuf>,
    /// Begin no case after so many minutes.
    pub minutes: Option<u64>,
}

impl Comparison {
    /// Goes through the cases that are not finished.
    pub fn carry_out(self) -> Result<Exit, Stop> {
        let system = system()?;
        let cells = match self.grid {
            Grid::Quick => grid::quick(),
            Grid::Full => grid::full(),
        };
        let kept = self.out.as_deref().map(|out| beside(out, ".cases.jsonl"));
        let mut done = kept.as_deref().map(read_cases).transpose()?.unwrap_or_default();
        let began = Instant::now();
        let fixed = self.host(&system)?;
        let most = self
            .minutes
            .map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
        for cell in &cells {
            if done.iter().any(|case| case.name == cell.name()) {
                continue;
            }
            if most.is_some_and(|most| began.elapsed() >= most) {
                break;
            }
            let case = self.case(&system, cell, &fixed)?;
            print(&written(&case))?;
            if let Some(path) = &kept {
                append(path, &case)?;
            }
            done.push(case);
            self.write(&done, cells.len())?;
        }
        let missed = verdicts(&done).into_iter().filter(|verdict| !verdict.ok);
        let missed: Vec<String> = missed.map(|verdict| verdict.name).collect();
        let rest = if missed.is_empty() {
            "every gate is kept".to_owned()
        } else {
            format!("missed: {}", missed.join(", "))
        };
        print(&format!("{} of {} cases; {rest}\n", done.len(), cells.len()))?;
        Ok(if missed.is_empty() {
            Exit::Done
        } else {
            Exit::Failed
        })
    }

    /// What this host takes, measured before the first case; kept beside the cases, so that one that goes on is held to the same.
    fn host(&self, system: &System) -> Result<Fixed, Stop> {
        let kept = self.out.as_deref().map(|out| beside(out, ".host.json"));
        let known = kept.as_deref().and_then(|path| fs::read(path).ok());
        if let Some(fixed) = known.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            return Ok(fixed);
        }
        // All cases have one policy.
        let scenario = read(&grid::sample())?;
        let fixed = Fixed::measure(system, &scenario.spec.policies.migration, CALIBRATIONS)
            .map_err(|error| Stop::failed(format!("error: twin: {error}")))?;
        print(&steps(&fixed))?;
        if let Some(path) = kept {
            write_atomically(&path, &serde_json::to_vec(&fixed).map_err(Stop::bad_input)?)?;
        }
        Ok(fixed)
    }

    fn case(&self, system: &System, cell: &Cell, fixed: &Fixed) -> Result<TwinCase, Stop> {
        let failed = |what: String| Stop::bad_input(format!("error: {}: {what}", cell.name()));
        let mut scenario = read(cell)?;
        fixed.put(&mut scenario.spec.policies.migration);
        let options = RunOptions {
            seed: scenario.spec.seed,
        };
        let record = twinrack_sim::run(&scenario, options, &mut |_| ControlFlow::Continue(()))
            .map_err(|error| failed(error.to_string()))?;
        let measured: Vec<moved::Moved> = (0..self.repeats)
            .map(|_| moved::first_vm(system, &scenario))
            .collect::<Result<_, _>>()
            .map_err(|error| failed(error.to_string()))?;
        Ok(TwinCase {
            name: cell.name(),
            figures: figures(&record, &measured),
        })
    }

    fn write(&self, cases: &[TwinCase], of: usize) -> Result<(), Stop> {
        let Some(path) = &self.out else {
            return Ok(());
        };
        let about = format!(
            "{} of {of} cases, each measured {} times; {}",
            cases.len(),
            self.repeats,
            pressure()
        );
        write_atomically(path, markdown(cases, &about).as_bytes())
    }
}

fn figures(record: &RunRecord, measured: &[moved::Moved]) -> Vec<TwinFigure> {
    let simulated = |name: &str| {
        record
            .summary
            .kpis
            .get(name)
            .map_or(f64::NAN, |figure| figure.value)
    };
    let downtime = simulated("migration.downtime_s.max");
    let figure = |name: &str, unit: &str, simulated: f64, of: fn(&moved::Moved) -> f64| TwinFigure {
        name: name.to_owned(),
        unit: unit.to_owned(),
        simulated,
        measured: measured.iter().map(of).collect(),
    };
    let total = simulated("migration.brownout_s.max") + downtime;
    vec![
        figure("migration.total_s", "s", total, |moved| moved.total),
        figure(
            "migration.bytes",
            "B",
            simulated("migration.bytes.max"),
            |moved| moved.bytes as f64,
        ),
        figure("migration.downtime_s", "s", downtime, |moved| moved.downtime),
        figure(
            "migration.rounds",
            "1",
            simulated("migration.rounds.max"),
            |moved| f64::from(moved.rounds),
        ),
    ]
}

fn read(cell: &Cell) -> Result<Scenario, Stop> {
    Scenario::from_yaml(&cell.scenario())
        .map_err(|rejected| Stop::bad_input(format!("error: {}: {rejected}", cell.name())))
}

fn beside(out: &Path, what: &str) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(what);
    name.into()
}

/// The cases of an earlier, unfinished comparison; a last line that was cut short is measured again.
fn read_cases(path: &Path) -> Result<Vec<TwinCase>, Stop> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Stop::bad_input(format!("error: {}: {error}", path.display()))),
    }
}

fn append(path: &Path, case: &TwinCase) -> Result<(), Stop> {
    let failed = |error: std::io::Error| Stop::bad_input(format!("error: {}: {error}", path.display()));
    let line = serde_json::to_string(case).map_err(Stop::bad_input)? + "\n";
    let file = fs::File::options().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes()))
        .map_err(failed)
}
