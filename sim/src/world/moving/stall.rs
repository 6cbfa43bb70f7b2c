//! A migration whose network carries nothing: its connection waits, sends again, and in the end gives up.

use twinrack_control::migration::Input;
use twinrack_scenario::MigrationId;
use twinrack_scenario::units::{BitsPerSecond, SimTime};

use super::thread::lower;
use crate::world::body::{Body, Happening};

/// A connection over which nothing comes through.
#[derive(Debug, Clone, Copy)]
pub struct Stall {
    /// How often it was sent again.
    made: u32,
    /// When the present wait is over.
    due: SimTime,
}

impl Body<'_> {
    /// Where the link of either end is cut, the connection waits from now on. That the link is back it finds out
    /// only when it sends again: until then it gets nothing.
    pub(super) fn stall_if_cut(&mut self, now: SimTime, id: MigrationId) {
        let Some((entry, flow)) = self.moves.get(&id).and_then(|entry| Some((entry, entry.flow?))) else {
            return;
        };
        if entry.stall.is_some() || self.is_connected(id) {
            return;
        }
        let network = &mut self.links.networks[entry.network];
        network.fluid.set_cap(flow.id, Some(BitsPerSecond::ZERO));
        self.links.touch(entry.network);
        self.pages_follow(now, id, 0.0);
        self.wait(now, id, 0);
    }

    /// What was not acknowledged is sent again: the transfer goes on, or waits once more, or the connection is lost.
    pub(in crate::world) fn retransmit(&mut self, now: SimTime, id: MigrationId) {
        let Some(entry) = self.moves.get_mut(&id) else {
            return;
        };
        let due = entry.stall.filter(|stall| stall.due == now);
        let Some((stall, flow)) = due.zip(entry.flow) else {
            return;
        };
        let (network, retransmission) = (entry.network, entry.retransmission);
        if retransmission.gives_up(stall.made) {
            entry.stall = None;
            return self.tell(id, Input::LinkLost);
        }
        if !self.is_connected(id) {
            return self.wait(now, id, stall.made + 1);
        }
        if let Some(entry) = self.moves.get_mut(&id) {
            entry.stall = None;
        }
        let cap = lower(flow.cap, self.thread_limit(id));
        self.links.networks[network].fluid.set_cap(flow.id, cap);
        self.links.touch(network);
    }

    fn wait(&mut self, now: SimTime, id: MigrationId, made: u32) {
        let Some(entry) = self.moves.get_mut(&id) else {
            return;
        };
        let due = now + entry.retransmission.wait(made);
        entry.stall = Some(Stall { made, due });
        self.schedule(due, Happening::Retransmission(id));
    }

    /// Whether the links of both ends carry anything.
    fn is_connected(&self, id: MigrationId) -> bool {
        self.moves.get(&id).is_some_and(|entry| {
            let fluid = &self.links.networks[entry.network].fluid;
            fluid.is_linked(entry.from.0) && fluid.is_linked(entry.to.0)
        })
    }
}
