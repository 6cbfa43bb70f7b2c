//! What is where: hosts and VMs of the simulated datacenter.
//!
//! A VM is held in two columns. What the brain asks for again and again, and what demand changes, is 24 bytes: those of a
//! million VMs fit a processor's last cache. The rest, several times as large, is read only when its host is computed.

use twinrack_control::fabric::{HostState, VmState};
use twinrack_scenario::units::{Bytes, SimTime};
use twinrack_scenario::{HostId, Scenario, VmId};

use super::account::Account;

/// A host.
#[derive(Debug, Clone)]
pub struct Host {
    /// The item of the scenario's `hosts` that it belongs to.
    pub group: u32,
    /// What it can do.
    pub state: HostState,
    /// The VMs on it, in the order they came.
    pub vms: Vec<VmId>,
    /// Memory of VMs on it and on their way to it.
    pub memory_used: Bytes,
    /// Logical processors awake.
    pub awake: u32,
    /// Logical processors that may run: those awake, and parked ones that work has spilled over to.
    pub running: u32,
    /// Logical processors that migrations keep busy.
    pub migration_work: f64,
    /// Migrations that it takes part in: each is sent or received by one thread.
    pub threads: u32,
    /// The logical processor that each of these threads can have, or what is left of it for them beside the VMs.
    pub thread: f64,
    /// Logical processors that receiving keeps busy.
    pub receive_work: f64,
    /// Logical processors that the hypervisor keeps busy with paging.
    pub paging_work: f64,
    /// Logical processors busy in all.
    pub busy: f64,
    /// What it draws.
    pub watts: f64,
    /// Seconds that work waits for waking cores, for each second of it.
    pub delay: f64,
    /// When its shares were last computed.
    pub settled: SimTime,
    /// Whether its shares must be computed anew at the end of this instant.
    pub touched: bool,
    /// Whether the demand of its VMs passes what they get.
    pub short: bool,
    /// Logical processors that all its work asks for, and since when.
    pub load: f64,
    /// When that last changed.
    pub load_changed: SimTime,
}

/// A VM: where it is, what it does and what it asks for.
#[derive(Debug, Clone, Copy)]
pub struct Vm {
    /// The item of the scenario's `vms` that it belongs to.
    pub group: u32,
    /// Where it is, or was last.
    pub host: Option<HostId>,
    /// What it does.
    pub state: VmState,
    /// The share of its virtual processors that it asks for.
    pub demand: f64,
}

/// What a VM gets, and what it has cost so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Supply {
    /// The most it asked for while it ran, since it was started.
    pub demand_max: f64,
    /// Logical processors it asks for on its present host.
    pub wanted: f64,
    /// Logical processors it gets.
    pub granted: f64,
    /// Logical processors that others have while it is ready to use them, the hypervisor's work for it included.
    pub waiting: f64,
    /// What it got, missed and cost.
    pub account: Account,
    /// Share of its time that a migration takes from it so that it dirties less.
    pub throttle: f64,
    /// Logical processors that faults of a dirty log take beside what it asks for.
    pub logging: f64,
}

impl Supply {
    /// How much of what it asks for it gets, from 0 to 1; 1 when it asks for nothing.
    pub fn service(&self) -> f64 {
        if self.wanted > 0.0 {
            (self.granted / self.wanted).min(1.0)
        } else {
            1.0
        }
    }
}

/// The longest list of VMs that a host has room for before any comes.
const LIST_MAX: usize = 64;

/// All hosts and VMs.
#[derive(Debug, Clone)]
pub struct State {
    /// The hosts, by number.
    pub hosts: Vec<Host>,
    /// The VMs, by number.
    pub vms: Vec<Vm>,
    /// What each VM gets, by number.
    pub supplies: Vec<Supply>,
    touched: Vec<HostId>,
}

impl State {
    /// The datacenter before anything runs: every host up and empty, every VM off.
    pub fn new(scenario: &Scenario) -> Self {
        // Room for as many VMs as hosts have when two thirds of them are off: their lists then lie in the order of the hosts.
        let many = 3 * scenario.vms.len().div_ceil(scenario.hosts.len().max(1)) as usize;
        let host = |index: u32| {
            let group = scenario.hosts.group_of(index);
            let processors = scenario
                .spec
                .hosts
                .get(group)
                .map_or(1, twinrack_scenario::spec::host::HostSpec::processors);
            Host {
                group: group as u32,
                state: HostState::Up,
                vms: Vec::with_capacity(many.min(LIST_MAX)),
                memory_used: Bytes::ZERO,
                awake: processors,
                running: processors,
                migration_work: 0.0,
                threads: 0,
                thread: 1.0,
                receive_work: 0.0,
                paging_work: 0.0,
                busy: 0.0,
                watts: 0.0,
                delay: 0.0,
                settled: SimTime::ZERO,
                touched: false,
                short: false,
                load: 0.0,
                load_changed: SimTime::ZERO,
            }
        };
        let vm = |index: u32| Vm {
            group: scenario.vms.group_of(index) as u32,
            host: None,
            state: VmState::Off,
            demand: 0.0,
        };
        Self {
            hosts: (0..scenario.hosts.len()).map(host).collect(),
            vms: (0..scenario.vms.len()).map(vm).collect(),
            supplies: vec![Supply::default(); scenario.vms.len() as usize],
            touched: Vec::new(),
        }
    }

    /// Marks a host whose shares must be computed anew.
    pub fn touch(&mut self, host: HostId) {
        let entry = &mut self.hosts[host.index()];
        if !entry.touched {
            entry.touched = true;
            self.touched.push(host);
        }
    }

    /// The touched hosts, in the order of their numbers; none is touched afterwards.
    pub fn take_touched(&mut self) -> Vec<HostId> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        for host in &touched {
            self.hosts[host.index()].touched = false;
        }
        touched
    }

    /// Whether some host is touched.
    pub fn is_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Puts a VM on a host.
    pub fn put(&mut self, vm: VmId, host: HostId) {
        self.vms[vm.index()].host = Some(host);
        self.hosts[host.index()].vms.push(vm);
        self.touch(host);
    }

    /// Takes a VM off its host; its `host` still names where it was.
    pub fn take(&mut self, vm: VmId) {
        if let Some(host) = self.vms[vm.index()].host {
            let vms = &mut self.hosts[host.index()].vms;
            if let Some(at) = vms.iter().position(|id| *id == vm) {
                vms.remove(at);
            }
            self.touch(host);
        }
    }
}
