//! Capacity is conserved: the VMs on a host and those on their way to it never need more memory than it has for them.

use std::collections::BTreeMap;

use twinrack_scenario::record::{Event, EventRecord};
use twinrack_scenario::units::{Bytes, SimTime};
use twinrack_scenario::{HostId, MigrationId, VmId};

use super::{Checker, Told, Violation};

/// The memory of a host.
type OfHost = dyn Fn(HostId) -> Bytes;
/// What a VM takes of it.
type OfVm = dyn Fn(VmId, HostId) -> Bytes;

/// Adds up what VMs take, host by host. A VM that moves takes memory at both ends from its first round, or its pause, until the
/// migration has ended.
pub struct MemoryFits {
    host_memory: Box<OfHost>,
    takes: Box<OfVm>,
    used: BTreeMap<HostId, u64>,
    at: BTreeMap<VmId, HostId>,
    moving: BTreeMap<MigrationId, Moving>,
}

/// A VM on its way.
#[derive(Debug, Clone, Copy)]
struct Moving {
    vm: VmId,
    to: HostId,
    /// The host, other than the one where the VM is, that keeps memory for it.
    kept: Option<HostId>,
}

impl std::fmt::Debug for MemoryFits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryFits")
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}

impl MemoryFits {
    /// A checker that knows the sizes: of a host, and of a VM on a host.
    pub fn new(host_memory: Box<OfHost>, takes: Box<OfVm>) -> Self {
        Self {
            host_memory,
            takes,
            used: BTreeMap::new(),
            at: BTreeMap::new(),
            moving: BTreeMap::new(),
        }
    }

    fn give_back(&mut self, vm: VmId, host: HostId) {
        if let Some(used) = self.used.get_mut(&host) {
            *used = used.saturating_sub((self.takes)(vm, host).0);
        }
    }

    fn take(&mut self, vm: VmId, host: HostId, at: SimTime) -> Result<(), Violation> {
        let used = self.used.entry(host).or_default();
        *used += (self.takes)(vm, host).0;
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

    fn leave(&mut self, vm: VmId) {
        if let Some(host) = self.at.remove(&vm) {
            self.give_back(vm, host);
        }
    }

    fn enter(&mut self, vm: VmId, host: HostId, at: SimTime) -> Result<(), Violation> {
        self.leave(vm);
        self.at.insert(vm, host);
        self.take(vm, host, at)
    }

    /// The target keeps memory for a VM that is still at its source.
    fn reserved(&mut self, migration: MigrationId, at: SimTime) -> Result<(), Violation> {
        let Some(own) = self.moving.get_mut(&migration).filter(|own| own.kept.is_none()) else {
            return Ok(());
        };
        own.kept = Some(own.to);
        let (vm, to) = (own.vm, own.to);
        self.take(vm, to, at)
    }

    /// The VM is at its target: what the target kept is in use, and the source keeps what the VM had until all is over.
    fn arrived(&mut self, migration: MigrationId) {
        if let Some(own) = self.moving.get_mut(&migration)
            && let Some(from) = self.at.insert(own.vm, own.to)
        {
            own.kept = Some(from);
        }
    }

    fn ended(&mut self, migration: MigrationId) {
        if let Some(own) = self.moving.remove(&migration)
            && let Some(host) = own.kept
        {
            self.give_back(own.vm, host);
        }
    }
}

impl Checker<EventRecord> for MemoryFits {
    fn name(&self) -> &'static str {
        "memory-fits"
    }

    fn see(&mut self, at: SimTime, record: &EventRecord) -> Result<(), Violation> {
        match record.event {
            Event::VmStarted { vm, host } => return self.enter(vm, host, at),
            Event::VmStopped { vm, .. } | Event::VmLost { vm, .. } => self.leave(vm),
            Event::MigrationRequested {
                migration, vm, to, ..
            } => {
                self.moving.insert(migration, Moving { vm, to, kept: None });
            }
            Event::MigrationRound { migration, .. } | Event::MigrationPaused { migration, .. } => {
                return self.reserved(migration, at);
            }
            Event::MigrationResumed { migration, .. } => self.arrived(migration),
            Event::MigrationEnded { migration, .. } => self.ended(migration),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, _: SimTime, _: &Told) -> Result<(), Violation> {
        Ok(())
    }
}
