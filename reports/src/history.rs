//! The figures of past commits: a line of JSON for each scenario of each commit, in one file that only ever grows. History without
//! a server.
//!
//! A line holds means over the runs of the commit, with the least and the greatest where there are several. What is drawn is
//! each figure over the commits in the order in which they were added, with the places where it changed.

pub mod changes;
#[cfg(test)]
mod tests;
pub mod text;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::compare::Suite;
use crate::compare::gates::Side;
use crate::html::HEADLINE;
use changes::{Change, changes};

/// Version of the form of a line.
pub const SCHEMA: &str = "twinrack-history-1";

/// Why a history can't be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line} is none of a history: {what}; expected a line that `twinrack history --add` wrote")]
pub struct HistoryError {
    /// Which line, from 1.
    line: usize,
    /// What is wrong.
    what: String,
}

/// One scenario on one body at one commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    schema: String,
    /// The commit.
    pub commit: String,
    /// When it was made, as RFC 3339 has it.
    pub when: String,
    /// The scenario.
    pub scenario: String,
    /// The body.
    pub backend: String,
    /// How many runs there were.
    pub runs: usize,
    /// The figures.
    pub figures: BTreeMap<String, Level>,
}

/// A figure of some runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Level {
    /// The same in all of them.
    Same(f64),
    /// Mean, least and greatest.
    Spread([f64; 3]),
}

impl Level {
    fn of(values: &[f64]) -> Option<Self> {
        let side = Side::of(values)?;
        Some(if side.min == side.max {
            Self::Same(side.min)
        } else {
            Self::Spread([side.mean, side.min, side.max])
        })
    }

    /// The mean.
    pub const fn mean(self) -> f64 {
        match self {
            Self::Same(value) | Self::Spread([value, ..]) => value,
        }
    }

    /// The least and the greatest.
    pub const fn spread(self) -> (f64, f64) {
        match self {
            Self::Same(value) => (value, value),
            Self::Spread([_, least, most]) => (least, most),
        }
    }
}

/// Which figures are added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// All.
    pub all: bool,
    /// These besides those that tell most of a run and those that its scenario expects; with or without their statistic.
    pub also: Vec<String>,
}

impl Chosen {
    fn has(&self, figure: &str, expected: &[String]) -> bool {
        let is_named = |name: &String| {
            name == figure
                || figure
                    .strip_prefix(name.as_str())
                    .is_some_and(|rest| rest.starts_with('.'))
        };
        self.all
            || HEADLINE.iter().any(|(name, _)| *name == figure)
            || expected.iter().any(|name| name == figure)
            || self.also.iter().any(is_named)
    }
}

/// A history.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    entries: Vec<Entry>,
}

/// A figure of one scenario over the commits.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The scenario.
    pub scenario: String,
    /// The body.
    pub backend: String,
    /// The figure.
    pub figure: String,
    /// Where it was measured: the number of the commit, and the level there.
    pub points: Vec<(usize, Level)>,
    /// Where it changed.
    pub changes: Vec<Change>,
}

impl Series {
    /// Whether it is the same at every commit.
    pub fn is_constant(&self) -> bool {
        self.points.iter().all(|(_, level)| *level == self.points[0].1)
    }

    /// The number of the commit of the last change.
    pub fn last_change(&self) -> Option<usize> {
        self.changes.last().map(|change| self.points[change.at].0)
    }
}

impl History {
    /// Reads the lines of a file.
    pub fn read(text: &str) -> Result<Self, HistoryError> {
        let lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty());
        let entry = |(index, line): (usize, &str)| {
            let wrong = |what: String| HistoryError {
                line: index + 1,
                what,
            };
            let entry: Entry = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
            if entry.schema == SCHEMA {
                Ok(entry)
            } else {
                Err(wrong(format!("its schema is {}, not {SCHEMA}", entry.schema)))
            }
        };
        let entries = lines.map(entry).collect::<Result<_, _>>()?;
        Ok(Self { entries })
    }

    /// Its lines.
    pub fn written(&self) -> Result<String, serde_json::Error> {
        let lines = self
            .entries
            .iter()
            .map(|entry| serde_json::to_string(entry).map(|line| line + "\n"));
        lines.collect()
    }

    /// Adds the runs of a commit. What was added of that commit's scenarios before is replaced, so that a job may run twice.
    pub fn add(&mut self, suite: &Suite, (commit, when): (&str, &str), chosen: &Chosen) {
        for ((scenario, backend), samples) in suite.groups() {
            let names: BTreeSet<&String> = samples
                .iter()
                .flat_map(|sample| {
                    sample
                        .figures
                        .keys()
                        .filter(|name| chosen.has(name, &sample.expected))
                })
                .collect();
            let level = |name: &String| {
                let values = samples.iter().filter_map(|sample| sample.figures.get(name));
                Level::of(&values.map(|figure| figure.value).collect::<Vec<_>>())
            };
            let entry = Entry {
                schema: SCHEMA.to_owned(),
                commit: commit.to_owned(),
                when: when.to_owned(),
                scenario: scenario.to_owned(),
                backend: backend.to_owned(),
                runs: samples.len(),
                figures: names
                    .into_iter()
                    .filter_map(|name| Some((name.clone(), level(name)?)))
                    .collect(),
            };
            let same = |old: &&mut Entry| {
                (&old.commit, &old.scenario, &old.backend) == (&entry.commit, &entry.scenario, &entry.backend)
            };
            match self.entries.iter_mut().find(same) {
                Some(old) => *old = entry,
                None => self.entries.push(entry),
            }
        }
    }

    /// The commits with their times, in the order in which they were added.
    pub fn commits(&self) -> Vec<(&str, &str)> {
        let mut commits: Vec<(&str, &str)> = Vec::new();
        for entry in &self.entries {
            if !commits.iter().any(|(commit, _)| *commit == entry.commit) {
                commits.push((&entry.commit, &entry.when));
            }
        }
        commits
    }

    /// Every figure of every scenario over the commits, with the places where it changed.
    pub fn series(&self) -> Vec<Series> {
        let places: BTreeMap<&str, usize> = self
            .commits()
            .iter()
            .enumerate()
            .map(|(place, (commit, _))| (*commit, place))
            .collect();
        let mut all: BTreeMap<_, Vec<(usize, Level)>> = BTreeMap::new();
        for entry in &self.entries {
            for (figure, level) in &entry.figures {
                let of = (entry.scenario.as_str(), entry.backend.as_str(), figure.as_str());
                all.entry(of)
                    .or_default()
                    .push((places[entry.commit.as_str()], *level));
            }
        }
        let among = all.len();
        let series = all.into_iter().map(|((scenario, backend, figure), mut points)| {
            points.sort_by_key(|(place, _)| *place);
            let mut series = Series {
                scenario: scenario.to_owned(),
                backend: backend.to_owned(),
                figure: figure.to_owned(),
                points,
                changes: Vec::new(),
            };
            series.changes = changes(&series, among);
            series
        });
        series.collect()
    }
}

/// The first seven digits of a commit's hash; a name that is none, whole.
pub fn short(commit: &str) -> &str {
    let is_hash = commit.len() >= 20 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { &commit[..7] } else { commit }
}
