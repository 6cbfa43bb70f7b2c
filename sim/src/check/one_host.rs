//! No VM runs on two hosts, and none runs on a host that is not up.

use std::collections::{BTreeMap, BTreeSet};

use twinrack_scenario::record::{Event, EventRecord, Outcome};
use twinrack_scenario::units::SimTime;
use twinrack_scenario::{HostId, MigrationId, VmId};

use super::{Checker, Told, Violation};

/// Follows every VM from host to host.
#[derive(Debug, Default)]
pub struct OneHost {
    running: BTreeMap<VmId, HostId>,
    down: BTreeSet<HostId>,
    moving: BTreeMap<MigrationId, (VmId, HostId, bool)>,
}

impl OneHost {
    fn start(&mut self, vm: VmId, host: HostId, at: SimTime) -> Result<(), Violation> {
        if self.down.contains(&host) {
            return Err(violation(
                at,
                format!("VM {} runs on host {}, which is down", vm.0, host.0),
            ));
        }
        match self.running.insert(vm, host) {
            Some(other) if other != host => Err(violation(
                at,
                format!("VM {} runs on hosts {} and {}", vm.0, other.0, host.0),
            )),
            _ => Ok(()),
        }
    }

    fn stop(&mut self, vm: VmId, host: HostId, at: SimTime) -> Result<(), Violation> {
        match self.running.remove(&vm) {
            Some(other) if other != host => Err(violation(
                at,
                format!("VM {} stopped on host {} but ran on {}", vm.0, host.0, other.0),
            )),
            _ => Ok(()),
        }
    }
}

fn violation(at: SimTime, what: String) -> Violation {
    Violation::new(
        "one-host",
        at,
        what,
        "each running VM on exactly one host that is up",
    )
}

impl Checker<EventRecord> for OneHost {
    fn name(&self) -> &'static str {
        "one-host"
    }

    fn see(&mut self, at: SimTime, record: &EventRecord) -> Result<(), Violation> {
        match record.event {
            Event::VmStarted { vm, host } => self.start(vm, host, at),
            Event::VmStopped { vm, host } | Event::VmLost { vm, host } => self.stop(vm, host, at),
            Event::HostDown { host } | Event::HostCrashed { host } => {
                self.down.insert(host);
                Ok(())
            }
            Event::HostUp { host } => {
                self.down.remove(&host);
                Ok(())
            }
            Event::MigrationRequested {
                migration, vm, from, ..
            } => {
                self.moving.insert(migration, (vm, from, false));
                Ok(())
            }
            Event::MigrationPaused { migration, .. } => {
                let Some((vm, from, paused)) = self.moving.get_mut(&migration) else {
                    return Ok(());
                };
                *paused = true;
                let (vm, from) = (*vm, *from);
                self.stop(vm, from, at)
            }
            Event::MigrationResumed { migration, host } => {
                let Some((vm, ..)) = self.moving.get(&migration) else {
                    return Ok(());
                };
                self.start(*vm, host, at)
            }
            Event::MigrationEnded {
                migration, outcome, ..
            } => {
                let Some((vm, from, paused)) = self.moving.remove(&migration) else {
                    return Ok(());
                };
                let back = paused && matches!(outcome, Outcome::RolledBack | Outcome::Cancelled);
                if back { self.start(vm, from, at) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    fn finish(&mut self, _: SimTime, _: &Told) -> Result<(), Violation> {
        Ok(())
    }
}
