//! Post-copy as the guest feels it: while its pages follow, it waits for those it touches too early and gets less done.

use twinrack_scenario::MigrationId;
use twinrack_scenario::record::Event;
use twinrack_scenario::units::{Ratio, SimDuration, SimTime};

use super::Done;
use crate::model::postcopy::faults;
use crate::world::body::Body;

/// A guest whose pages follow it.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    /// What one page that it touches too early costs it.
    latency: SimDuration,
    /// Share of its processor time that it waits, since when.
    slowdown: Ratio,
    since: SimTime,
    /// Seconds that it waited, over all its virtual processors.
    stalled: f64,
}

impl Waiting {
    pub(super) const fn new(now: SimTime, latency: SimDuration) -> Self {
        Self {
            latency,
            slowdown: Ratio::ZERO,
            since: now,
            stalled: 0.0,
        }
    }

    fn account(&mut self, now: SimTime, vcpus: f64) {
        self.stalled += self.slowdown.0 * now.since(self.since).as_secs_f64() * vcpus;
        self.since = now;
    }
}

impl Body<'_> {
    /// The pages follow at another pace, in bytes a second: a slower sweep leaves more of them to be touched too early.
    pub(super) fn pages_follow(&mut self, now: SimTime, id: MigrationId, rate: f64) {
        let Some(entry) = self.moves.get(&id) else { return };
        let (vm, share) = (entry.vm, entry.share);
        let vcpus = self.kinds.vms[self.state.vms[vm.index()].group as usize].vcpus;
        let Some((waiting, flow, tracker)) = entry.waiting.zip(entry.flow).and_then(|(waiting, flow)| {
            let tracker = entry.tracker.as_ref().filter(|_| flow.done == Done::Fetched)?;
            Some((waiting, flow, tracker))
        }) else {
            return;
        };
        let slowdown = if rate > 0.0 {
            let sweep = SimDuration::from_secs_f64(flow.wire.as_f64() / rate);
            faults(tracker, sweep, waiting.latency, vcpus, share).slowdown
        } else {
            // Nothing comes: it stands at the first page that it lacks.
            Ratio::ONE
        };
        self.slow_down(now, id, slowdown);
    }

    /// The last page has come: tells what the guest waited for.
    pub(super) fn pages_came(&mut self, now: SimTime, id: MigrationId) {
        self.slow_down(now, id, Ratio::ZERO);
        let waiting = self.moves.get_mut(&id).and_then(|entry| entry.waiting.take());
        if let Some(Waiting { latency, stalled, .. }) = waiting {
            let each = latency.as_secs_f64();
            self.write(Event::MigrationFaulted {
                migration: id,
                pages: if each > 0.0 { (stalled / each) as u64 } else { 0 },
                stalled_nanos: SimDuration::from_secs_f64(stalled).as_nanos(),
            });
        }
    }

    fn slow_down(&mut self, now: SimTime, id: MigrationId, slowdown: Ratio) {
        let Some(entry) = self.moves.get_mut(&id) else {
            return;
        };
        let vcpus = self.kinds.vms[self.state.vms[entry.vm.index()].group as usize].vcpus;
        if let Some(waiting) = &mut entry.waiting {
            waiting.account(now, f64::from(vcpus));
            waiting.slowdown = slowdown;
            self.throttle(now, id, slowdown);
        }
    }
}
