//! Accounts: what each VM got, missed and cost while it ran; exact, for between two settlings of a host nothing changes.

use twinrack_control::fabric::VmState;
use twinrack_scenario::HostId;
use twinrack_scenario::units::SimTime;

use super::body::Body;
use crate::model::paging::Paging;

/// What a VM got, missed and cost since the run began.
#[derive(Debug, Clone, Copy, Default)]
pub struct Account {
    /// Seconds it ran.
    pub ran: f64,
    /// Seconds it ran, each weighed by how much it got of the processor time that it asked for.
    pub served: f64,
    /// Processor-seconds it asked for.
    pub asked: f64,
    /// Processor-seconds it got.
    pub got: f64,
    /// Processor-seconds it was ready and waited for others to finish.
    pub ready: f64,
    /// Processor-seconds it was ready and waited for a parked core to wake.
    pub woken: f64,
    /// Processor-seconds it waited for cores on their way out of idle states.
    pub waking: f64,
    /// Processor-seconds in the hypervisor for its paging.
    pub hypervisor: f64,
    /// Processor-seconds of what it got that went into page walks.
    pub walks: f64,
    /// Exits to the hypervisor for its paging.
    pub exits: f64,
}

impl Account {
    fn count(&mut self, seconds: f64, wanted: f64, granted: f64, paging: &Paging) {
        self.ran += seconds;
        self.asked += wanted * seconds;
        self.got += granted * seconds;
        self.ready += (wanted - granted).max(0.0) * seconds;
        self.hypervisor += granted * paging.overhead * seconds;
        self.walks += granted * paging.guest_walk * seconds;
        self.exits += granted * paging.exits_per_s * seconds;
    }
}

impl Body<'_> {
    /// Counts what the VMs of a host got and missed since it was last computed.
    pub(super) fn account(&mut self, host: HostId, now: SimTime) {
        let entry = &mut self.state.hosts[host.index()];
        let seconds = now.since(entry.settled).as_secs_f64();
        entry.settled = now;
        if seconds <= 0.0 {
            return;
        }
        let mode = self.kinds.hosts[entry.group as usize].paging;
        for vm in &entry.vms {
            let vm = &mut self.state.vms[vm.index()];
            if vm.state == VmState::Running {
                let paging = self.kinds.vms[vm.group as usize].paging(mode);
                vm.account.count(seconds, vm.wanted, vm.granted, paging);
                vm.account.served += vm.service() * seconds;
                vm.account.waking += vm.granted * entry.delay * seconds;
            }
        }
    }
}
