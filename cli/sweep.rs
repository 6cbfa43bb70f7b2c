//! `twinrack sweep`: one scenario at many seeds and settings, cut into shards, on this machine or on a cluster.

use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use twinrack_plan::PlanError;
use twinrack_plan::sweep::merge::merge;
use twinrack_plan::sweep::page;
use twinrack_plan::sweep::slurm::{Scripts, submit};
use twinrack_plan::sweep::{Manifest, Shard, Sweep as Points};
use twinrack_reports::html;
use twinrack_scenario::read::FileLookup;

use crate::arguments::{Settings, Threads};
use crate::exit::{Exit, Stop, print};
use crate::plan::{program_hash, simulate, stopped};
use crate::progress::Bar;
use crate::report::write_atomically;
use crate::run::{listen, range};
use crate::scenario::{setting, text_of};

/// Arguments of `sweep`.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Sweep {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    run: Option<Run>,
    // Beside `run`, as what may be absent can't hold others of its kind.
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    threads: Threads,
}

#[derive(Subcommand)]
enum Verb {
    /// Put the points of all shards into one table; says which are missing.
    Merge {
        /// The sweep's directory.
        directory: PathBuf,
    },
    /// Draw a merged sweep as a page: each figure over the seeds, by setting.
    Report {
        /// The sweep's directory.
        directory: PathBuf,
        /// Where it goes; sweep.html in the sweep's directory when absent.
        #[arg(long)]
        out: Option<PathBuf>,
        /// Draw this figure too, besides those of note and those that the scenario expects. Can be repeated.
        #[arg(long = "figure", value_name = "FIGURE", value_parser = crate::history::figure)]
        figures: Vec<String>,
    },
}

/// Where the number of a shard comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ShardFrom {
    /// `SLURM_ARRAY_TASK_ID`, from 1.
    Slurm,
    /// `JOB_COMPLETION_INDEX` of a Kubernetes indexed job, from 0.
    K8s,
    /// `HQ_TASK_ID` of `HyperQueue`, from 0.
    Hq,
}

/// What carries the shards out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// This machine.
    Local,
    /// A Slurm cluster: an array of jobs, and a merge after it.
    Slurm,
}

#[derive(Args)]
struct Run {
    /// The scenario file.
    scenario: PathBuf,
    /// The seeds, from A up to but not B.
    #[arg(long, value_name = "A..B", value_parser = range)]
    seeds: Range<u64>,
    /// What varies: hosts.node.count=4,8,16. Can be repeated: every combination is run.
    #[arg(long = "axis", value_name = "PATH=V1,V2", value_parser = setting)]
    axes: Vec<(String, String)>,
    #[arg(skip)]
    settings: Settings,
    /// Run one shard of so many, from 1; all when absent.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Take the number of the shard from a job engine; needs --shards.
    #[arg(long, value_enum, requires = "shards", conflicts_with = "shard")]
    shard_from: Option<ShardFrom>,
    /// How many shards there are.
    #[arg(long)]
    shards: Option<u32>,
    /// What carries the shards out.
    #[arg(long, value_enum, default_value = "local")]
    engine: Engine,
    /// With `--engine slurm`: come back when the merge is done.
    #[arg(long)]
    wait: bool,
    /// The sweep's directory, shared by all shards; sweeps/NAME when absent.
    #[arg(long)]
    out: Option<PathBuf>,
    #[arg(skip)]
    threads: Threads,
}

impl Sweep {
    /// Carries the verb out.
    pub fn carry_out(self) -> Result<Exit, Stop> {
        match (self.verb, self.run) {
            (Some(Verb::Merge { directory }), _) => merged(&directory),
            (
                Some(Verb::Report {
                    directory,
                    out,
                    figures,
                }),
                _,
            ) => reported(&directory, out, &figures),
            (None, Some(run)) => Run {
                settings: self.settings,
                threads: self.threads,
                ..run
            }
            .carry_out(),
            (None, None) => Err(Stop::bad_input(
                "error: name a scenario file\n = help: see `twinrack sweep --help`",
            )),
        }
    }
}

impl Run {
    fn carry_out(self) -> Result<Exit, Stop> {
        let out = self.out.clone().unwrap_or_else(|| self.default_folder());
        if self.engine == Engine::Slurm {
            return self.hand_in(&out);
        }
        let shard = self.shard()?;
        let text = text_of(&self.scenario)?;
        let lookup = FileLookup::for_file(&self.scenario);
        let name = self.scenario.display().to_string();
        let points = Points::open(self.manifest()?, (&name, &text, &lookup), &out).map_err(stopped)?;
        listen();
        let pool = self.threads.pool()?;
        let own = points
            .manifest()
            .points()
            .filter(|point| shard.has(point.index))
            .count();
        let bar = Bar::new("points", own as u64);
        let outcome = pool.install(|| points.run(shard, &simulate, &|| bar.one_done()));
        bar.clear();
        outcome.map_err(stopped)?;
        if shard == Shard::WHOLE {
            return merged(&out);
        }
        print(&format!("{own} points of this shard are in {}\n", out.display()))?;
        Ok(Exit::Done)
    }

    fn default_folder(&self) -> PathBuf {
        let name = self
            .scenario
            .file_stem()
            .map(|name| name.to_string_lossy().into_owned());
        Path::new("sweeps").join(name.unwrap_or_default())
    }

    fn manifest(&self) -> Result<Manifest, Stop> {
        let values = |list: &str| list.split(',').map(|value| value.trim().to_owned()).collect();
        let axes = self.axes.iter().map(|(path, list)| (path.clone(), values(list)));
        Ok(Manifest {
            maker: program_hash()?,
            sets: self.settings.sets.clone(),
            axes: axes.collect(),
            seeds: self.seeds.clone(),
            scenarios: Vec::new(),
        })
    }

    fn shard(&self) -> Result<Shard, Stop> {
        let (Some(from), Some(of)) = (self.shard_from, self.shards) else {
            return Ok(self.shard.unwrap_or(Shard::WHOLE));
        };
        let (name, first) = match from {
            ShardFrom::Slurm => ("SLURM_ARRAY_TASK_ID", 1),
            ShardFrom::K8s => ("JOB_COMPLETION_INDEX", 0),
            ShardFrom::Hq => ("HQ_TASK_ID", 0),
        };
        let number = std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let shard = number.and_then(|number| Shard::new((number + 1).checked_sub(first)?, u64::from(of)));
        shard.ok_or_else(|| {
            Stop::bad_input(format!(
                "error: `{name}` names no shard of {of}\n = help: start this by the job engine, as an array of {of} tasks numbered from {first}"
            ))
        })
    }

    /// Hands the sweep in to Slurm: this very command for each shard, and the merge after them.
    fn hand_in(&self, out: &Path) -> Result<Exit, Stop> {
        let shards = self.shards.ok_or_else(|| {
            Stop::bad_input("error: into how many jobs?\n = help: give --shards, such as --shards 16")
        })?;
        std::fs::create_dir_all(out).map_err(|error| {
            Stop::bad_input(format!(
                "error: {}: {error}\n = help: name another directory with --out",
                out.display()
            ))
        })?;
        let absolute = |path: &Path| {
            path.canonicalize()
                .map_err(|error| Stop::bad_input(format!("error: {}: {error}", path.display())))
        };
        let (scenario, out) = (absolute(&self.scenario)?, absolute(out)?);
        let program = std::env::current_exe()
            .map_err(Stop::unavailable)?
            .display()
            .to_string();
        let scripts = Scripts::of(&program, &self.shard_arguments(&scenario, &out), &out, shards);
        let (array, merge) = (out.join("array.sh"), out.join("merge.sh"));
        write_atomically(&array, scripts.array.as_bytes())?;
        write_atomically(&merge, scripts.merge.as_bytes())?;
        let jobs = submit(&array, &merge, self.wait)
            .map_err(|error| Stop::unavailable(format!("error: {error}")))?;
        print(&format!(
            "array {} of {shards} shards, then merge {}; points, logs and merged.csv in {}\n",
            jobs.array,
            jobs.merge,
            out.display()
        ))?;
        Ok(Exit::Done)
    }

    /// The arguments that make this sweep anywhere, without its shard.
    fn shard_arguments(&self, scenario: &Path, out: &Path) -> Vec<String> {
        let mut arguments = vec!["sweep".to_owned(), scenario.display().to_string()];
        let mut give = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
        give("--seeds", format!("{}..{}", self.seeds.start, self.seeds.end));
        give("--out", out.display().to_string());
        self.axes
            .iter()
            .for_each(|(path, values)| give("--axis", format!("{path}={values}")));
        self.settings
            .sets
            .iter()
            .for_each(|(path, value)| give("--set", format!("{path}={value}")));
        self.threads
            .threads
            .iter()
            .for_each(|threads| give("--threads", threads.to_string()));
        arguments
    }
}

fn incomplete(error: PlanError) -> Stop {
    match error {
        error @ PlanError::Missing { .. } => Stop::failed(format!("error: {error}")),
        error => stopped(error),
    }
}

fn reported(directory: &Path, out: Option<PathBuf>, figures: &[String]) -> Result<Exit, Stop> {
    let sweep = page::read(directory, figures).map_err(incomplete)?;
    let path = out.unwrap_or_else(|| directory.join("sweep.html"));
    write_atomically(&path, html::sweep::page(&sweep).as_bytes())?;
    print(&format!("{}\n{}\n", sweep.verdict(), path.display()))?;
    Ok(Exit::Done)
}

fn merged(directory: &Path) -> Result<Exit, Stop> {
    let merged = merge(directory).map_err(incomplete)?;
    let table = directory.join("merged.csv");
    write_atomically(&table, &merged.csv)?;
    print(&format!(
        "{} of {} points hold what is expected; {}\n",
        merged.passed,
        merged.points,
        table.display()
    ))?;
    Ok(if merged.passed == merged.points {
        Exit::Done
    } else {
        Exit::Failed
    })
}
