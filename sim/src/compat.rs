//! Published experiments as their own simulators compute them, oddities included; the models know nothing of this.

pub mod cloudsim;

use std::ops::ControlFlow;

use twinrack_scenario::record::{Figures, RunRecord, Series, Summary};
use twinrack_scenario::spec::expect::Backend;
use twinrack_scenario::spec::experiment::ExperimentSpec;
use twinrack_scenario::units::SimTime;
use twinrack_scenario::{Scenario, Trace};

use crate::check::Told;
use crate::engine::Journal;
use crate::world::{Progress, RunError};

/// Runs the experiment that a scenario names, in place of the models.
pub fn run(
    scenario: &Scenario,
    experiment: &ExperimentSpec,
    seed: u64,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<RunRecord, RunError> {
    let end = SimTime::ZERO + scenario.spec.duration.value;
    let ExperimentSpec::CloudSimPlanetLab(spec) = experiment;
    let none = Trace::default();
    let mut interrupted = None;
    let trace = scenario.trace.as_ref().unwrap_or(&none);
    let came_out = cloudsim::run(spec, trace, &mut |seconds| {
        let now = SimTime::from_millis((seconds * 1000.0) as u64);
        if progress(Progress { now, end }).is_break() {
            interrupted.get_or_insert(now);
        }
    });
    if let Some(at) = interrupted {
        return Err(RunError::Interrupted(at));
    }
    let mut figures = Figures::default();
    figures.number("power.energy_kwh.sum", came_out.energy_kwh);
    figures.number("migration.count", came_out.migrations as f64);
    figures.number("sla.violation", came_out.violation);
    figures.number("sla.slatah", came_out.slatah);
    figures.number("sla.pdm", came_out.pdm);
    figures.number("sla.overall", came_out.overall);
    figures.number("sla.average", came_out.average);
    figures.number("hosts.shutdowns", came_out.shutdowns as f64);
    let kpis = figures.into_inner();
    let (events, digest) = Journal::new(Vec::new()).finish(end, &kpis, &Told::default())?;
    Ok(RunRecord {
        summary: Summary::of(scenario, Backend::Sim, seed, digest, end, kpis),
        events,
        series: Series::default(),
        hosts: scenario.hosts.clone(),
        vms: scenario.vms.clone(),
        scenario_yaml: scenario.yaml.clone(),
    })
}
