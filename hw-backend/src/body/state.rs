//! What is where: hosts with their agents, and VMs.

use std::net::{IpAddr, SocketAddr};

use twinrack_control::fabric::{HostState, VmState};
use twinrack_scenario::spec::guest::VmSpec;
use twinrack_scenario::units::{Bytes, Ratio, SimTime};
use twinrack_scenario::{HostId, Scenario, VmId};

use crate::lab::handle::Handle;

/// A host.
#[derive(Debug)]
pub struct Host {
    /// What it can do.
    pub state: HostState,
    /// Its agent, while it lives.
    pub agent: Option<Handle>,
    /// Where its agent is reached.
    pub address: Option<IpAddr>,
    /// Where its agent answers clients of its guests.
    pub clients: Option<SocketAddr>,
    /// Where its agent receives streams.
    pub streams: Option<SocketAddr>,
    /// The VMs on it, in the order they came.
    pub vms: Vec<VmId>,
    /// Memory of VMs on it and on their way to it.
    pub memory_used: Bytes,
    /// Logical processors that its VMs ask for, as the brain was last told, and since when.
    pub load: (f64, SimTime),
    /// Logical processors parked.
    pub parked: u32,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            state: HostState::Up,
            agent: None,
            address: None,
            clients: None,
            streams: None,
            vms: Vec::new(),
            memory_used: Bytes::ZERO,
            load: (0.0, SimTime::ZERO),
            parked: 0,
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
    /// Whether its guest knows that.
    pub told: bool,
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
            told: true,
        }
    }
}

/// What the scenario says of a VM.
pub fn spec(scenario: &Scenario, vm: VmId) -> &VmSpec {
    scenario.vm(vm)
}
