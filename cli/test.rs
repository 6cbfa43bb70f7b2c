//! `twinrack test`: runs scenarios side by side in virtual time and tells which hold what they expect.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::Args;
use rayon::prelude::*;
use twinrack_reports::tested::{self, Tested, Verdict, junit, markdown, text};
use twinrack_reports::write_record;
use twinrack_scenario::Scenario;
use twinrack_scenario::record::Summary;
use twinrack_scenario::spec::expect::Backend;

use crate::arguments::{Settings, Threads, runs_folder};
use crate::exit::{Exit, Stop, print};
use crate::progress::Bar;
use crate::report::write_atomically;
use crate::run::{directory_name, interrupted, listen, range, simulate};
use crate::scenario::load;
use crate::terminal::width;

/// Folders below the one that is named in which scenarios are looked for.
const DEEPEST: u32 = 4;

/// Arguments of `test`.
#[derive(Args)]
pub struct Test {
    /// Scenario files, and directories of them.
    #[arg(required = true)]
    scenarios: Vec<PathBuf>,
    /// One run of each scenario for each seed from A up to but not B, in place of the one seed that it names.
    #[arg(long, value_name = "A..B", value_parser = range)]
    seeds: Option<Range<u64>>,
    #[command(flatten)]
    settings: Settings,
    /// Where the records go, each as NAME-SEED; runs when absent.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Write the result as a comment of a pull request too.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write it as `JUnit` XML too.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print it as JSON, and nothing else.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    threads: Threads,
}

impl Test {
    /// Carries the verb out.
    pub fn carry_out(self) -> Result<Exit, Stop> {
        let files = files(&self.scenarios)?;
        let read: Vec<Read> = files
            .into_iter()
            .map(|file| Read::of(file, &self.settings.sets))
            .collect();
        told_apart(&read)?;
        listen();
        let pool = self.threads.pool()?;
        let tested = Tested::of(pool.install(|| self.run(read)));
        if interrupted() {
            return Err(Stop::interrupted(
                "interrupted; runs that had finished are written",
            ));
        }
        self.report(&tested)?;
        Ok(match tested.verdict {
            Verdict::Passed => Exit::Done,
            Verdict::Failed => Exit::Failed,
            Verdict::Broken => Exit::BadInput,
        })
    }

    /// Runs every scenario at every seed, on all threads of the pool.
    fn run(&self, read: Vec<Read>) -> Vec<tested::Scenario> {
        let runs: Vec<(usize, u64)> = read
            .iter()
            .enumerate()
            .flat_map(|(index, read)| self.seeds_of(read).into_iter().map(move |seed| (index, seed)))
            .collect();
        let bar = Bar::new("scenarios", runs.len() as u64);
        let outcomes: Vec<Result<Summary, String>> = runs
            .par_iter()
            .filter_map(|(index, seed)| Some((read[*index].scenario.as_ref().ok()?, *seed)))
            .map(|(scenario, seed)| {
                let outcome = self.one(scenario, seed);
                bar.one_done();
                outcome
            })
            .collect();
        bar.clear();
        let mut scenarios: Vec<tested::Scenario> = read.into_iter().map(Read::untested).collect();
        for ((index, _), outcome) in runs.into_iter().zip(outcomes) {
            match outcome {
                Ok(summary) => scenarios[index].runs.push(summary),
                Err(why) => scenarios[index].broken = Some(why),
            }
        }
        scenarios
    }

    fn seeds_of(&self, read: &Read) -> Vec<u64> {
        match (&self.seeds, &read.scenario) {
            (Some(seeds), Ok(_)) => seeds.clone().collect(),
            (None, Ok(scenario)) => vec![scenario.spec.seed],
            // What is wrong with it is told without a run.
            (_, Err(_)) => Vec::new(),
        }
    }

    fn one(&self, scenario: &Scenario, seed: u64) -> Result<Summary, String> {
        let record = simulate(scenario, seed, &mut |_| {}).map_err(|error| format!("error: {error}"))?;
        let directory = runs_folder(self.out.as_deref()).join(directory_name(&record.summary));
        write_record(&record, &directory).map_err(|error| format!("error: {error}"))?;
        Ok(record.summary)
    }

    fn report(&self, tested: &Tested) -> Result<(), Stop> {
        if let Some(path) = &self.markdown {
            write_atomically(path, markdown::written(tested).as_bytes())?;
        }
        if let Some(path) = &self.junit {
            write_atomically(path, junit::written(tested).as_bytes())?;
        }
        if self.json {
            let json = serde_json::to_string_pretty(tested).map_err(Stop::bad_input)?;
            return print(&(json + "\n"));
        }
        print(&text::written(tested, width()))
    }
}

/// A scenario file, read.
struct Read {
    file: PathBuf,
    /// The scenario, or what is wrong with it.
    scenario: Result<Scenario, String>,
}

impl Read {
    fn of(file: PathBuf, sets: &[(String, String)]) -> Self {
        let scenario = load(Backend::Sim, &file, sets).map_err(|stop| stop.why().to_owned());
        Self { file, scenario }
    }

    fn name(&self) -> String {
        match &self.scenario {
            Ok(scenario) => scenario.spec.name.value.clone(),
            Err(_) => self.file.display().to_string(),
        }
    }

    fn untested(self) -> tested::Scenario {
        tested::Scenario {
            file: self.file.display().to_string(),
            name: self.name(),
            runs: Vec::new(),
            broken: self.scenario.err(),
        }
    }
}

/// Two scenarios of one name would write one record.
fn told_apart(read: &[Read]) -> Result<(), Stop> {
    let mut seen: BTreeMap<String, &Path> = BTreeMap::new();
    for one in read {
        if let Some(first) = seen.insert(one.name(), &one.file) {
            return Err(Stop::bad_input(format!(
                "error: {} and {} are both named {}\n = help: give each scenario a name of its own; records and reports are told \
                 apart by it",
                first.display(),
                one.file.display(),
                one.name()
            )));
        }
    }
    Ok(())
}

/// The scenario files that are named, and those of the directories that are; not the copies that records keep.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Stop> {
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        if path.is_dir() {
            gather(path, DEEPEST, &mut files)?;
            if files.len() == before {
                return Err(Stop::bad_input(format!(
                    "error: {} holds no scenario\n = help: name a directory of *.yaml files, such as scenarios/deck",
                    path.display()
                )));
            }
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn gather(directory: &Path, deeper: u32, files: &mut Vec<PathBuf>) -> Result<(), Stop> {
    let unreadable =
        |error: std::io::Error| Stop::bad_input(format!("error: {}: {error}", directory.display()));
    let entries = fs::read_dir(directory).map_err(unreadable)?;
    let entries: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut entries = entries.map_err(unreadable)?;
    entries.sort();
    for path in entries {
        let is_yaml = path
            .extension()
            .is_some_and(|ending| ending == "yaml" || ending == "yml");
        if path.join("summary.json").is_file() {
            continue;
        }
        if path.is_dir() && deeper > 0 {
            gather(&path, deeper - 1, files)?;
        } else if is_yaml && path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}
