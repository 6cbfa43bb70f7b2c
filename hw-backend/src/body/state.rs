//! What is where: hosts with their agents, and VMs.

use twinrack_control::fabric::{HostState, VmState};
use twinrack_control::migration::plan::overhead;
use twinrack_scenario::spec::cluster::VolumeSpec;
use twinrack_scenario::spec::guest::VmSpec;
use twinrack_scenario::units::{Bytes, Ratio};
use twinrack_scenario::{HostId, Scenario, VmId};

use crate::lab::handle::Handle;

/// A host.
#[derive(Debug)]
pub struct Host {
    /// What it can do.
    pub state: HostState,
    /// Its agent, while it lives.
    pub agent: Option<Handle>,
    /// The VMs on it, in the order they came.
    pub vms: Vec<VmId>,
    /// Memory of VMs on it and on their way to it.
    pub memory_used: Bytes,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            state: HostState::Up,
            agent: None,
            vms: Vec::new(),
            memory_used: Bytes::ZERO,
        }
    }
}

/// A VM.
#[derive(Debug, Clone, Copy)]
pub struct Vm {
    /// Where it is, or was last.
    pub host: Option<HostId>,
    /// What it does.
    pub state: VmState,
    /// The share of its virtual processors that it asks for.
    pub demand: Ratio,
}

impl Vm {
    /// A VM before it runs.
    pub fn new(scenario: &Scenario, vm: VmId) -> Self {
        Self {
            host: None,
            state: VmState::Off,
            demand: spec(scenario, vm)
                .cpu
                .as_ref()
                .map_or(Ratio::ZERO, |cpu| cpu.value),
        }
    }
}

/// What the scenario says of a VM.
pub fn spec(scenario: &Scenario, vm: VmId) -> &VmSpec {
    &scenario.spec.vms[scenario.vms.group_of(vm.0)]
}

/// Its virtual processors.
pub fn vcpus(spec: &VmSpec) -> u32 {
    spec.vcpus.as_ref().map_or(1, |vcpus| vcpus.value)
}

/// What it takes of a host's memory.
pub fn footprint(spec: &VmSpec) -> Bytes {
    spec.memory.value.saturating_add(overhead(spec.memory.value))
}

/// The volume it lives on, where the scenario has one.
pub fn volume<'a>(scenario: &'a Scenario, spec: &VmSpec) -> Option<&'a VolumeSpec> {
    let volumes = &scenario.spec.storage;
    match &spec.volume {
        Some(name) => volumes.iter().find(|volume| volume.name.value == name.value),
        None => volumes.first(),
    }
}
