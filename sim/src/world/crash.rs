//! What happens to hosts: losing power, being switched off, coming back.

use twinrack_control::fabric::{HostState, Notice, VmState};
use twinrack_scenario::record::Event;
use twinrack_scenario::units::SimTime;
use twinrack_scenario::{HostId, VmId};

use super::body::{Body, Happening};

impl Body<'_> {
    /// A host loses power.
    pub(super) fn crash(&mut self, host: HostId) {
        if self.state.hosts[host.index()].state == HostState::Dead {
            return;
        }
        self.touch(host);
        // VMs in the middle of a hand-over are the migration's: it knows whether they are lost.
        let lost: Vec<VmId> = self.state.hosts[host.index()]
            .vms
            .iter()
            .copied()
            .filter(|vm| match self.state.vms[vm.index()].state {
                VmState::Running | VmState::Restarting => true,
                VmState::Paused => !self.moving.contains_key(vm),
                VmState::Off | VmState::Saved => false,
            })
            .collect();
        self.write(Event::HostCrashed { host });
        self.goes_down(host, HostState::Dead);
        for vm in &lost {
            self.lose_vm(*vm);
        }
        self.notices.push_back(Notice::HostDied(host, lost));
    }

    /// A host is in another state, in which no VM runs on it; one that was up is counted no longer.
    fn goes_down(&mut self, host: HostId, state: HostState) {
        let now = self.engine.now();
        let entry = &mut self.state.hosts[host.index()];
        if std::mem::replace(&mut entry.state, state) == HostState::Up {
            self.meters.host_up(now, entry, &self.kinds, false);
        }
    }

    /// Switches an empty host off.
    pub(super) fn switch_off(&mut self, host: HostId) {
        if !self.is_up(host) || !self.state.hosts[host.index()].vms.is_empty() {
            return;
        }
        self.touch(host);
        self.goes_down(host, HostState::Off);
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
}
