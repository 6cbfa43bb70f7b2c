//! Merging: all points of a sweep in one table, in the order of the manifest, whatever came first.

use std::collections::BTreeSet;
use std::path::Path;

use super::point::{Done, Manifest};
use crate::question::PlanError;

/// What was merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// One row a point: its settings, its seed, whether it passed, its digest, its figures.
    pub csv: Vec<u8>,
    /// How many points there are.
    pub points: u64,
    /// How many of them held what they expected.
    pub passed: u64,
}

/// The names of all figures of a sweep's points; when points are missing, which.
pub(super) fn all_there(sweep: &Path, manifest: &Manifest) -> Result<BTreeSet<String>, PlanError> {
    let (mut names, mut missing) = (BTreeSet::new(), Vec::new());
    for point in manifest.points() {
        match Done::read(&manifest.path(sweep, point)) {
            Some(done) => names.extend(done.summary.kpis.into_keys()),
            None => missing.push(point),
        }
    }
    match missing.first() {
        None => Ok(names),
        Some(first) => Err(PlanError::Missing {
            points: missing.len() as u64,
            of: manifest.len(),
            first: first.index,
            seed: first.seed,
        }),
    }
}

/// Merges a sweep whose points are all there; otherwise says which are not.
pub fn merge(sweep: &Path) -> Result<Merged, PlanError> {
    let manifest = Manifest::read(sweep)?;
    let settings: Vec<Vec<(String, String)>> = manifest.settings().collect();
    // Twice through the files: a sweep may have more points than fit in memory.
    let names = all_there(sweep, &manifest)?;
    let mut table = csv::Writer::from_writer(Vec::new());
    let axes = manifest.axes.iter().map(|(path, _)| path.as_str());
    table.write_record(
        axes.chain(["seed", "passed", "digest"])
            .chain(names.iter().map(String::as_str)),
    )?;
    let mut passed = 0;
    for point in manifest.points() {
        let Some(done) = Done::read(&manifest.path(sweep, point)) else {
            continue;
        };
        let summary = done.summary;
        passed += u64::from(summary.passed());
        let figure = |name: &String| {
            summary
                .kpis
                .get(name)
                .map_or(String::new(), |figure| figure.value.to_string())
        };
        let set = settings[point.setting].iter().skip(manifest.sets.len());
        let values: Vec<String> = set
            .map(|(_, value)| value.clone())
            .chain([
                point.seed.to_string(),
                summary.passed().to_string(),
                summary.digest.clone(),
            ])
            .chain(names.iter().map(figure))
            .collect();
        table.write_record(&values)?;
    }
    Ok(Merged {
        csv: table
            .into_inner()
            .map_err(|error| csv::Error::from(error.into_error()))?,
        points: manifest.len(),
        passed,
    })
}
