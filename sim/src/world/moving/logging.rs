//! Dirty logging as the guest feels it: while its memory is copied, the first write to each page of a round costs it a fault.
//!
//! How many there will be follows from the pace at which the round is sent and the guest writes. They are taken from its
//! processors evenly over what is left of the round, and anew when the pace of sending changes.

use twinrack_control::migration::Until;
use twinrack_scenario::units::{BitsPerSecond, Bytes, Ratio, SimDuration, SimTime};
use twinrack_scenario::{MigrationId, VmId};

use super::{Done, Move};
use crate::model::dirtying::{Guest, fault_load};
use crate::world::body::Body;

/// First writes of the round under way.
#[derive(Debug, Clone, Copy, Default)]
pub struct Logging {
    /// When the round began.
    round: SimTime,
    /// Processor-seconds of faults that were taken from the guest in this round so far.
    taken: f64,
    /// Processors that they take since then.
    load: f64,
    since: SimTime,
    /// Processor-seconds that the rounds which are over have cost.
    pub(super) seconds: f64,
}

impl Logging {
    fn count(&mut self, now: SimTime) {
        self.taken += self.load * now.since(self.since).as_secs_f64();
        self.since = now;
    }
}

impl Body<'_> {
    /// Every page is protected before the first is sent: what is written meanwhile is sent with the full copy.
    pub(super) fn start_log(&mut self, id: MigrationId, first: (Bytes, Option<BitsPerSecond>, Until)) {
        let Some(entry) = self.moves.get_mut(&id) else {
            return;
        };
        entry.first = Some(first);
        let takes = entry.log_start;
        if takes > SimDuration::ZERO {
            return self.after(id, takes, Done::LogStarted);
        }
        self.send_first(id);
    }

    pub(super) fn send_first(&mut self, id: MigrationId) {
        let now = self.engine.now();
        let Some(entry) = self.moves.get_mut(&id) else {
            return;
        };
        if let Some(tracker) = &mut entry.tracker {
            tracker.start(now);
        }
        if let Some((wire, limit, until)) = entry.first.take() {
            self.send(id, wire, limit, Done::RoundArrived, until);
        }
    }

    /// A round is sent at another pace, in bytes a second; or none is.
    pub(super) fn pages_logged(&mut self, now: SimTime, id: MigrationId, rate: f64) {
        let Some(vm) = self.moves.get(&id).map(|entry| entry.vm) else {
            return;
        };
        let fault = self.dirty_fault(vm);
        if fault <= 0.0 && self.state.supplies[vm.index()].logging <= 0.0 {
            return;
        }
        let left = self
            .moves
            .get(&id)
            .and_then(|entry| self.round_left(now, entry, rate));
        let guest = self.guest(vm);
        let Some(entry) = self.moves.get_mut(&id) else {
            return;
        };
        entry.logging.count(now);
        entry.logging.load = 0.0;
        if let Some(((began, seconds), tracker)) = left.zip(entry.tracker.as_ref()) {
            if entry.logging.round != began {
                (entry.logging.round, entry.logging.taken) = (began, 0.0);
            }
            let (end, taken) = (now + SimDuration::from_secs_f64(seconds), entry.logging.taken);
            let faults = |service: f64| {
                let share = Ratio(guest.writing * service);
                (tracker.first_writes(now, end, share) * fault - taken).max(0.0) / seconds
            };
            entry.logging.load = fault_load(&guest, faults);
        }
        let load = entry.logging.load;
        if self.state.supplies[vm.index()].logging.to_bits() != load.to_bits() {
            if let Some(host) = self.host_of(vm) {
                self.touch(host);
            }
            self.state.supplies[vm.index()].logging = load;
        }
    }

    /// A round is over: so many pages were written for the first time in it.
    pub(super) fn round_logged(&mut self, id: MigrationId, pages: u64) {
        let Some(vm) = self.moves.get(&id).map(|entry| entry.vm) else {
            return;
        };
        let seconds = pages as f64 * self.dirty_fault(vm);
        if let Some(entry) = self.moves.get_mut(&id) {
            entry.logging.seconds += seconds;
        }
    }

    /// When the round under way began, and the seconds until it is over.
    fn round_left(&self, now: SimTime, entry: &Move, rate: f64) -> Option<(SimTime, f64)> {
        let flow = entry.flow.filter(|flow| flow.done == Done::RoundArrived)?;
        let (seconds, _) = self.seconds_left(now, entry, &flow, rate);
        (seconds > 0.0 && seconds.is_finite()).then_some((flow.began, seconds))
    }

    fn guest(&self, vm: VmId) -> Guest {
        let (state, supply) = (&self.state.vms[vm.index()], &self.state.supplies[vm.index()]);
        let kind = &self.kinds.vms[state.group as usize];
        let overhead = self.host_of(vm).map_or(0.0, |host| {
            let group = self.state.hosts[host.index()].group as usize;
            kind.paging(self.kinds.hosts[group].paging).overhead
        });
        Guest {
            asks: supply.wanted * (1.0 + overhead),
            processors: f64::from(kind.vcpus),
            service: supply.service(),
            writing: self.asked_to_write(vm),
        }
    }

    /// Seconds that a first write costs a VM where it is.
    fn dirty_fault(&self, vm: VmId) -> f64 {
        self.host_of(vm).map_or(0.0, |host| {
            let group = self.state.hosts[host.index()].group as usize;
            self.kinds.dirty_fault(self.kinds.hosts[group].paging)
        })
    }
}
