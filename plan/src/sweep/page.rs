//! A sweep as its page shows it: every point with its setting, whether it held, and its figures.

use std::path::Path;

use twinrack_reports::html::sweep::{Point, Sweep};

use super::merge::all_there;
use super::point::{Done, Manifest};
use crate::question::PlanError;

/// Reads a sweep whose points are all there; `also` names figures that are drawn besides the usual ones.
pub fn read(sweep: &Path, also: &[String]) -> Result<Sweep, PlanError> {
    let manifest = Manifest::read(sweep)?;
    all_there(sweep, &manifest)?;
    let mut points = Vec::new();
    let mut name = String::new();
    for point in manifest.points() {
        let Some(done) = Done::read(&manifest.path(sweep, point)) else {
            continue;
        };
        let summary = done.summary;
        name.clone_from(&summary.scenario.name);
        points.push(Point {
            setting: manifest.places(point.setting),
            passed: summary.passed(),
            expected: summary.expectations.into_iter().map(|item| item.kpi).collect(),
            figures: summary
                .kpis
                .into_iter()
                .map(|(name, figure)| (name, figure.value))
                .collect(),
        });
    }
    Ok(Sweep {
        name,
        seeds: manifest.seeds.end - manifest.seeds.start,
        axes: manifest.axes,
        points,
        also: also.to_vec(),
    })
}
