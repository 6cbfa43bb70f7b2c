//! Facts of a move, as the simulated datacenter has them; what follows from them is the brain's to say.

use twinrack_control::fabric::VmState;
use twinrack_control::limits::{Asked, Running};
use twinrack_control::migration::precondition::{Facts, Now};
use twinrack_scenario::{HostId, VmId};

use crate::world::body::Body;

impl Body<'_> {
    /// What speaks for and against moving a VM.
    pub(in crate::world) fn facts_of(&self, vm: VmId, from: HostId, to: HostId) -> Facts {
        let kind = &self.kinds.vms[self.state.vms[vm.index()].group as usize];
        let target = &self.state.hosts[to.index()];
        let memory = self.kinds.hosts[target.group as usize].memory;
        let now = Now {
            source_up: self.is_up(from),
            target_up: self.is_up(to),
            running: self.state.vms[vm.index()].state == VmState::Running && self.host_of(vm) == Some(from),
            volume: kind.volume,
            reserve: kind.footprint,
            target_free: memory.saturating_sub(target.memory_used),
            target_holds: self.running_on(to),
            asks: Asked {
                vcpus: kind.vcpus,
                memory: kind.memory,
            },
            linked: &|network, host| self.links.networks[network].fluid.is_linked(host.0),
        };
        self.surroundings.facts(self.scenario, vm, from, to, &now)
    }

    /// What runs on a host.
    pub(in crate::world) fn running_on(&self, host: HostId) -> Running {
        let entry = &self.state.hosts[host.index()];
        let of = |vm: &VmId| &self.kinds.vms[self.state.vms[vm.index()].group as usize];
        Running {
            processors: self.kinds.hosts[entry.group as usize].licensed,
            vms: entry.vms.len() as u32,
            vcpus: entry.vms.iter().map(|vm| of(vm).vcpus).sum(),
            memory: entry.vms.iter().map(|vm| of(vm).memory).sum(),
        }
    }
}
