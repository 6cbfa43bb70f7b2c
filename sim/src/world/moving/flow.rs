//! The bytes of a migration on their way: a flow of the network, whose rate decides when a round is over and what sending costs.

use twinrack_control::migration::Until;
use twinrack_scenario::MigrationId;
use twinrack_scenario::units::{BitsPerSecond, Bytes, Ratio, SimDuration, SimTime};

use super::super::body::{Body, Happening};
use super::super::links::{Owner, reached};
use super::thread::lower;
use super::{Done, Move};
use crate::model::dirtying::DirtyTracker;
use crate::model::network::{FlowId, Size};

/// What a migration is sending.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    pub(super) id: FlowId,
    pub(super) done: Done,
    pub(super) began: SimTime,
    pub(super) wire: Bytes,
    pub(super) until: Until,
    pub(super) cap: Option<BitsPerSecond>,
}

impl Body<'_> {
    pub(super) fn send(
        &mut self,
        id: MigrationId,
        wire: Bytes,
        limit: Option<BitsPerSecond>,
        done: Done,
        until: Until,
    ) {
        let now = self.engine.now();
        let thread = self.thread_limit(id);
        let Some(entry) = self.moves.get_mut(&id) else {
            return;
        };
        let network = &mut self.links.networks[entry.network];
        let efficiency = reached(self.scenario);
        let cap = lower(limit, network.goodput).map(|cap| cap.times(efficiency));
        let (owner, ends, size) = (Owner::Migration(id), (entry.from, entry.to), Size::Transfer(wire));
        let weight = self.scenario.spec.policies.migration.weight;
        let flow = network.start(now, owner, ends, size, weight, lower(cap, thread));
        entry.arrival.expect(now, wire);
        entry.flow = Some(Flow {
            id: flow,
            done,
            began: now,
            wire,
            until,
            cap,
        });
        self.stall_if_cut(now, id);
    }

    /// The flow of a migration has another rate, or ended: looks again when a round ends that ends early, and what
    /// sending costs processors.
    pub(in super::super) fn rate_changed(&mut self, now: SimTime, id: MigrationId) {
        let cost = f64::from(self.scenario.spec.policies.migration.cost.send_nanos_per_byte) / 1e9;
        let rate = self.rate_of(id);
        self.receive(now, id);
        let Some(entry) = self.moves.get_mut(&id) else {
            return;
        };
        let (from, to, before, work) = (entry.from, entry.to, entry.work, rate * cost);
        entry.work = work;
        if (work - before).abs() > 1e-12 {
            for host in [from, to] {
                self.touch(host);
                self.state.hosts[host.index()].migration_work += work - before;
            }
        }
        self.note_progress(now, id);
        self.pages_follow(now, id, rate);
        self.pages_logged(now, id, rate);
        self.look_ahead(now, id, rate);
        self.stall_if_cut(now, id);
    }

    /// The VM may write at another share of its stated rates.
    pub(in super::super) fn share_changed(&mut self, now: SimTime, id: MigrationId, share: Ratio) {
        let entry = self.moves.get_mut(&id);
        let Some(entry) = entry.filter(|entry| entry.share.0.to_bits() != share.0.to_bits()) else {
            return;
        };
        entry.share = share;
        self.note_progress(now, id);
        if let Some(tracker) = self.moves.get_mut(&id).and_then(|entry| entry.tracker.as_mut()) {
            tracker.set_share(now, share);
            // A guest that writes more has more left out, and its round is over earlier.
            if tracker.leaves_out() {
                let rate = self.rate_of(id);
                self.look_ahead(now, id, rate);
            }
        }
    }

    /// What the flow of a migration gets, in bytes a second.
    pub(super) fn rate_of(&self, id: MigrationId) -> f64 {
        self.moves.get(&id).map_or(0.0, |entry| {
            let fluid = &self.links.networks[entry.network].fluid;
            entry.flow.map_or(0.0, |flow| fluid.rate(flow.id).as_f64() / 8.0)
        })
    }

    /// How much of a round was sent so far: which pages are dirty again follows from it when the pace of sending or of
    /// writing changes in between.
    pub(super) fn note_progress(&mut self, now: SimTime, id: MigrationId) {
        let Some(entry) = self.moves.get_mut(&id) else {
            return;
        };
        let Some(flow) = entry.flow.filter(|flow| flow.done == Done::RoundArrived) else {
            return;
        };
        let sent = self.links.networks[entry.network].fluid.sent(now, flow.id);
        if let Some(tracker) = &mut entry.tracker {
            tracker.note_sent(now, sent.as_f64() / flow.wire.as_f64().max(1.0));
        }
    }

    /// Seconds until the flow of a migration has done what it is to, at that many bytes a second; and the bytes that it has
    /// left of all.
    pub(super) fn seconds_left(&self, now: SimTime, entry: &Move, flow: &Flow, rate: f64) -> (f64, f64) {
        let sent = self.links.networks[entry.network].fluid.sent(now, flow.id);
        let left = flow.wire.saturating_sub(sent).as_f64();
        let seconds = flow.until.seconds_left(now.since(flow.began), left, rate);
        let round = flow.done == Done::RoundArrived;
        let tracker = entry.tracker.as_ref().filter(|_| round);
        let swept = tracker.and_then(|tracker| tracker.swept_in(rate / flow.wire.as_f64().max(1.0)));
        (swept.map_or(seconds, |swept| swept.min(seconds)), left)
    }

    fn look_ahead(&mut self, now: SimTime, id: MigrationId, rate: f64) {
        let Some((entry, flow)) = self.moves.get(&id).and_then(|entry| Some((entry, entry.flow?))) else {
            return;
        };
        let leaves_out =
            flow.done == Done::RoundArrived && entry.tracker.as_ref().is_some_and(DirtyTracker::leaves_out);
        if flow.until == Until::MapSent && !leaves_out {
            return;
        }
        let (seconds, left) = self.seconds_left(now, entry, &flow, rate);
        if left <= 0.0 {
            // All is on its way.
            return;
        }
        let Some(entry) = self.moves.get_mut(&id) else {
            return;
        };
        // What was foreseen at another pace no longer holds.
        entry.epoch += u32::from(leaves_out);
        if seconds.is_finite() && left > seconds * rate + 1.0 {
            entry.epoch += 1;
            let epoch = entry.epoch;
            self.schedule(
                now + SimDuration::from_secs_f64(seconds),
                Happening::Step(id, epoch, Done::RoundCut),
            );
        }
    }

    /// A transfer has sent its last byte; it arrives one path latency later.
    pub(in super::super) fn transfer_ended(&mut self, network: usize, flow: FlowId) {
        let Some(Owner::Migration(id)) = self.links.networks[network].owner(flow) else {
            return;
        };
        let Some(entry) = self.moves.get_mut(&id) else {
            return;
        };
        let fluid = &self.links.networks[network].fluid;
        let latency = fluid.latency(entry.from.0, entry.to.0);
        let done = entry.flow.map_or(Done::RoundArrived, |flow| flow.done);
        let turn = if done == Done::RoundArrived {
            entry.turn
        } else {
            SimDuration::ZERO
        };
        entry.epoch += 1;
        self.after(id, latency + turn, done);
    }

    /// Ends the flow of a migration and counts its bytes at both ends.
    pub(super) fn close_flow(&mut self, now: SimTime, id: MigrationId) -> Bytes {
        let Some(entry) = self.moves.get_mut(&id) else {
            return Bytes::ZERO;
        };
        let Some(flow) = entry.flow.take() else {
            return Bytes::ZERO;
        };
        entry.stall = None;
        let sent = self.links.networks[entry.network].stop(now, flow.id);
        entry.sent += sent.0;
        entry.arrival.close(now);
        sent
    }

    pub(super) fn drop_flow(&mut self, now: SimTime, id: MigrationId) {
        self.close_flow(now, id);
    }
}
