//! Capacity is conserved: the VMs that run on a host never need more memory than it has for them.

use std::collections::BTreeMap;

use twinrack_scenario::record::{Event, EventRecord};
use twinrack_scenario::units::{Bytes, SimTime};
use twinrack_scenario::{HostId, MigrationId, VmId};

use super::{Checker, Violation};

/// Adds up the memory of running VMs, host by host.
pub struct MemoryFits {
    host_memory: Box<dyn Fn(HostId) -> Bytes>,
    vm_memory: Box<dyn Fn(VmId) -> Bytes>,
    used: BTreeMap<HostId, u64>,
    at: BTreeMap<VmId, HostId>,
    moving: BTreeMap<MigrationId, VmId>,
}

impl std::fmt::Debug for MemoryFits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryFits")
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}

impl MemoryFits {
    /// A checker that knows the sizes.
    pub fn new(host_memory: Box<dyn Fn(HostId) -> Bytes>, vm_memory: Box<dyn Fn(VmId) -> Bytes>) -> Self {
        Self {
            host_memory,
            vm_memory,
            used: BTreeMap::new(),
            at: BTreeMap::new(),
            moving: BTreeMap::new(),
        }
    }

    fn leave(&mut self, vm: VmId) {
        if let Some(host) = self.at.remove(&vm)
            && let Some(used) = self.used.get_mut(&host)
        {
            *used = used.saturating_sub((self.vm_memory)(vm).0);
        }
    }

    fn enter(&mut self, vm: VmId, host: HostId, at: SimTime) -> Result<(), Violation> {
        self.leave(vm);
        self.at.insert(vm, host);
        let used = self.used.entry(host).or_default();
        *used += (self.vm_memory)(vm).0;
        let memory = (self.host_memory)(host);
        if *used <= memory.0 {
            return Ok(());
        }
        Err(Violation::new(
            "memory-fits",
            at,
            format!("the VMs on host {} need {} of {memory}", host.0, Bytes(*used)),
            "no more memory in use than there is",
        ))
    }
}

impl Checker<EventRecord> for MemoryFits {
    fn name(&self) -> &'static str {
        "memory-fits"
    }

    fn see(&mut self, at: SimTime, record: &EventRecord) -> Result<(), Violation> {
        match record.event {
            Event::VmStarted { vm, host } => self.enter(vm, host, at),
            Event::VmStopped { vm, .. } | Event::VmLost { vm, .. } => {
                self.leave(vm);
                Ok(())
            }
            Event::MigrationRequested { migration, vm, .. } => {
                self.moving.insert(migration, vm);
                Ok(())
            }
            Event::MigrationResumed { migration, host } => {
                let vm = self.moving.get(&migration).copied();
                vm.map_or(Ok(()), |vm| self.enter(vm, host, at))
            }
            Event::MigrationEnded { migration, .. } => {
                self.moving.remove(&migration);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn finish(&mut self, _: SimTime) -> Result<(), Violation> {
        Ok(())
    }
}
