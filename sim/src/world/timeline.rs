//! The timeline and the faults: what the scenario says is done, and what goes wrong.

use twinrack_control::fabric::{Notice, Request, VmState};
use twinrack_control::start::{start_refused, stop_refused};
use twinrack_scenario::record::Event;
use twinrack_scenario::spec::timeline::{ActionSpec, FaultSpec, LinkFaultSpec};
use twinrack_scenario::units::{SimDuration, SimTime};
use twinrack_scenario::{HostId, NetworkId, VmId};

use super::body::{Body, Happening};

impl Body<'_> {
    /// Schedules actions and faults.
    pub(super) fn schedule_timeline(&mut self) {
        let scenario = self.scenario;
        for (index, action) in scenario.spec.timeline.iter().enumerate() {
            self.schedule(SimTime::ZERO + action.at(), Happening::Action(index));
        }
        for (index, fault) in scenario.spec.faults.iter().enumerate() {
            if let Some(at) = fault.at() {
                self.schedule(SimTime::ZERO + at, Happening::Fault(index));
            } else if let FaultSpec::HostCrashAfterHandOver(spec) = fault
                && let (Some(vm), Some(host)) = (self.vm_named(&spec.vm), self.host_named(&spec.host))
            {
                self.crash_after_hand_over.push((vm, spec.delay, host));
            }
        }
    }

    fn vm_named(&self, name: &str) -> Option<VmId> {
        self.scenario.vms.find_one(name).map(VmId)
    }

    fn host_named(&self, name: &str) -> Option<HostId> {
        self.scenario.hosts.find_one(name).map(HostId)
    }

    /// An action is due.
    pub(super) fn action(&mut self, index: usize) {
        let Some(action) = self.scenario.spec.timeline.get(index) else {
            return;
        };
        match action {
            ActionSpec::Start(spec) => self.start_named(&spec.vm),
            ActionSpec::Stop(spec) => self.stop_named(&spec.vm),
            ActionSpec::SetCpu(spec) => {
                for vm in self.scenario.vms.find(&spec.vm).unwrap_or(0..0) {
                    self.ask_for(VmId(vm), spec.cpu.0);
                }
            }
            asked => self
                .notices
                .extend(Request::of(asked, self.scenario).map(Notice::Asked)),
        }
    }

    /// Starts a VM where it was last, else where its author put it, else where the brain would have it.
    fn start_named(&mut self, name: &str) {
        let Some(vm) = self.vm_named(name) else { return };
        if let Some(reason) = start_refused(self.state.vms[vm.index()].state) {
            return self.refuse(vm, "start", reason);
        }
        match self.host_of(vm).or_else(|| self.scenario.home(vm)) {
            Some(host) => self.start_vm(vm, host),
            None => self.notices.push_back(Notice::Asked(Request::Start { vm })),
        }
    }

    fn stop_named(&mut self, name: &str) {
        let Some(vm) = self.vm_named(name) else { return };
        let moves = self.moving.contains_key(&vm);
        if let Some(reason) = stop_refused(self.state.vms[vm.index()].state, moves) {
            return self.refuse(vm, "stop", reason);
        }
        if let Some(host) = self.host_of(vm) {
            self.vacate(vm, VmState::Off);
            self.write(Event::VmStopped { vm, host });
        }
    }

    fn refuse(&mut self, vm: VmId, action: &str, reason: &str) {
        self.write(Event::ActionRefused {
            vm,
            action: action.to_owned(),
            reason: reason.to_owned(),
        });
    }

    /// A fault is due.
    pub(super) fn fault(&mut self, now: SimTime, index: usize) {
        match self.scenario.spec.faults.get(index) {
            Some(fault @ (FaultSpec::HostCrash(_) | FaultSpec::RackLoss(_) | FaultSpec::FeedLoss(_))) => {
                for host in self.scenario.without_power(fault) {
                    self.crash(host);
                }
            }
            Some(FaultSpec::Link(spec)) => {
                self.degrade(spec, spec.remains.0);
                if let Some(lasts) = spec.lasts {
                    self.schedule(now + lasts, Happening::FaultOver(index));
                }
            }
            Some(FaultSpec::HostCrashAfterHandOver(_)) | None => {}
        }
    }

    /// A link fault is over.
    pub(super) fn fault_over(&mut self, index: usize) {
        if let Some(FaultSpec::Link(spec)) = self.scenario.spec.faults.get(index) {
            self.degrade(spec, 1.0);
        }
    }

    fn degrade(&mut self, spec: &LinkFaultSpec, remains: f64) {
        let Some(host) = self.host_named(&spec.host) else {
            return;
        };
        let networks = &self.scenario.spec.networks;
        let Some(index) = networks
            .iter()
            .position(|network| network.name.value == spec.network.value)
        else {
            return;
        };
        let capacity = self.links.networks[index].set_link(host, remains);
        self.links.touch(index);
        self.write(Event::LinkChanged {
            host,
            network: NetworkId(index as u32),
            bits_per_second: capacity.0,
        });
    }

    /// A VM's storage was handed over: faults that wait for it are due.
    pub(super) fn handed_over(&mut self, now: SimTime, vm: VmId) {
        let due: Vec<(SimDuration, HostId)> = self
            .crash_after_hand_over
            .iter()
            .filter(|(waits, ..)| *waits == vm)
            .map(|(_, delay, host)| (*delay, *host))
            .collect();
        self.crash_after_hand_over.retain(|(waits, ..)| *waits != vm);
        for (delay, host) in due {
            self.schedule(now + delay, Happening::Crash(host));
        }
    }
}
