//! What happens to VMs: starting, booting anew, being saved and coming back from storage, ending, being lost.

use twinrack_control::fabric::{Fabric, Notice, VmState};
use twinrack_control::migration::plan::Plan;
use twinrack_control::start::{Offer, admit};
use twinrack_scenario::record::Event;
use twinrack_scenario::spec::Edition;
use twinrack_scenario::units::{Bytes, SimDuration};
use twinrack_scenario::{HostId, VmId};

use super::body::{Body, Happening};

impl Body<'_> {
    /// Starts the VMs that the scenario gives a host.
    pub(super) fn start_placed_vms(&mut self) {
        for vm in (0..self.scenario.vms.len()).map(VmId) {
            let host = self.scenario.home(vm).filter(|_| self.scenario.vm(vm).running);
            if let Some(host) = host {
                self.start_vm(vm, host);
            }
        }
    }

    /// Starts a VM, within the limits of the product and the memory and processors of the host; one that is saved is read
    /// back from storage.
    pub(super) fn start_vm(&mut self, vm: VmId, host: HostId) {
        let state = self.state.vms[vm.index()].state;
        if !matches!(state, VmState::Off | VmState::Saved) {
            return;
        }
        if let Err(reason) = self.admitted(vm, host) {
            return self.write(Event::VmRefused { vm, reason });
        }
        if state == VmState::Saved {
            let policy = &self.scenario.spec.policies.migration;
            let restore = Plan::quick(policy, self.subject(vm)).quick.restore;
            return self.bring_up(vm, host, restore);
        }
        self.boots(vm, host);
        self.occupy(vm, host);
        self.write(Event::VmStarted { vm, host });
        self.run_vm(vm);
    }

    fn admitted(&self, vm: VmId, host: HostId) -> Result<(), String> {
        let offer = Offer {
            up: self.is_up(host),
            edition: self.kinds.hosts[self.state.hosts[host.index()].group as usize].edition,
            holds: self.running_on(host),
            free: self.memory_free(host),
            takes: self.takes(vm, host),
        };
        admit(&offer, self.newcomer(vm))
    }

    /// What a VM takes of a host's memory. Hyper-V Server 2008 counts what VMs have of their own alone: what it adds is the
    /// parent's.
    pub(super) fn takes(&self, vm: VmId, host: HostId) -> Bytes {
        let own = &self.kinds.vms[self.state.vms[vm.index()].group as usize];
        match self.kinds.hosts[self.state.hosts[host.index()].group as usize].edition {
            Edition::HyperV2008 => own.memory,
            Edition::HyperVR2 | Edition::Modern => own.footprint,
        }
    }

    /// Memory of a host that is neither in use nor reserved.
    pub(super) fn memory_free(&self, host: HostId) -> Bytes {
        let entry = &self.state.hosts[host.index()];
        let memory = self.kinds.hosts[entry.group as usize].memory;
        memory.saturating_sub(entry.memory_used)
    }

    /// A guest boots: what it had touched and seen is forgotten.
    fn boots(&mut self, vm: VmId, host: HostId) {
        self.state.supplies[vm.index()].demand_max = 0.0;
        self.surroundings.starts(self.scenario, vm, host);
    }

    /// Gives a VM its memory on a host.
    fn occupy(&mut self, vm: VmId, host: HostId) {
        let takes = self.takes(vm, host);
        self.touch(host);
        let used = &mut self.state.hosts[host.index()].memory_used;
        *used = used.saturating_add(takes);
        self.state.put(vm, host);
    }

    /// Boots a VM that is off, or reads back one that is saved: it serves `after` that time.
    pub(super) fn bring_up(&mut self, vm: VmId, host: HostId, after: SimDuration) {
        if self.state.vms[vm.index()].state != VmState::Saved {
            self.boots(vm, host);
        }
        self.occupy(vm, host);
        self.state.vms[vm.index()].state = VmState::Restarting;
        self.schedule(self.engine.now() + after, Happening::Serves(vm, host));
    }

    /// Pauses a VM that runs, and writes its memory to its volume.
    pub(super) fn save_vm(&mut self, vm: VmId) {
        let runs = self.state.vms[vm.index()].state == VmState::Running;
        let Some(host) = self.host_of(vm).filter(|_| runs) else {
            return;
        };
        self.halt_vm(vm, VmState::Paused);
        self.write(Event::VmStopped { vm, host });
        let policy = &self.scenario.spec.policies.migration;
        let takes = Plan::quick(policy, self.subject(vm)).quick.save;
        self.schedule(self.engine.now() + takes, Happening::Saved(vm, host));
    }

    /// The memory of a VM is on its volume, if its host has lived until now.
    pub(super) fn saved(&mut self, vm: VmId, host: HostId) {
        let entry = &self.state.vms[vm.index()];
        if entry.state == VmState::Paused && entry.host == Some(host) && !self.moving.contains_key(&vm) {
            self.vacate(vm, VmState::Saved);
            let saved = true;
            self.notices.push_back(Notice::Saved { vm, host, saved });
        }
    }

    /// A VM that was booted or read back serves, if it still is where that began.
    pub(super) fn serves(&mut self, vm: VmId, host: HostId) {
        let entry = &self.state.vms[vm.index()];
        if entry.state == VmState::Restarting && entry.host == Some(host) {
            self.write(Event::VmStarted { vm, host });
            self.run_vm(vm);
        }
    }

    /// Takes a VM off its host, memory and all.
    pub(super) fn vacate(&mut self, vm: VmId, state: VmState) {
        self.halt_vm(vm, state);
        if let Some(host) = self.host_of(vm) {
            let takes = self.takes(vm, host);
            let used = &mut self.state.hosts[host.index()].memory_used;
            *used = used.saturating_sub(takes);
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
}
