//! `twinrack run`: carries a scenario out, writes its record, says how it came out.

use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clap::{Args, ValueEnum};
use rayon::prelude::*;
use twinrack_hw::body::untold::Untold;
use twinrack_hw::body::{self, Options};
use twinrack_hw::calibrate::profile::Machine;
use twinrack_hw::lab::handle::Starter;
use twinrack_hw::probe::Capabilities;
use twinrack_reports::{RecordError, Run as Shown, text, write_record};
use twinrack_scenario::Scenario;
use twinrack_scenario::record::{Provenance, RunRecord, Summary};
use twinrack_scenario::spec::expect::Backend as Body;
use twinrack_sim::{RunError, RunOptions};

use crate::arguments::{Settings, Threads, runs_folder};
use crate::exit::{Exit, Stop, print};
use crate::lab::unavailable;
use crate::progress::Bar;
use crate::scenario::load;
use crate::terminal::width;

/// Whether the user asked to stop.
pub static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Which body carries the scenario out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Backend {
    /// Simulated, in virtual time.
    Sim,
    /// Real hosts with KVM.
    Kvm,
}

/// Arguments of `run`.
#[derive(Args)]
pub struct Run {
    /// The scenario file.
    scenario: PathBuf,
    /// Which body carries it out.
    #[arg(long, value_enum, default_value = "sim")]
    backend: Backend,
    /// With --backend kvm: where this machine can't do or tell what the scenario asks for, run all the same and take the
    /// figures that hang on it from the simulator; they are marked `modelled`.
    #[arg(long)]
    allow_modelled: bool,
    /// With --backend kvm: the hosts of this inventory, in its order, in place of processes of this machine.
    #[arg(long, value_name = "LAB.YAML")]
    lab: Option<PathBuf>,
    /// Seed of every random draw, in place of the scenario's.
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// One run for each seed from A up to but not B.
    #[arg(long, value_name = "A..B", value_parser = range)]
    seeds: Option<Range<u64>>,
    #[command(flatten)]
    settings: Settings,
    /// Where the record goes; runs/NAME-SEED when absent. With --seeds, the directory that gets one for each seed.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Print summary.json and nothing else.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    threads: Threads,
}

/// Listens for the user's wish to stop.
pub fn listen() {
    // A handler can be set once in a process; without one the run just can't be interrupted cleanly.
    let _ = ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst));
}

/// Whether the user asked to stop.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// `A..B`.
pub fn range(text: &str) -> Result<Range<u64>, String> {
    let wrong = || "expected A..B with A below B, such as 0..20".to_owned();
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let range = from.parse().map_err(|_| wrong())?..to.parse().map_err(|_| wrong())?;
    if range.is_empty() { Err(wrong()) } else { Ok(range) }
}

impl Run {
    /// Carries the verb out.
    pub fn carry_out(self) -> Result<Exit, Stop> {
        let body = match self.backend {
            Backend::Sim => Body::Sim,
            Backend::Kvm => Body::Kvm,
        };
        let scenario = load(body, &self.scenario, &self.settings.sets)?;
        listen();
        match self.seeds.clone() {
            Some(_) if self.backend == Backend::Kvm => Err(Stop::bad_input(
                "error: --seeds runs side by side, which real hosts can't\n = help: give --seed, and run again for each",
            )),
            Some(seeds) => self.many(&scenario, seeds),
            None => self.one(&scenario),
        }
    }

    fn one(&self, scenario: &Scenario) -> Result<Exit, Stop> {
        let seed = self.seed.unwrap_or(scenario.spec.seed);
        let bar = Bar::new(&scenario.spec.name, 1);
        let record = match self.backend {
            Backend::Sim => simulate(scenario, seed, &mut |progress| bar.show(progress))
                .map_err(|error| stopped(error, "no record is written")),
            Backend::Kvm => on_hosts(scenario, seed, (self.allow_modelled, self.lab.as_deref()), &bar),
        };
        bar.clear();
        let record = record?;
        let directory = self
            .out
            .clone()
            .unwrap_or_else(|| runs_folder(None).join(directory_name(&record.summary)));
        write_record(&record, &directory).map_err(unwritten)?;
        if self.json {
            print(&json(&record.summary)?)?;
        } else {
            let events = record.events.len();
            let shown = Shown::of(&record);
            print(&text::written(&shown, width()))?;
            print(&format!(
                "\n{}\n",
                self.footer(&record.summary, &directory, events)
            ))?;
        }
        Ok(if record.summary.passed() {
            Exit::Done
        } else {
            Exit::Failed
        })
    }

    fn footer(&self, summary: &Summary, directory: &Path, events: usize) -> String {
        let again: Vec<String> = self
            .settings
            .sets
            .iter()
            .map(|(path, value)| format!(" --set '{path}={value}'"))
            .collect();
        format!(
            "{} events in {}; record in {}\npage:   twinrack report {}\nrepeat: twinrack run {} --seed {}{}",
            text::quantity(events as f64, "1"),
            text::quantity(summary.wall_s, "s"),
            directory.display(),
            directory.display(),
            self.scenario.display(),
            summary.seed,
            again.concat()
        )
    }

    fn many(&self, scenario: &Scenario, seeds: Range<u64>) -> Result<Exit, Stop> {
        let pool = self.threads.pool()?;
        let parent = runs_folder(self.out.as_deref());
        let bar = Bar::new(&scenario.spec.name, seeds.end - seeds.start);
        let all: Vec<u64> = seeds.collect();
        let outcomes: Vec<Result<Summary, Stop>> = pool.install(|| {
            all.par_iter()
                .map(|seed| {
                    let record = simulate(scenario, *seed, &mut |_| {})
                        .map_err(|error| stopped(error, "seeds that had finished are written"))?;
                    let directory = parent.join(directory_name(&record.summary));
                    write_record(&record, &directory).map_err(unwritten)?;
                    bar.one_done();
                    Ok(record.summary)
                })
                .collect()
        });
        bar.clear();
        let (mut summaries, mut first_stop) = (Vec::new(), None);
        for outcome in outcomes {
            match outcome {
                Ok(summary) => summaries.push(summary),
                Err(stop) => first_stop = first_stop.or(Some(stop)),
            }
        }
        if self.json {
            let list = serde_json::to_string_pretty(&summaries).map_err(Stop::bad_input)?;
            print(&(list + "\n"))?;
        } else if !summaries.is_empty() {
            print(&twinrack_reports::text::seeds::written(&summaries, width()))?;
        }
        match first_stop {
            Some(stop) => Err(stop),
            None if summaries.iter().all(Summary::passed) => Ok(Exit::Done),
            None => Ok(Exit::Failed),
        }
    }
}

/// Carries a scenario out in virtual time, until the user interrupts.
pub fn simulate(
    scenario: &Scenario,
    seed: u64,
    show: &mut dyn FnMut(twinrack_sim::Progress),
) -> Result<RunRecord, RunError> {
    let began = Instant::now();
    let mut record = twinrack_sim::run(scenario, RunOptions { seed }, &mut |progress| {
        show(progress);
        if interrupted() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    record.summary.wall_s = began.elapsed().as_secs_f64();
    Ok(record)
}

/// Carries a scenario out on the hosts of a lab, or on processes of this very program.
pub fn on_hosts(
    scenario: &Scenario,
    seed: u64,
    (allow_modelled, lab): (bool, Option<&Path>),
    bar: &Bar,
) -> Result<RunRecord, Stop> {
    let hosts = Capabilities::probe();
    let untold = Untold::of(scenario, &hosts);
    if body::needs::missing(scenario, &untold, allow_modelled).is_empty()
        && let Some(obstacle) = hosts.obstacle()
    {
        return Err(unavailable(obstacle));
    }
    let agents = match lab {
        Some(path) => crate::lab::starters(path)?,
        None => vec![Starter::here(std::env::current_exe().map_err(Stop::unavailable)?)],
    };
    let modelled = if allow_modelled {
        let record = simulate(scenario, seed, &mut |_| {});
        Some(
            record
                .map_err(|error| stopped(error, "no record is written"))?
                .summary
                .kpis,
        )
    } else {
        None
    };
    let paging = hosts.paging.as_ref().map(ToString::to_string).unwrap_or_default();
    let options = Options {
        seed,
        agents,
        hosts,
        modelled,
        silence: Options::SILENCE,
    };
    let began = Instant::now();
    let mut record = body::run(scenario, &options, &mut |progress| {
        bar.show(twinrack_sim::Progress {
            now: progress.now,
            end: progress.end,
        });
        if interrupted() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .map_err(|error| match error {
        body::RunError::Unavailable(_) | body::RunError::Agent { .. } | body::RunError::Storage(_) => {
            Stop::unavailable(error)
        }
        body::RunError::Interrupted(_) => {
            Stop::interrupted(format!("{error}; all guests were ended, no record is written"))
        }
        body::RunError::Harmed { .. } => Stop::failed(format!("error: {error}")),
    })?;
    record.summary.wall_s = began.elapsed().as_secs_f64();
    record.summary.made_on = Some(made_on(scenario, lab.is_none(), &paging));
    Ok(record)
}

/// Where a run on hosts was made: what this machine says of itself, where its hosts are processes of this machine.
fn made_on(scenario: &Scenario, here: bool, paging: &str) -> Provenance {
    let machine = Machine::here(paging.to_owned());
    let hosts = (0..scenario.hosts.len()).map(|host| machine.as_host(scenario.hosts.name(host)));
    Provenance {
        hosts: if here { hosts.collect() } else { Vec::new() },
        load: Some(machine.pressure.clone()),
        imported: None,
    }
}

/// Why a simulated run gave no record.
pub fn stopped(error: RunError, left: &str) -> Stop {
    match error {
        RunError::Interrupted(at) => Stop::interrupted(format!("interrupted at simulated {at}; {left}")),
        error => Stop::bad_input(format!("error: {error}")),
    }
}

/// Why a record was not written.
pub fn unwritten(error: RecordError) -> Stop {
    Stop::bad_input(format!(
        "error: {error}\n = help: the record was not written; name a directory that can be, with --out"
    ))
}

/// Where a record goes when nothing is said.
pub fn default_directory(summary: &Summary) -> PathBuf {
    Path::new("runs").join(directory_name(summary))
}

/// The name of a run's record among others.
pub fn directory_name(summary: &Summary) -> String {
    format!("{}-{}", summary.scenario.name, summary.seed)
}

fn json(summary: &Summary) -> Result<String, Stop> {
    serde_json::to_string_pretty(summary)
        .map(|text| text + "\n")
        .map_err(Stop::bad_input)
}
