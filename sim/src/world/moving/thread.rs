//! A migration is sent by one thread and received by another: it goes no faster than the processors that these two get.
//!
//! ```text
//! limit = min(p_from, p_to) / c        p processors that the thread can have, 1 at most; c seconds for a byte
//! ```

use twinrack_scenario::units::BitsPerSecond;
use twinrack_scenario::{HostId, MigrationId};

use crate::world::body::Body;

/// The lower of two limits, of which either may be none.
pub(super) fn lower(a: Option<BitsPerSecond>, b: Option<BitsPerSecond>) -> Option<BitsPerSecond> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl Body<'_> {
    /// What the threads of a migration can send and receive at most; no limit where a byte takes no time.
    pub(super) fn thread_limit(&self, id: MigrationId) -> Option<BitsPerSecond> {
        let entry = self.moves.get(&id)?;
        let nanos = self.scenario.spec.policies.migration.cost.send_nanos_per_byte;
        let processors = [entry.from, entry.to].map(|host| self.state.hosts[host.index()].thread);
        (nanos > 0).then(|| {
            let bytes = processors[0].min(processors[1]) * 1e9 / f64::from(nanos);
            BitsPerSecond((bytes * 8.0) as u64)
        })
    }

    /// The threads of migrations can have another part of a host's processors.
    pub(in crate::world) fn threads_changed(&mut self, host: HostId) {
        let concerned: Vec<MigrationId> = self
            .moves
            .iter()
            .filter(|(_, entry)| entry.stall.is_none() && (entry.from == host || entry.to == host))
            .map(|(id, _)| *id)
            .collect();
        for id in concerned {
            let limit = self.thread_limit(id);
            let Some((network, flow)) = self
                .moves
                .get(&id)
                .and_then(|entry| Some((entry.network, entry.flow?)))
            else {
                continue;
            };
            self.links.networks[network]
                .fluid
                .set_cap(flow.id, lower(flow.cap, limit));
            self.links.touch(network);
        }
    }
}
