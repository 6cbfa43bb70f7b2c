//! Facts of a move, as the simulated datacenter has them; what follows from them is the brain's to say.

use twinrack_control::fabric::VmState;
use twinrack_control::limits::{Newcomer, Running};
use twinrack_control::migration::precondition::{Facts, Now};
use twinrack_scenario::units::Bytes;
use twinrack_scenario::{HostId, VmId};

use crate::world::body::Body;

impl Body<'_> {
    /// What speaks for and against moving a VM.
    pub(in crate::world) fn facts_of(&self, vm: VmId, from: HostId, to: HostId) -> Facts {
        let kind = &self.kinds.vms[self.state.vms[vm.index()].group as usize];
        let now = Now {
            source_up: self.is_up(from),
            target_up: self.is_up(to),
            running: self.state.vms[vm.index()].state == VmState::Running && self.host_of(vm) == Some(from),
            volume: kind.volume,
            reserve: self.takes(vm, to),
            target_free: self.memory_free(to),
            target_holds: self.running_on(to),
            asks: self.newcomer(vm),
            linked: &|network, host| self.links.networks[network].fluid.is_linked(host.0),
        };
        self.surroundings.facts(self.scenario, vm, from, to, &now)
    }

    /// What a VM adds to a host.
    pub(in crate::world) fn newcomer(&self, vm: VmId) -> Newcomer {
        let kind = &self.kinds.vms[self.state.vms[vm.index()].group as usize];
        Newcomer {
            vcpus: kind.vcpus,
            memory: kind.memory,
            reserve: kind.reserve,
        }
    }

    /// Logical processors of a host that no VM on it, or on its way to it, has reserved.
    pub(in crate::world) fn unreserved(&self, host: HostId) -> f64 {
        let entry = &self.state.hosts[host.index()];
        let processors = f64::from(self.kinds.hosts[entry.group as usize].processors);
        if !self.kinds.reserves {
            return processors;
        }
        let of = |vm: VmId| self.kinds.vms[self.state.vms[vm.index()].group as usize].reserve;
        let here: f64 = entry.vms.iter().map(|vm| of(*vm)).sum();
        let mut coming = 0.0;
        if entry.threads > 0 {
            let moves = self.moves.values();
            let prepared = moves.filter(|own| own.to == host && own.reserved > Bytes::ZERO);
            coming = prepared
                .filter(|own| self.host_of(own.vm) != Some(host))
                .map(|own| of(own.vm))
                .sum();
        }
        processors - here - coming
    }

    /// What runs on a host.
    pub(in crate::world) fn running_on(&self, host: HostId) -> Running {
        let entry = &self.state.hosts[host.index()];
        let kind = &self.kinds.hosts[entry.group as usize];
        let of = |vm: &VmId| &self.kinds.vms[self.state.vms[vm.index()].group as usize];
        Running {
            processors: kind.licensed,
            unreserved: self.unreserved(host),
            vms: entry.vms.len() as u32,
            vcpus: entry.vms.iter().map(|vm| of(vm).vcpus).sum(),
            memory: entry.vms.iter().map(|vm| of(vm).memory).sum(),
            in_cluster: self.surroundings.in_cluster(kind.edition, host, |node| {
                self.state.hosts[node.index()].vms.len()
            }),
        }
    }
}
