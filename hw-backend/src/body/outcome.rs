//! The outcome: what was counted and measured, and the record made of it, in the same form as the simulated body's.

use twinrack_control::fabric::VmState;
use twinrack_scenario::record::{Distribution, Figures, Level, RunRecord, Series, Story, Summary};
use twinrack_scenario::spec::expect::Backend;
use twinrack_scenario::units::SimTime;

use super::Body;
use super::state::Vm;

/// Totals over all hosts.
#[derive(Debug)]
pub struct Meters {
    active: Level,
    running: Level,
    moving: Level,
}

impl Meters {
    /// Of hosts that are all up and empty.
    pub fn new(hosts: usize) -> Self {
        let level = |value| Level::new(SimTime::ZERO, value);
        Self {
            active: level(hosts as f64),
            running: level(0.0),
            moving: level(0.0),
        }
    }

    /// The clock begins now.
    pub fn restart(&mut self, vms: &[Vm]) {
        let running = vms.iter().filter(|vm| vm.state == VmState::Running).count();
        self.running = Level::new(SimTime::ZERO, running as f64);
    }

    /// More or fewer hosts are up.
    pub fn active(&mut self, now: SimTime, change: f64) {
        self.active.replace(now, 0.0, change);
    }

    /// More or fewer VMs run.
    pub fn running(&mut self, now: SimTime, change: f64) {
        self.running.replace(now, 0.0, change);
    }

    /// More or fewer migrations are under way.
    pub fn moving(&mut self, now: SimTime, change: f64) {
        self.moving.replace(now, 0.0, change);
    }
}

/// The record of a run that has ended.
pub fn record(body: Body<'_>, seed: u64, end: SimTime) -> RunRecord {
    let mut figures = Figures::measured();
    let meters = &body.meters;
    figures.level("hosts.active", &meters.active, end);
    figures.level("vms.running", &meters.running, end);
    figures.number("migration.concurrent.max", meters.moving.extremes(end).1);
    let active = meters.active.integral(end);
    if active > 0.0 {
        figures.number("vms.per_host.mean", meters.running.integral(end) / active);
    }
    let mut exits = Distribution::default();
    for closing in body.closings.values() {
        if let Some(count) = closing.exits.filter(|_| closing.ran_s > 0.0) {
            exits.add(count as f64 / closing.ran_s);
        }
    }
    figures.distribution("paging.exits_per_s", &exits);
    Story::of(&body.events).tell(&mut figures);
    let kpis = figures.into_inner();
    let scenario = body.scenario;
    RunRecord {
        summary: Summary::of(scenario, Backend::Kvm, seed, body.digest.finish(&kpis), end, kpis),
        events: body.events,
        series: Series::default(),
        hosts: scenario.hosts.clone(),
        vms: scenario.vms.clone(),
        scenario_yaml: scenario.yaml.clone(),
    }
}
