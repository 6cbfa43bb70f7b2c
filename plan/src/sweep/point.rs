//! Points: a setting and a seed each; the manifest that says which there are, and the file that each becomes.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use twinrack_scenario::record::Summary;

use crate::question::PlanError;
use crate::store::write_whole;

/// One run of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Its number, from 0.
    pub index: u64,
    /// The number of its combination of settings.
    pub setting: usize,
    /// Its seed.
    pub seed: u64,
}

/// What a sweep is of: written once, and the same for all its shards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The program that runs it: results of different ones are not merged.
    pub maker: String,
    /// Settings that all points have.
    pub sets: Vec<(String, String)>,
    /// What varies: a path, and its values.
    pub axes: Vec<(String, Vec<String>)>,
    /// The seeds.
    pub seeds: Range<u64>,
    /// BLAKE3 of each combination's resolved scenario, hex.
    pub scenarios: Vec<String>,
}

/// A finished point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// The run's summary, without wall time.
    pub summary: Summary,
}

const MANIFEST: &str = "sweep.json";

/// Where the points of a sweep are.
pub fn folder(sweep: &Path) -> PathBuf {
    sweep.join("points")
}

impl Manifest {
    /// How many combinations of settings there are.
    pub fn combinations(&self) -> u64 {
        self.axes.iter().map(|(_, values)| values.len() as u64).product()
    }

    /// How many points there are.
    pub fn len(&self) -> u64 {
        self.combinations()
            .saturating_mul(self.seeds.end.saturating_sub(self.seeds.start))
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The settings of each combination, in order, the last axis going round fastest.
    pub fn settings(&self) -> impl Iterator<Item = Vec<(String, String)>> + '_ {
        (0..self.combinations()).map(|number| {
            let places = self.places(number as usize);
            let of_axis = |((path, values), place): (&(String, Vec<String>), usize)| {
                (path.clone(), values[place].clone())
            };
            let varied = self.axes.iter().zip(places).map(of_axis);
            self.sets.iter().cloned().chain(varied).collect()
        })
    }

    /// Which value of each axis a combination has.
    pub fn places(&self, combination: usize) -> Vec<usize> {
        let mut rest = combination;
        let place = |(_, values): &(String, Vec<String>)| {
            let place = rest % values.len().max(1);
            rest /= values.len().max(1);
            place
        };
        let mut places: Vec<usize> = self.axes.iter().rev().map(place).collect();
        places.reverse();
        places
    }

    /// Every point, in order: by setting, then by seed.
    pub fn points(&self) -> impl Iterator<Item = Point> + use<> {
        let (seeds, combinations) = (self.seeds.clone(), self.combinations());
        let of_each = seeds.end - seeds.start;
        (0..combinations).flat_map(move |setting| {
            seeds.clone().map(move |seed| Point {
                index: setting * of_each + (seed - seeds.start),
                setting: setting as usize,
                seed,
            })
        })
    }

    /// The same, knowing its scenarios.
    pub(super) fn with_scenarios(self, scenarios: Vec<String>) -> Self {
        Self { scenarios, ..self }
    }

    /// The file of a point: named by the scenario that was run and the seed.
    pub fn path(&self, sweep: &Path, point: Point) -> PathBuf {
        let scenario = self
            .scenarios
            .get(point.setting)
            .map_or("", |hash| &hash[..hash.len().min(24)]);
        folder(sweep).join(format!("{scenario}-{}.json", point.seed))
    }

    /// Reads the manifest of a sweep.
    pub fn read(sweep: &Path) -> Result<Self, PlanError> {
        let path = sweep.join(MANIFEST);
        let text = fs::read(&path).map_err(|error| PlanError::io(&path, error))?;
        serde_json::from_slice(&text).map_err(|error| PlanError::io(&path, error.into()))
    }

    /// Writes the manifest, or checks that the one that is there is this one.
    pub(super) fn write_or_match(&self, sweep: &Path) -> Result<(), PlanError> {
        let path = sweep.join(MANIFEST);
        if path.exists() {
            let there = Self::read(sweep)?;
            return if there == *self {
                Ok(())
            } else {
                Err(PlanError::OtherSweep(path.display().to_string()))
            };
        }
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        write_whole(&path, &text)
    }
}

impl Done {
    /// Reads a point; none when it is not there, or not whole.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Its file's text.
    pub(super) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_go_through_every_setting_and_seed() {
        let manifest = Manifest {
            maker: String::new(),
            sets: vec![("a".into(), "0".into())],
            axes: vec![
                ("b".into(), vec!["1".into(), "2".into()]),
                ("c".into(), vec!["3".into(), "4".into(), "5".into()]),
            ],
            seeds: 7..9,
            scenarios: Vec::new(),
        };
        let settings: Vec<String> = manifest
            .settings()
            .map(|sets| sets.into_iter().map(|(path, value)| path + &value).collect())
            .collect();
        assert_eq!(
            settings,
            ["a0b1c3", "a0b1c4", "a0b1c5", "a0b2c3", "a0b2c4", "a0b2c5"]
        );
        let points: Vec<Point> = manifest.points().collect();
        assert_eq!(points.len() as u64, manifest.len());
        assert!(
            points
                .iter()
                .enumerate()
                .all(|(at, point)| point.index == at as u64)
        );
        assert_eq!((points[3].setting, points[3].seed), (1, 8));
    }
}
