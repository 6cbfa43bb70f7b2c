//! Accounts: what each VM got, missed and cost while it ran; exact, for between two settlings of a host nothing changes.

use twinrack_control::fabric::VmState;
use twinrack_scenario::HostId;
use twinrack_scenario::units::SimTime;

use super::body::Body;
use super::state::Supply;
use crate::model::paging::Paging;

/// What a VM got, missed and cost since the run began.
#[derive(Debug, Clone, Copy, Default)]
pub struct Account {
    /// Seconds it ran.
    pub ran: f64,
    /// Seconds it ran, each weighed by how much it got of the processor time that it asked for.
    pub served: f64,
    /// Processor-seconds it asked for, with those that the hypervisor needs for them.
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
    fn count(&mut self, seconds: f64, supply: &Supply, paging: &Paging) {
        let granted = supply.granted;
        self.ran += seconds;
        self.served += supply.service() * seconds;
        self.asked += supply.wanted * (1.0 + paging.overhead) * seconds;
        self.got += granted * seconds;
        self.ready += supply.waiting * seconds;
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
        for id in &entry.vms {
            let vm = &self.state.vms[id.index()];
            if vm.state == VmState::Running {
                let paging = self.kinds.vms[vm.group as usize].paging(mode);
                let supply = &mut self.state.supplies[id.index()];
                let mut account = supply.account;
                account.count(seconds, supply, paging);
                account.waking += supply.granted * entry.delay * seconds;
                supply.account = account;
            }
        }
    }
}
