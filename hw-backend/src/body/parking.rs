//! Core parking on real processors: the brain is told of load, and what it leaves awake is what the host's agent may run on.

use twinrack_control::controller::Controller;
use twinrack_control::fabric::{Fabric, Notice};
use twinrack_scenario::HostId;
use twinrack_scenario::record::Event;
use twinrack_scenario::units::SimTime;

use super::{Body, Pending, RunError};
use crate::lab::protocol::Ask;

/// An order to a host that is under way: so many awake, decided for a load that has been since then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parked {
    awake: u32,
    since: SimTime,
}

impl Body<'_> {
    /// Tells a brain that wants to know of each host whose load has changed.
    pub(super) fn tell_load(&mut self, brain: &Controller) {
        if !brain.watches_load() {
            return;
        }
        for host in (0..self.host_count()).map(HostId) {
            let busy = self.host(host).busy;
            let entry = &mut self.hosts[host.index()];
            if entry.load.0 != busy {
                entry.load = (busy, self.now);
                self.notices.push_back(Notice::Load(host, busy));
            }
        }
    }

    /// Has a host's agent keep to `awake` of its processors.
    pub(super) fn leave_awake(&mut self, host: HostId, awake: u32) {
        if !self.parks {
            return;
        }
        let since = self.hosts[host.index()].load.1;
        let first = self.first_processor(host);
        let parked = Parked { awake, since };
        self.ask(host, Ask::Park { first, awake }, Pending::Park(parked));
    }

    /// The first of this machine's processors that are a host's: hosts that park have theirs side by side.
    fn first_processor(&self, host: HostId) -> u32 {
        (0..host.0).map(|before| self.processors(HostId(before))).sum()
    }

    /// A host's agent keeps to what was left awake, or could not be brought to.
    pub(super) fn parked(&mut self, host: HostId, parked: Parked, failed: Option<String>) {
        if let Some(why) = failed {
            let host = self.scenario.hosts.name(host.0);
            let source = std::io::Error::other(format!("its processors can't be parked: {why}"));
            self.failure.get_or_insert(RunError::Agent { host, source });
            return;
        }
        let awake = parked.awake;
        let now_parked = self.processors(host).saturating_sub(awake);
        let before = std::mem::replace(&mut self.hosts[host.index()].parked, now_parked);
        let took = self.now.since(parked.since);
        self.meters.parked(self.now, before, now_parked, took);
        let parked = now_parked;
        self.write(Event::CoresParked { host, awake, parked });
    }
}
