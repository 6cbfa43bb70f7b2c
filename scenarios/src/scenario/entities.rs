//! What a scenario says of one host or VM: the rules that both bodies read it by.

use super::Scenario;
use crate::fleet::{HostId, VmId};
use crate::scale::Factors;
use crate::spec::Edition;
use crate::spec::cluster::VolumeSpec;
use crate::spec::guest::VmSpec;
use crate::spec::host::{HostSpec, PagingMode};
use crate::units::Bytes;

impl Scenario {
    /// The item of `hosts` that a host is of.
    pub fn host(&self, host: HostId) -> &HostSpec {
        &self.spec.hosts[self.hosts.group_of(host.0)]
    }

    /// The item of `vms` that a VM is of.
    pub fn vm(&self, vm: VmId) -> &VmSpec {
        &self.spec.vms[self.vms.group_of(vm.0)]
    }

    /// The host that its author gives a VM; on a group of hosts the VMs of an item are dealt round.
    pub fn home(&self, vm: VmId) -> Option<HostId> {
        let group = self.vms.group_of(vm.0);
        let hosts = self.hosts.find(self.spec.vms.get(group)?.host.as_ref()?)?;
        let at = vm.0 - self.vms.members(group).start;
        (!hosts.is_empty()).then(|| HostId(hosts.start + at % hosts.len() as u32))
    }

    /// The product that a host runs.
    pub fn edition(&self, host: &HostSpec) -> Edition {
        host.edition.unwrap_or(self.spec.edition)
    }

    /// How a host translates the addresses of its guests: Hyper-V Server 2008 knows shadow page tables alone.
    pub fn paging_mode(&self, host: &HostSpec) -> PagingMode {
        match self.edition(host) {
            Edition::HyperV2008 => PagingMode::Shadow,
            Edition::HyperVR2 | Edition::Modern => host.paging,
        }
    }

    /// Memory that a host has for VMs. Of Hyper-V Server 2008 it is all but the GiB of the parent, out of which comes what the
    /// hypervisor adds to each VM; that no more than 31 GiB of it may be used is a limit of the product, see the brain's.
    pub fn memory_for_vms(&self, host: &HostSpec) -> Bytes {
        match self.edition(host) {
            Edition::HyperV2008 => {
                let parent = Bytes((Bytes::GIB.as_f64() * self.memory_factor() + 0.5) as u64);
                host.memory.value.saturating_sub(parent)
            }
            Edition::HyperVR2 | Edition::Modern => host.memory.value.saturating_sub(host.reserve),
        }
    }

    /// What sizes of memory were multiplied by; 1 when they are as written.
    pub fn memory_factor(&self) -> f64 {
        let factors = self.spec.scale.as_ref().map(Factors::of);
        factors.map_or(1.0, |factors| factors.memory.0)
    }

    /// Logical processors that a product's limits count on a host: as the scenario says it, before `scale` made them fewer, for
    /// the number of VMs is not scaled.
    pub fn licensed_processors(&self, host: &HostSpec) -> u32 {
        let factor = self.spec.scale.as_ref().and_then(|scale| scale.cpu);
        let exact = f64::from(host.processors()) / factor.map_or(1.0, |factor| factor.0);
        (exact + 0.5) as u32
    }

    /// The volume that a VM lives on: the one it names, else the first; none where the scenario has none.
    pub fn volume(&self, vm: &VmSpec) -> Option<&VolumeSpec> {
        let volumes = &self.spec.storage;
        match &vm.volume {
            Some(name) => volumes.iter().find(|volume| volume.name.value == name.value),
            None => volumes.first(),
        }
    }
}

impl HostSpec {
    /// Logical processors.
    pub fn processors(&self) -> u32 {
        self.sockets
            .saturating_mul(self.cores)
            .saturating_mul(self.threads)
            .max(1)
    }
}

impl VmSpec {
    /// Virtual processors.
    pub fn processors(&self) -> u32 {
        self.vcpus.as_ref().map_or(1, |vcpus| vcpus.value)
    }
}
