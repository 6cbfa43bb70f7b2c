//! What is counted is what happened: hosts that are up and VMs that run.

use std::collections::{BTreeMap, BTreeSet};

use twinrack_scenario::record::{Event, EventRecord, Outcome};
use twinrack_scenario::units::SimTime;
use twinrack_scenario::{HostId, MigrationId, VmId};

use super::{Checker, Told, Violation};

/// Follows hosts and VMs on its own and integrates how many there are.
#[derive(Debug)]
pub struct CountsAgree {
    up: BTreeSet<HostId>,
    running: BTreeSet<VmId>,
    moving: BTreeMap<MigrationId, (VmId, bool)>,
    since: SimTime,
    hosts_up: f64,
    vms_running: f64,
}

impl CountsAgree {
    /// At the start all of so many hosts are up, and no VM runs.
    pub fn new(hosts: u32) -> Self {
        Self {
            up: (0..hosts).map(HostId).collect(),
            running: BTreeSet::new(),
            moving: BTreeMap::new(),
            since: SimTime::ZERO,
            hosts_up: 0.0,
            vms_running: 0.0,
        }
    }

    fn integrate(&mut self, at: SimTime) {
        let seconds = at.since(self.since).as_secs_f64();
        self.hosts_up += self.up.len() as f64 * seconds;
        self.vms_running += self.running.len() as f64 * seconds;
        self.since = at;
    }
}

impl Checker<EventRecord> for CountsAgree {
    fn name(&self) -> &'static str {
        "counts-agree"
    }

    fn see(&mut self, at: SimTime, record: &EventRecord) -> Result<(), Violation> {
        if matches!(record.event, Event::HostPower { .. }) {
            return Ok(());
        }
        self.integrate(at);
        match record.event {
            Event::HostUp { host } => {
                self.up.insert(host);
            }
            Event::HostDown { host } | Event::HostCrashed { host } => {
                self.up.remove(&host);
            }
            Event::VmStarted { vm, .. } => {
                self.running.insert(vm);
            }
            Event::VmStopped { vm, .. } | Event::VmLost { vm, .. } => {
                self.running.remove(&vm);
            }
            Event::MigrationRequested { migration, vm, .. } => {
                self.moving.insert(migration, (vm, false));
            }
            Event::MigrationPaused { migration, .. } => {
                if let Some((vm, paused)) = self.moving.get_mut(&migration) {
                    *paused = true;
                    self.running.remove(vm);
                }
            }
            Event::MigrationResumed { migration, .. } => {
                if let Some((vm, paused)) = self.moving.get_mut(&migration) {
                    *paused = false;
                    self.running.insert(*vm);
                }
            }
            Event::MigrationEnded {
                migration, outcome, ..
            } => {
                let back = matches!(outcome, Outcome::RolledBack | Outcome::Cancelled);
                if let Some((vm, true)) = self.moving.remove(&migration).filter(|_| back) {
                    self.running.insert(vm);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, at: SimTime, told: &Told) -> Result<(), Violation> {
        self.integrate(at);
        for (what, seen, told) in [
            ("hosts were up", self.hosts_up, told.hosts_up),
            ("VMs ran", self.vms_running, told.vms_running),
        ] {
            if (seen - told).abs() > 1e-6 * seen.max(1.0) {
                let what = format!("{what} for {seen} s all together, and {told} s are counted");
                return Err(Violation::new(self.name(), at, what, "counts of what happened"));
            }
        }
        Ok(())
    }
}
