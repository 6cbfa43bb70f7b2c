//! What is compared: the runs under a path, which is a run, a directory of runs or a baseline.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use twinrack_scenario::record::{Figure, Limit, Summary};

use super::baseline;
use crate::record_dir::{EVENTS, RecordError, SUMMARY, events, read_summary};

/// Directories below the one that is named in which runs are looked for.
const DEEPEST: u32 = 4;

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A record could not be read.
    #[error("{0}")]
    Record(#[from] RecordError),
    /// A file is no baseline.
    #[error("{path} is no baseline: {what}; expected a file that `twinrack bless` wrote")]
    Baseline {
        /// Which.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// The path holds no run.
    #[error("{0} holds no run: expected a run's directory, a directory of runs, or a baseline")]
    NoRun(String),
    /// Two records claim to be the same run.
    #[error(
        "{first} and {second} are both {name} at seed {seed}, so it can't be told which is meant; \
         keep them in different directories"
    )]
    Twice {
        /// The scenario.
        name: String,
        /// The seed.
        seed: u64,
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// A limit of a figure is wrong.
    #[error("{0}")]
    Limit(String),
    /// A figure is to be explained that no run has.
    #[error("{0}")]
    Unexplained(String),
}

/// An event with names, as its line of `events.jsonl`.
pub type NamedEvent = Map<String, Value>;

/// Where the events of a run are.
#[derive(Debug, Clone, PartialEq)]
pub enum Events {
    /// In a record on disk.
    Recorded(PathBuf),
    /// Here.
    Kept(Vec<NamedEvent>),
    /// Nowhere: there were so many.
    NotKept(usize),
}

/// One run, as far as it is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Where it was found.
    pub from: String,
    /// Name of the scenario.
    pub name: String,
    /// BLAKE3 of the resolved scenario, hex.
    pub blake3: String,
    /// Which body ran it.
    pub backend: String,
    /// The seed.
    pub seed: u64,
    /// The digest of events and figures.
    pub digest: String,
    /// The figures by name.
    pub figures: BTreeMap<String, Figure>,
    /// What its scenario says of how far they may go the wrong way.
    pub limits: Vec<Limit>,
    /// The figures that its scenario expects something of; none in a baseline.
    pub expected: Vec<String>,
    /// The events.
    pub events: Events,
}

impl Sample {
    /// A run from its summary, and where its events are.
    pub fn of(summary: Summary, from: String, events: Events) -> Self {
        Self {
            from,
            name: summary.scenario.name,
            blake3: summary.scenario.blake3,
            backend: summary.backend,
            seed: summary.seed,
            digest: summary.digest,
            figures: summary.kpis,
            limits: summary.limits,
            expected: summary.expectations.into_iter().map(|item| item.kpi).collect(),
            events,
        }
    }

    fn recorded(directory: &Path) -> Result<Self, CompareError> {
        let summary = read_summary(directory)?;
        Ok(Self::of(
            summary,
            directory.display().to_string(),
            Events::Recorded(directory.join(EVENTS)),
        ))
    }

    /// Its events; none where they were not kept.
    pub fn events(&self) -> Result<Option<Vec<NamedEvent>>, CompareError> {
        Ok(match &self.events {
            Events::Recorded(path) => Some(events::read(path)?),
            Events::Kept(events) => Some(events.clone()),
            Events::NotKept(_) => None,
        })
    }

    /// Whether the same scenario and seed give the same figures: what the simulator promises.
    pub fn is_exact(&self) -> bool {
        self.backend == "sim"
    }
}

/// The runs under one path.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite {
    /// The path.
    pub from: String,
    /// The runs, in the order of their names.
    pub samples: Vec<Sample>,
}

impl Suite {
    /// Reads the runs under a path.
    pub fn read(path: &Path) -> Result<Self, CompareError> {
        Self::read_all(std::slice::from_ref(&path))
    }

    /// Reads the runs under several paths, each of which must have some.
    pub fn read_all(paths: &[impl AsRef<Path>]) -> Result<Self, CompareError> {
        let mut suite = Self {
            from: String::new(),
            samples: Vec::new(),
        };
        for path in paths.iter().map(AsRef::as_ref) {
            let (from, before) = (path.display().to_string(), suite.samples.len());
            if path.is_file() {
                suite.samples.extend(baseline::read(path)?);
            } else {
                gather(path, DEEPEST, &mut suite.samples)?;
            }
            if suite.samples.len() == before {
                return Err(CompareError::NoRun(from));
            }
            suite.from += if before == 0 { "" } else { ", " };
            suite.from += &from;
        }
        suite.is_of_single_runs()?;
        Ok(suite)
    }

    /// The runs by scenario and body, each in the order of seeds.
    pub fn groups(&self) -> BTreeMap<(&str, &str), Vec<&Sample>> {
        let mut groups: BTreeMap<(&str, &str), Vec<&Sample>> = BTreeMap::new();
        for sample in &self.samples {
            groups
                .entry((&sample.name, &sample.backend))
                .or_default()
                .push(sample);
        }
        for group in groups.values_mut() {
            group.sort_by_key(|sample| sample.seed);
        }
        groups
    }

    /// A simulated run is there once; a measured one may be repeated at the same seed.
    fn is_of_single_runs(&self) -> Result<(), CompareError> {
        let mut seen: BTreeMap<(&str, u64), &Sample> = BTreeMap::new();
        for sample in self.samples.iter().filter(|sample| sample.is_exact()) {
            if let Some(first) = seen.insert((&sample.name, sample.seed), sample) {
                return Err(CompareError::Twice {
                    name: sample.name.clone(),
                    seed: sample.seed,
                    first: first.from.clone(),
                    second: sample.from.clone(),
                });
            }
        }
        Ok(())
    }
}

fn gather(directory: &Path, deeper: u32, found: &mut Vec<Sample>) -> Result<(), CompareError> {
    if directory.join(SUMMARY).is_file() {
        found.push(Sample::recorded(directory)?);
        return Ok(());
    }
    let unreadable = |error| RecordError::Io {
        path: directory.display().to_string(),
        error,
    };
    let mut folders = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        // What begins with a dot is a record that is being written.
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !hidden && deeper > 0 {
            folders.push(path);
        }
    }
    folders.sort();
    folders
        .iter()
        .try_for_each(|folder| gather(folder, deeper - 1, found))
}
