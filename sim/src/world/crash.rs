//! What happens to hosts and the VMs on them: starting, stopping, losing power, coming back.

use twinrack_control::fabric::{HostState, Notice, VmState};
use twinrack_scenario::record::Event;
use twinrack_scenario::units::SimTime;
use twinrack_scenario::{HostId, VmId};

use super::body::{Body, Happening};

impl Body<'_> {
    /// Starts the VMs that the scenario gives a host.
    pub(super) fn start_placed_vms(&mut self) {
        for group in 0..self.scenario.spec.vms.len() {
            let spec = &self.scenario.spec.vms[group];
            let Some(hosts) = spec.host.as_ref().and_then(|name| self.scenario.hosts.find(name)) else {
                continue;
            };
            if !spec.running || hosts.is_empty() {
                continue;
            }
            for (at, vm) in self.scenario.vms.members(group).enumerate() {
                // On a group of hosts the VMs are dealt round.
                self.start_vm(VmId(vm), HostId(hosts.start + at as u32 % hosts.len() as u32));
            }
        }
    }

    /// Starts a VM, within the limits of the product and the memory of the host.
    pub(super) fn start_vm(&mut self, vm: VmId, host: HostId) {
        if self.state.vms[vm.index()].state != VmState::Off {
            return;
        }
        if let Err(reason) = self.admitted(vm, host) {
            self.write(Event::VmRefused { vm, reason });
            return;
        }
        self.occupy(vm, host);
        self.write(Event::VmStarted { vm, host });
        self.run_vm(vm);
    }

    fn admitted(&self, vm: VmId, host: HostId) -> Result<(), String> {
        use twinrack_control::limits::{Asked, admit};
        if !self.is_up(host) {
            return Err("the host is not up".to_owned());
        }
        let entry = &self.state.hosts[host.index()];
        let kind = &self.kinds.hosts[entry.group as usize];
        let own = &self.kinds.vms[self.state.vms[vm.index()].group as usize];
        admit(
            kind.edition,
            self.running_on(host),
            Asked {
                vcpus: own.vcpus,
                memory: own.memory,
            },
        )?;
        let free = kind.memory.saturating_sub(entry.memory_used);
        if kind.edition != twinrack_scenario::spec::Edition::HyperV2008 && free < own.footprint {
            return Err(format!(
                "Unable to allocate {} MB of RAM: Insufficient system resources exist to complete the requested service. (0x800705AA)",
                own.footprint.0 >> 20
            ));
        }
        Ok(())
    }

    /// Gives a VM its memory on a host.
    pub(super) fn occupy(&mut self, vm: VmId, host: HostId) {
        let footprint = self.kinds.vms[self.state.vms[vm.index()].group as usize].footprint;
        self.touch(host);
        self.state.supplies[vm.index()].demand_max = 0.0;
        self.surroundings.starts(self.scenario, vm, host);
        let used = &mut self.state.hosts[host.index()].memory_used;
        *used = used.saturating_add(footprint);
        self.state.put(vm, host);
    }

    /// Takes a VM off its host, memory and all.
    pub(super) fn vacate(&mut self, vm: VmId, state: VmState) {
        let footprint = self.kinds.vms[self.state.vms[vm.index()].group as usize].footprint;
        self.halt_vm(vm, state);
        if let Some(host) = self.host_of(vm) {
            let used = &mut self.state.hosts[host.index()].memory_used;
            *used = used.saturating_sub(footprint);
        }
        self.state.take(vm);
    }

    /// A VM's memory is gone.
    pub(super) fn lose_vm(&mut self, vm: VmId) {
        let entry = &self.state.vms[vm.index()];
        if entry.state == VmState::Off {
            return;
        }
        let host = entry.host.unwrap_or(HostId(0));
        self.vacate(vm, VmState::Off);
        self.write(Event::VmLost { vm, host });
    }

    /// A host loses power.
    pub(super) fn crash(&mut self, _now: SimTime, host: HostId) {
        if self.state.hosts[host.index()].state == HostState::Dead {
            return;
        }
        self.touch(host);
        let running: Vec<VmId> = self.state.hosts[host.index()]
            .vms
            .iter()
            .copied()
            .filter(|vm| self.state.vms[vm.index()].state == VmState::Running)
            .collect();
        self.write(Event::HostCrashed { host });
        self.meters.host_up(
            self.engine.now(),
            &self.state.hosts[host.index()],
            &self.kinds,
            false,
        );
        self.state.hosts[host.index()].state = HostState::Dead;
        // VMs in the middle of a hand-over are the migration's: it knows whether they are lost.
        for vm in &running {
            self.lose_vm(*vm);
        }
        self.notices.push_back(Notice::HostDied(host, running));
    }

    /// Switches an empty host off.
    pub(super) fn switch_off(&mut self, host: HostId) {
        if !self.is_up(host) || !self.state.hosts[host.index()].vms.is_empty() {
            return;
        }
        self.touch(host);
        self.meters.host_up(
            self.engine.now(),
            &self.state.hosts[host.index()],
            &self.kinds,
            false,
        );
        self.state.hosts[host.index()].state = HostState::Off;
        self.write(Event::HostDown { host });
    }

    /// Starts a host that is off.
    pub(super) fn switch_on(&mut self, host: HostId) {
        let entry = &self.state.hosts[host.index()];
        if entry.state != HostState::Off {
            return;
        }
        let boot = self.kinds.hosts[entry.group as usize].boot;
        self.touch(host);
        self.state.hosts[host.index()].state = HostState::Booting;
        self.write(Event::HostBooting { host });
        self.schedule(self.engine.now() + boot, Happening::HostReady(host));
    }

    /// A host has started.
    pub(super) fn host_ready(&mut self, now: SimTime, host: HostId) {
        if self.state.hosts[host.index()].state != HostState::Booting {
            return;
        }
        self.touch(host);
        self.state.hosts[host.index()].state = HostState::Up;
        self.meters
            .host_up(now, &self.state.hosts[host.index()], &self.kinds, true);
        self.write(Event::HostUp { host });
        self.notices.push_back(Notice::HostReady(host));
    }

    /// A VM that was restarted serves again.
    pub(super) fn serves(&mut self, now: SimTime, vm: VmId) {
        let Some(host) = self
            .host_of(vm)
            .filter(|_| self.state.vms[vm.index()].state == VmState::Restarting)
        else {
            return;
        };
        if self.is_up(host) {
            self.write(Event::VmStarted { vm, host });
            self.run_vm(vm);
        }
        let _ = now;
    }
}
