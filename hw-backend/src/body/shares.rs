//! A link shared by migrations and streams of guests: each is granted its max-min fair share, at its source, and anew whenever one begins to
//! send or ends.
//!
//! Each takes of what its source's adapter can send and of what its target's can take in, on its network (Bertsekas and Gallager,
//! *Data Networks*, 1992, section 6.5.2: fill all alike until a link is full, fix those that go over it, go on with the others).

use std::collections::BTreeMap;

use twinrack_scenario::units::BitsPerSecond;
use twinrack_scenario::{HostId, MigrationId, NetworkId};

use super::Body;
use crate::lab::protocol::Ask;

/// One way of a host's adapter to a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Out(Option<NetworkId>, HostId),
    In(Option<NetworkId>, HostId),
}

/// A sender: its two ways, and what it asks for at most.
#[derive(Debug, Clone, Copy)]
struct Flow {
    ways: [Way; 2],
    most: f64,
}

/// The max-min fair shares of flows, in bits each second, where each way carries what `capacity` says.
fn shares(flows: &[Flow], capacity: impl Fn(Way) -> f64) -> Vec<f64> {
    let mut left: BTreeMap<Way, f64> = BTreeMap::new();
    for way in flows.iter().flat_map(|flow| flow.ways) {
        left.entry(way).or_insert_with(|| capacity(way));
    }
    let mut fixed: Vec<Option<f64>> = vec![None; flows.len()];
    while fixed.contains(&None) {
        let open = |way: &Way| {
            let crossing = flows.iter().zip(&fixed);
            crossing
                .filter(|(flow, share)| share.is_none() && flow.ways.contains(way))
                .count()
        };
        // What the next to be fixed gets: the fair part of the fullest way, or all that it asks for.
        let parts = left.iter().filter_map(|(way, left)| match open(way) {
            0 => None,
            flows => Some(left / flows as f64),
        });
        let asked = flows
            .iter()
            .zip(&fixed)
            .filter(|(_, share)| share.is_none())
            .map(|(flow, _)| flow.most);
        let level = parts.chain(asked).fold(f64::INFINITY, f64::min);
        let full: Vec<Way> = left
            .iter()
            .filter(|(way, left)| open(way) > 0 && **left / open(way) as f64 <= level)
            .map(|(way, _)| *way)
            .collect();
        for (flow, share) in flows.iter().zip(&mut fixed) {
            if share.is_none() && (flow.most <= level || flow.ways.iter().any(|way| full.contains(way))) {
                *share = Some(level);
                for way in flow.ways {
                    if let Some(left) = left.get_mut(&way) {
                        *left = (*left - level).max(0.0);
                    }
                }
            }
        }
    }
    fixed.into_iter().flatten().collect()
}

impl Body<'_> {
    /// What a link carries of payload, and of that what a fault has left.
    fn capacity(&self, way: Way) -> f64 {
        let (Way::Out(network, host) | Way::In(network, host)) = way;
        let slowed = network.and_then(|network| self.slowed.get(&(network, host)));
        self.link_rate(network).as_f64() * slowed.map_or(1.0, |remains| remains.0)
    }

    /// Grants each migration and each stream that sends its share, where that has changed.
    pub(super) fn share_links(&mut self) {
        let sending: Vec<(MigrationId, Flow)> = self
            .moves
            .iter()
            .filter_map(|(id, entry)| {
                let most = entry.sending()?.as_f64();
                let (network, from, to) = entry.route();
                let ways = [Way::Out(network, from), Way::In(network, to)];
                Some((*id, Flow { ways, most }))
            })
            .collect();
        let streams = self.flowing();
        let stream_flows = streams.iter().map(|(number, from, to)| {
            let network = self.lanes[*number].network(self.scenario);
            let ways = [Way::Out(network, *from), Way::In(network, *to)];
            let most = self.lanes[*number].rate().as_f64();
            Flow { ways, most }
        });
        let flows: Vec<Flow> = sending
            .iter()
            .map(|(_, flow)| *flow)
            .chain(stream_flows)
            .collect();
        let mut shares = shares(&flows, |way| self.capacity(way));
        let of_streams = shares.split_off(sending.len());
        for ((number, from, _), share) in streams.into_iter().zip(of_streams) {
            self.grant_stream(number, from, BitsPerSecond(share as u64));
        }
        for ((migration, _), share) in sending.into_iter().zip(shares) {
            let rate = BitsPerSecond(share as u64);
            let Some(entry) = self.moves.get_mut(&migration) else {
                continue;
            };
            if entry.granted.replace(rate) != Some(rate) {
                let from = entry.route().1;
                self.order(from, Ask::Grant { migration, rate });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(from: u32, to: u32, most: f64) -> Flow {
        let ways = [Way::Out(None, HostId(from)), Way::In(None, HostId(to))];
        Flow { ways, most }
    }

    fn of(flows: &[Flow]) -> Vec<f64> {
        shares(flows, |_| 12.0)
    }

    #[test]
    fn flows_that_share_nothing_have_all_of_it() {
        let free = f64::INFINITY;
        assert_eq!(of(&[flow(0, 1, free), flow(2, 3, free)]), [12.0, 12.0]);
        assert!(of(&[]).is_empty());
    }

    #[test]
    fn what_one_can_not_use_is_the_others() {
        let free = f64::INFINITY;
        // Three leave host 0; one of them goes to a host that two more send to; one asks for little.
        assert_eq!(
            of(&[flow(0, 1, free), flow(0, 2, free), flow(0, 3, 1.0)]),
            [5.5, 5.5, 1.0]
        );
        assert_eq!(
            of(&[
                flow(0, 1, free),
                flow(0, 2, free),
                flow(3, 2, free),
                flow(4, 2, free)
            ]),
            [8.0, 4.0, 4.0, 4.0]
        );
    }
}
