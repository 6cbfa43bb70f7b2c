//! The receiving end of a migration: it counts for itself what comes in, so that both ends can be compared.

use twinrack_scenario::MigrationId;
use twinrack_scenario::units::{BitsPerSecond, Bytes, SimTime};

use crate::world::body::Body;

/// Bit-nanoseconds in one byte.
const BYTE: u128 = 8 * 1_000_000_000;

/// What has come in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Arrival {
    /// Bytes of what is over.
    bytes: u64,
    /// Bytes that what comes in now has in all.
    expected: u64,
    /// Bit-nanoseconds of it up to `since`.
    come: u128,
    rate: BitsPerSecond,
    since: SimTime,
}

impl Arrival {
    /// So many bytes are announced.
    pub const fn expect(&mut self, now: SimTime, bytes: Bytes) {
        (self.expected, self.come) = (bytes.0, 0);
        (self.rate, self.since) = (BitsPerSecond(0), now);
    }

    /// From now on they come at such a rate.
    pub fn come_at(&mut self, now: SimTime, rate: BitsPerSecond) {
        let nanos = u128::from(now.since(self.since).as_nanos());
        let all = u128::from(self.expected) * BYTE;
        self.come = (self.come + u128::from(self.rate.0) * nanos).min(all);
        (self.rate, self.since) = (rate, now);
    }

    /// Nothing more comes of what was announced.
    pub fn close(&mut self, now: SimTime) {
        self.come_at(now, BitsPerSecond(0));
        self.bytes += u64::try_from(self.come / BYTE).unwrap_or(u64::MAX);
        self.expect(now, Bytes::ZERO);
    }

    /// Bytes that have come in all, without those of what is under way.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Body<'_> {
    /// The flow of a migration has another rate: the target counts, and receiving costs it other cycles.
    pub(super) fn receive(&mut self, now: SimTime, id: MigrationId) {
        let Some(entry) = self.moves.get_mut(&id) else {
            return;
        };
        let network = &mut self.links.networks[entry.network];
        let rate = entry
            .flow
            .map_or(BitsPerSecond(0), |flow| network.fluid.rate(flow.id));
        entry.arrival.come_at(now, rate);
        let target = &self.kinds.hosts[self.state.hosts[entry.to.index()].group as usize];
        let cycles = rate.as_f64() / 8.0 * target.receiver.parent().cycles_per_byte(network.mtu);
        network.cycles.replace(now, entry.cycles, cycles);
        entry.cycles = cycles;
    }
}
