//! Sweeps: one scenario at many seeds and settings, planned once, cut into shards, merged in any order.
//!
//! Every point of a sweep is a file of its own, named by what was run; a point that is there is not run again. So shards may run
//! anywhere, twice, or be killed: what [`merge`] makes of the files is the same to the byte.

pub mod merge;
pub mod page;
pub mod point;
pub mod shard;
pub mod slurm;

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use twinrack_scenario::Scenario;
use twinrack_scenario::read::{Lookup, read};

use crate::question::PlanError;
use crate::store::write_whole;
use crate::trial::Runner;
pub use point::{Done, Manifest, Point};
pub use shard::Shard;

/// Most points of a sweep.
pub const POINTS_MAX: u64 = 10_000_000;

/// A sweep, ready to run: its manifest, and the scenario of each combination of settings.
#[derive(Debug)]
pub struct Sweep {
    manifest: Manifest,
    /// In the order of [`Manifest::settings`].
    scenarios: Vec<Scenario>,
    folder: PathBuf,
}

impl Sweep {
    /// Reads the scenario once for each combination, and writes the manifest; a folder that has another's is refused.
    pub fn open(
        manifest: Manifest,
        (name, text, lookup): (&str, &str, &dyn Lookup),
        folder: &Path,
    ) -> Result<Self, PlanError> {
        if manifest.len() > POINTS_MAX {
            return Err(PlanError::TooMany(manifest.len()));
        }
        let scenarios = manifest.settings().map(|sets| read(name, text, lookup, &sets));
        let scenarios: Vec<Scenario> = scenarios.collect::<Result<_, _>>().map_err(PlanError::Rejected)?;
        let manifest =
            manifest.with_scenarios(scenarios.iter().map(|scenario| scenario.blake3.clone()).collect());
        fs::create_dir_all(point::folder(folder)).map_err(|error| PlanError::io(folder, error))?;
        manifest.write_or_match(folder)?;
        Ok(Self {
            manifest,
            scenarios,
            folder: folder.to_owned(),
        })
    }

    /// The manifest.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Runs the points of a shard that are not there yet, on all threads of the pool; tells `done` after each.
    pub fn run(&self, shard: Shard, run: Runner<'_>, done: &(dyn Fn() + Sync)) -> Result<(), PlanError> {
        let points: Vec<Point> = self
            .manifest
            .points()
            .filter(|point| shard.has(point.index))
            .collect();
        points.par_iter().try_for_each(|point| {
            let path = self.manifest.path(&self.folder, *point);
            if Done::read(&path).is_none() {
                let mut summary = run(&self.scenarios[point.setting], point.seed)?.summary;
                // The one thing in it that is not decided by what was run.
                summary.wall_s = 0.0;
                write_whole(&path, &Done { summary }.bytes())?;
            }
            done();
            Ok(())
        })
    }
}
