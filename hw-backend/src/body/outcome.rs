//! The outcome: what was counted and measured, and the record made of it, in the same form as the simulated body's.

use std::collections::BTreeMap;
use std::time::Duration;

use twinrack_control::fabric::VmState;
use twinrack_scenario::record::{Digest, Distribution, Event, Figures, Level, RunRecord, Story, Summary};
use twinrack_scenario::spec::expect::Backend;
use twinrack_scenario::units::{SimDuration, SimTime};
use twinrack_scenario::{MigrationId, NetworkId};

use super::state::Vm;
use super::untold::Untold;
use super::{Body, Options};

/// Totals over all hosts.
#[derive(Debug)]
pub struct Meters {
    pub active: Level,
    pub running: Level,
    pub moving: Level,
    /// Bytes of migrations, by network.
    pub migrated: BTreeMap<Option<NetworkId>, u64>,
    parked: Level,
    unpark: Distribution,
    park: Distribution,
}

impl Meters {
    /// Of hosts that are all up and empty.
    pub fn new(hosts: usize) -> Self {
        let level = |value| Level::new(SimTime::ZERO, value);
        Self {
            active: level(hosts as f64),
            running: level(0.0),
            moving: level(0.0),
            migrated: BTreeMap::new(),
            parked: level(0.0),
            unpark: Distribution::default(),
            park: Distribution::default(),
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

    /// A host has another number of processors parked, so long after the change of its load.
    pub fn parked(&mut self, now: SimTime, before: u32, after: u32, took: SimDuration) {
        self.parked.replace(now, f64::from(before), f64::from(after));
        let delays = if after < before {
            &mut self.unpark
        } else {
            &mut self.park
        };
        delays.add(took.as_secs_f64());
    }

    /// More or fewer migrations are under way.
    pub fn moving(&mut self, now: SimTime, change: f64) {
        self.moving.replace(now, 0.0, change);
    }
}

/// What clients saw of each migration takes the place of what the brain reckons.
fn put_outages(body: &mut Body<'_>) {
    let clients = std::mem::take(&mut body.clients);
    let seen: BTreeMap<MigrationId, Duration> = clients
        .into_iter()
        .filter_map(|(id, client)| Some((id, client.longest_silence()?)))
        .collect();
    for record in &mut body.events {
        if let Event::MigrationEnded {
            migration,
            outage_nanos,
            ..
        } = &mut record.event
            && let Some(silence) = seen.get(migration)
        {
            *outage_nanos = u64::try_from(silence.as_nanos()).unwrap_or(u64::MAX);
        }
    }
}

/// The record of a run that has ended.
pub fn record(mut body: Body<'_>, options: &Options, untold: &Untold, end: SimTime) -> RunRecord {
    put_outages(&mut body);
    let mut figures = Figures::measured();
    let meters = &body.meters;
    figures.level("hosts.active", &meters.active, end);
    figures.level("vms.running", &meters.running, end);
    figures.number("migration.concurrent.max", meters.moving.extremes(end).1);
    if body.scenario.spec.policies.parking.is_some() {
        figures.level("cores.parked", &meters.parked, end);
        figures.distribution("cores.unpark_latency_s", &meters.unpark);
        figures.distribution("cores.park_delay_s", &meters.park);
    }
    let active = meters.active.integral(end);
    if active > 0.0 {
        figures.number("vms.per_host.mean", meters.running.integral(end) / active);
    }
    let mut exits = Distribution::default();
    for closing in body.closings.values() {
        // Of a guest that was kept in a file nothing ran here.
        if let Some(count) = closing
            .exits
            .filter(|_| closing.ran_s > 0.0 && closing.busy_s != Some(0.0))
        {
            exits.add(count as f64 / closing.ran_s);
        }
    }
    figures.distribution("paging.exits_per_s", &exits);
    body.tell_watched(&mut figures, end);
    body.tell_clocks(&mut figures);
    Story::of(&body.events).tell(&mut figures);
    let mut kpis = figures.into_inner();
    untold.stand_in(&mut kpis, options.modelled.as_ref());
    let (scenario, seed) = (body.scenario, options.seed);
    let mut digest = Digest::default();
    body.events.iter().for_each(|event| digest.event(event));
    let mut summary = Summary::of(scenario, Backend::Kvm, seed, digest.finish(&kpis), end, kpis);
    summary.unavailable = untold.reasons();
    RunRecord {
        summary,
        events: body.events,
        series: body.watching.series,
        hosts: scenario.hosts.clone(),
        vms: scenario.vms.clone(),
        scenario_yaml: scenario.yaml.clone(),
    }
}
