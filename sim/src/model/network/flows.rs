//! Flows in time: transfers that end when their last byte has arrived, and streams that go on.
//!
//! Between changes a flow has a constant rate, so what it has sent is `rate * time`, counted exactly in bit-nanoseconds;
//! a transfer ends at the first whole nanosecond at which all its bytes are sent, and arrives one path latency later.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use twinrack_scenario::units::{BitsPerSecond, Bytes, SimDuration, SimTime};

use super::sharing::{FlowIndex, Sharing};
use super::topology::{Channel, Topology};

/// Bit-nanoseconds in one byte.
const BYTE: u128 = 8 * 1_000_000_000;

/// Names a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(usize);

impl FlowId {
    /// The number as an index. A flow that was stopped leaves its number to a later one.
    pub const fn index(self) -> usize {
        self.0
    }
}

/// How much a flow has to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// So many bytes.
    Transfer(Bytes),
    /// Without end.
    Stream,
}

#[derive(Debug, Clone, Copy)]
struct Progress {
    size: Size,
    /// Bit-nanoseconds sent up to `since`.
    sent: u128,
    rate: u64,
    since: SimTime,
    version: u32,
}

impl Progress {
    fn sent_at(&self, now: SimTime) -> u128 {
        let sent = self.sent + u128::from(self.rate) * u128::from(now.since(self.since).as_nanos());
        match self.size {
            Size::Transfer(bytes) => sent.min(u128::from(bytes.0) * BYTE),
            Size::Stream => sent,
        }
    }

    fn ends(&self) -> Option<SimTime> {
        let Size::Transfer(bytes) = self.size else {
            return None;
        };
        let left = (u128::from(bytes.0) * BYTE).saturating_sub(self.sent);
        if left == 0 {
            return Some(self.since);
        }
        let nanos = left.div_ceil(u128::from(self.rate).max(1));
        (self.rate > 0)
            .then(|| self.since + SimDuration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }
}

/// The flows of one network.
#[derive(Debug, Clone)]
pub struct FluidNetwork {
    topology: Topology,
    sharing: Sharing,
    hop_latency: SimDuration,
    progress: Vec<Option<Progress>>,
    ends: BinaryHeap<Reverse<(SimTime, FlowIndex, u32)>>,
    versions: u32,
    carried: i128,
}

impl FluidNetwork {
    /// An idle network whose links each delay by `hop_latency`.
    pub fn new(topology: Topology, hop_latency: SimDuration) -> Self {
        let sharing = Sharing::new(topology.capacities());
        Self {
            topology,
            sharing,
            hop_latency,
            progress: Vec::new(),
            ends: BinaryHeap::new(),
            versions: 0,
            carried: 0,
        }
    }

    /// Starts a flow between two hosts; it moves from the next [`settle`](Self::settle) on.
    pub fn start(
        &mut self,
        now: SimTime,
        (from, to): (u32, u32),
        size: Size,
        weight: f64,
        cap: Option<BitsPerSecond>,
    ) -> FlowId {
        let index = self.sharing.add(&self.topology.route(from, to), weight, cap);
        if self.progress.len() <= index {
            self.progress.resize(index + 1, None);
        }
        self.versions = self.versions.wrapping_add(1);
        let progress = Progress {
            size,
            sent: 0,
            rate: 0,
            since: now,
            version: self.versions,
        };
        self.progress[index] = Some(progress);
        self.push_end(index, progress);
        FlowId(index)
    }

    /// Ends a flow; gives the bytes it has sent.
    pub fn stop(&mut self, now: SimTime, flow: FlowId) -> Bytes {
        let Some(progress) = self.progress.get_mut(flow.0).and_then(Option::take) else {
            return Bytes::ZERO;
        };
        self.carried -= i128::from(progress.rate);
        self.sharing.remove(flow.0);
        Bytes(u64::try_from(progress.sent_at(now) / BYTE).unwrap_or(u64::MAX))
    }

    /// The bytes a flow has sent so far.
    pub fn sent(&self, now: SimTime, flow: FlowId) -> Bytes {
        let progress = self.progress.get(flow.0).and_then(Option::as_ref);
        Bytes(progress.map_or(0, |progress| {
            u64::try_from(progress.sent_at(now) / BYTE).unwrap_or(u64::MAX)
        }))
    }

    /// Changes what a flow may get at most.
    pub fn set_cap(&mut self, flow: FlowId, cap: Option<BitsPerSecond>) {
        self.sharing.set_cap(flow.0, cap);
    }

    /// Changes what a host's link carries, out of the host and into it.
    pub fn set_link(&mut self, host: u32, capacities: [BitsPerSecond; 2]) {
        for (channel, capacity) in self.topology.host_channels(host).into_iter().zip(capacities) {
            self.sharing.set_capacity(channel, capacity);
        }
    }

    /// Whether a host's link carries anything, in both directions.
    pub fn is_linked(&self, host: u32) -> bool {
        let [out, back] = self.topology.host_channels(host);
        self.sharing.carries(out) && self.sharing.carries(back)
    }

    /// Shares the links anew after changes; gives the flows whose rate is another now.
    pub fn settle(&mut self, now: SimTime) -> Vec<FlowId> {
        let changed = self.sharing.settle();
        for &index in &changed {
            let rate = self.sharing.rate(index).0;
            let Some(progress) = self.progress.get_mut(index).and_then(Option::as_mut) else {
                continue;
            };
            self.carried += i128::from(rate) - i128::from(progress.rate);
            self.versions = self.versions.wrapping_add(1);
            *progress = Progress {
                sent: progress.sent_at(now),
                rate,
                since: now,
                version: self.versions,
                ..*progress
            };
            let progress = *progress;
            self.push_end(index, progress);
        }
        self.forget_past_ends();
        changed.into_iter().map(FlowId).collect()
    }

    /// When the next transfer has sent its last byte.
    pub fn next_end(&mut self) -> Option<SimTime> {
        loop {
            let Reverse((at, index, version)) = *self.ends.peek()?;
            if self.is_current(index, version) {
                return Some(at);
            }
            self.ends.pop();
        }
    }

    /// Takes the transfers that have sent their last byte by `now`, in the order of their ends.
    pub fn take_ended(&mut self, now: SimTime) -> Vec<FlowId> {
        let mut ended = Vec::new();
        while self.next_end().is_some_and(|at| at <= now) {
            if let Some(Reverse((_, index, _))) = self.ends.pop() {
                ended.push(FlowId(index));
            }
        }
        ended
    }

    /// What a flow gets.
    pub fn rate(&self, flow: FlowId) -> BitsPerSecond {
        self.sharing.rate(flow.0)
    }

    /// What all flows get together, bits per second.
    pub const fn carried(&self) -> f64 {
        self.carried as f64
    }

    /// One-way delay between two hosts.
    pub fn latency(&self, from: u32, to: u32) -> SimDuration {
        self.hop_latency
            .saturating_mul(u64::from(self.topology.hops(from, to)))
    }

    /// The channels of a host's link.
    pub fn host_channels(&self, host: u32) -> [Channel; 2] {
        self.topology.host_channels(host)
    }

    /// Each change of a rate leaves an end behind that no longer comes: most of the queue must never be such.
    fn forget_past_ends(&mut self) {
        if self.ends.len() > 64 + 4 * self.progress.len() {
            let mut ends = std::mem::take(&mut self.ends);
            ends.retain(|Reverse((_, index, version))| self.is_current(*index, *version));
            self.ends = ends;
        }
    }

    fn is_current(&self, index: FlowIndex, version: u32) -> bool {
        self.progress
            .get(index)
            .and_then(Option::as_ref)
            .is_some_and(|progress| progress.version == version)
    }

    fn push_end(&mut self, index: FlowIndex, progress: Progress) {
        if let Some(at) = progress.ends() {
            self.ends.push(Reverse((at, index, progress.version)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GBPS: BitsPerSecond = BitsPerSecond(1_000_000_000);

    fn network(hosts: usize) -> FluidNetwork {
        FluidNetwork::new(Topology::star(vec![GBPS; hosts]), SimDuration::from_nanos(5_000))
    }

    #[test]
    fn two_transfers_share_until_one_ends() {
        let mut network = network(3);
        let start = SimTime::ZERO;
        let short = network.start(start, (0, 2), Size::Transfer(Bytes(125_000_000)), 1.0, None);
        let long = network.start(start, (1, 2), Size::Transfer(Bytes(250_000_000)), 1.0, None);
        network.settle(start);
        // 1 Gb into host 2 at 500 Mb/s each: the short one ends after 2 s; the other has 1 Gb left, at full rate 1 s.
        assert_eq!(network.next_end(), Some(SimTime::from_secs(2)));
        let now = SimTime::from_secs(2);
        assert_eq!(network.take_ended(now), [short]);
        assert_eq!(network.stop(now, short), Bytes(125_000_000));
        network.settle(now);
        assert_eq!(network.next_end(), Some(SimTime::from_secs(3)));
        assert_eq!(network.stop(SimTime::from_secs(3), long), Bytes(250_000_000));
        assert!(network.carried().abs() < 1e-6);
    }

    #[test]
    fn a_cut_link_stops_its_flows() {
        let mut network = network(2);
        let flow = network.start(
            SimTime::ZERO,
            (0, 1),
            Size::Transfer(Bytes(125_000_000)),
            1.0,
            None,
        );
        network.settle(SimTime::ZERO);
        network.set_link(1, [BitsPerSecond::ZERO; 2]);
        network.settle(SimTime::from_millis(500));
        assert_eq!(
            (network.next_end(), network.rate(flow)),
            (None, BitsPerSecond::ZERO)
        );
        network.set_link(1, [GBPS; 2]);
        network.settle(SimTime::from_secs(10));
        assert_eq!(network.next_end(), Some(SimTime::from_millis(10_500)));
    }

    #[test]
    fn streams_take_bandwidth_and_never_end() {
        let mut network = network(2);
        network.start(
            SimTime::ZERO,
            (0, 1),
            Size::Stream,
            1.0,
            Some(BitsPerSecond(300_000_000)),
        );
        let transfer = network.start(
            SimTime::ZERO,
            (0, 1),
            Size::Transfer(Bytes(87_500_000)),
            1.0,
            None,
        );
        network.settle(SimTime::ZERO);
        assert_eq!(network.rate(transfer), BitsPerSecond(700_000_000));
        assert_eq!(network.next_end(), Some(SimTime::from_secs(1)));
    }
}
