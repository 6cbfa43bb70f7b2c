//! Topology: hosts, switches and full-duplex links, each link two channels of its own capacity.
//!
//! The structure is a `petgraph` graph; what is known of its shape gives the routes: a star has one, a k-ary fat tree
//! (Al-Fares, Loukissas and Vahdat, SIGCOMM 2008) has `(k/2)^2` between pods, of which the pair of hosts picks one by a
//! fixed hash, as equal-cost multi-path routing does.

use petgraph::graph::{DiGraph, NodeIndex};
use twinrack_scenario::units::BitsPerSecond;

/// One direction of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(pub u32);

impl Channel {
    /// The number as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A network of hosts, numbered from 0.
#[derive(Debug, Clone)]
pub struct Topology {
    graph: DiGraph<(), BitsPerSecond, u32>,
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Node 0 is the switch, host `h` is node `h + 1`.
    Star,
    /// Hosts first, then edge, aggregation and core switches.
    FatTree(FatTree),
}

impl Topology {
    /// One switch that never blocks, and a link from it to each host.
    pub fn star(links: impl IntoIterator<Item = BitsPerSecond>) -> Self {
        let mut graph = DiGraph::default();
        let switch = graph.add_node(());
        for speed in links {
            let host = graph.add_node(());
            connect(&mut graph, host, switch, speed);
        }
        Self {
            graph,
            shape: Shape::Star,
        }
    }

    /// The smallest k-ary fat tree that holds `hosts`, all links of one speed.
    pub fn fat_tree(hosts: u32, speed: BitsPerSecond) -> Self {
        let mut k = 2u32;
        while k * k * k / 4 < hosts {
            k += 2;
        }
        let (half, mut graph) = (k / 2, DiGraph::default());
        let tree = FatTree { k, connected: hosts };
        for _ in 0..tree.core(0, 0) + half * half {
            graph.add_node(());
        }
        for host in 0..hosts {
            connect(&mut graph, node(host), node(tree.edge_of(host)), speed);
        }
        for pod in 0..k {
            for edge in 0..half {
                for aggregation in 0..half {
                    connect(
                        &mut graph,
                        node(tree.edge(pod, edge)),
                        node(tree.aggregation(pod, aggregation)),
                        speed,
                    );
                }
            }
            for aggregation in 0..half {
                for core in 0..half {
                    connect(
                        &mut graph,
                        node(tree.aggregation(pod, aggregation)),
                        node(tree.core(aggregation, core)),
                        speed,
                    );
                }
            }
        }
        Self {
            graph,
            shape: Shape::FatTree(tree),
        }
    }

    /// How many channels there are.
    pub fn channels(&self) -> usize {
        self.graph.edge_count()
    }

    /// The capacity of each channel, in order.
    pub fn capacities(&self) -> impl Iterator<Item = BitsPerSecond> + '_ {
        self.graph.edge_weights().copied()
    }

    /// The channels from the host to the network and from the network to the host.
    pub fn host_channels(&self, host: u32) -> [Channel; 2] {
        // Links of hosts were added first, in order, each direction in turn.
        [Channel(2 * host), Channel(2 * host + 1)]
    }

    /// The channels from one host to another, in order; none from a host to itself.
    ///
    /// Channels are numbered in the order in which they were added, so that no edge has to be searched for.
    pub fn route(&self, from: u32, to: u32) -> Vec<Channel> {
        if from == to {
            return Vec::new();
        }
        match self.shape {
            Shape::Star => vec![Channel(2 * from), Channel(2 * to + 1)],
            Shape::FatTree(tree) => tree.route(from, to),
        }
    }

    /// How many channels there are from one host to another.
    pub const fn hops(&self, from: u32, to: u32) -> u32 {
        if from == to {
            return 0;
        }
        match self.shape {
            Shape::Star => 2,
            Shape::FatTree(tree) => tree.hops(from, to),
        }
    }
}

fn node(index: u32) -> NodeIndex<u32> {
    NodeIndex::new(index as usize)
}

fn connect(
    graph: &mut DiGraph<(), BitsPerSecond, u32>,
    a: NodeIndex<u32>,
    b: NodeIndex<u32>,
    speed: BitsPerSecond,
) {
    graph.add_edge(a, b, speed);
    graph.add_edge(b, a, speed);
}

/// Numbers of nodes and channels of a k-ary fat tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FatTree {
    k: u32,
    /// Hosts that have a link; the last places may be empty.
    connected: u32,
}

impl FatTree {
    const fn half(self) -> u32 {
        self.k / 2
    }

    const fn hosts(self) -> u32 {
        self.k * self.k * self.k / 4
    }

    const fn edge(self, pod: u32, index: u32) -> u32 {
        self.hosts() + pod * self.half() + index
    }

    const fn edge_of(self, host: u32) -> u32 {
        self.hosts() + host / self.half()
    }

    const fn aggregation(self, pod: u32, index: u32) -> u32 {
        self.hosts() + self.k * self.half() + pod * self.half() + index
    }

    const fn core(self, aggregation: u32, index: u32) -> u32 {
        self.hosts() + 2 * self.k * self.half() + aggregation * self.half() + index
    }

    const fn pod_of(self, host: u32) -> u32 {
        host / (self.half() * self.half())
    }

    /// The channel up from an edge switch to an aggregation switch, both by their places in the pod; the next is down.
    const fn up_from_edge(self, pod: u32, edge: u32, aggregation: u32) -> u32 {
        let half = self.half();
        2 * (self.connected + pod * 2 * half * half + edge * half + aggregation)
    }

    /// The channel up from an aggregation switch to one of its core switches; the next is down.
    const fn up_from_aggregation(self, pod: u32, aggregation: u32, core: u32) -> u32 {
        let half = self.half();
        2 * (self.connected + pod * 2 * half * half + half * half + aggregation * half + core)
    }

    const fn hops(self, from: u32, to: u32) -> u32 {
        if self.edge_of(from) == self.edge_of(to) {
            2
        } else if self.pod_of(from) == self.pod_of(to) {
            4
        } else {
            6
        }
    }

    fn route(self, from: u32, to: u32) -> Vec<Channel> {
        let (first, last) = (2 * from, 2 * to + 1);
        let half = self.half();
        let place = |host: u32| (self.pod_of(host), host / half % half);
        let ((pod_from, edge_from), (pod_to, edge_to)) = (place(from), place(to));
        let pick = mix(u64::from(from) << 32 | u64::from(to));
        let by = (pick % u64::from(half)) as u32;
        let up = self.up_from_edge(pod_from, edge_from, by);
        let down = self.up_from_edge(pod_to, edge_to, by) + 1;
        let channels: &[u32] = match self.hops(from, to) {
            2 => &[first, last],
            4 => &[first, up, down, last],
            _ => {
                let core = ((pick >> 32) % u64::from(half)) as u32;
                let over = self.up_from_aggregation(pod_from, by, core);
                let back = self.up_from_aggregation(pod_to, by, core) + 1;
                &[first, up, over, back, down, last]
            }
        };
        channels.iter().copied().map(Channel).collect()
    }
}

/// The finaliser of `SplitMix64` (Steele, Lea and Flood, 2014): a fixed hash of a pair of hosts.
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use petgraph::graph::EdgeIndex;

    use super::*;

    const GBPS: BitsPerSecond = BitsPerSecond(1_000_000_000);

    #[test]
    fn a_star_has_two_hops() {
        let star = Topology::star([GBPS; 3]);
        assert_eq!(star.route(0, 2), [Channel(0), Channel(5)]);
        assert_eq!(star.route(1, 1), []);
        assert_eq!(star.host_channels(2), [Channel(4), Channel(5)]);
    }

    #[test]
    fn a_fat_tree_has_two_four_or_six_hops() {
        let tree = Topology::fat_tree(16, GBPS);
        // k = 4: 16 hosts, two under each edge switch, four in each pod; 16 + 16 + 16 links of two channels.
        assert_eq!(tree.channels(), 96);
        assert_eq!(
            [(0, 1), (0, 2), (0, 15)].map(|(a, b)| tree.route(a, b).len()),
            [2, 4, 6]
        );
        for (from, to) in (0..16)
            .flat_map(|a| (0..16).map(move |b| (a, b)))
            .filter(|(a, b)| a != b)
        {
            let route = tree.route(from, to);
            assert_eq!(route[0], tree.host_channels(from)[0]);
            assert_eq!(route[route.len() - 1], tree.host_channels(to)[1]);
        }
    }

    #[test]
    fn routes_follow_the_edges_of_the_graph() {
        // 100 hosts in a tree for 128: the last places are empty.
        for topology in [Topology::star([GBPS; 20]), Topology::fat_tree(100, GBPS)] {
            let (hosts, host) = match topology.shape {
                Shape::Star => (20, 1),
                Shape::FatTree(_) => (100, 0),
            };
            for (from, to) in (0..hosts).flat_map(|a| (0..hosts).map(move |b| (a, b))) {
                let route = topology.route(from, to);
                assert_eq!(route.len() as u32, topology.hops(from, to));
                let mut at = node(from + host);
                for channel in route {
                    let edge = EdgeIndex::new(channel.index());
                    let (source, target) = topology.graph.edge_endpoints(edge).expect("an edge");
                    assert_eq!(source, at, "{from} to {to}");
                    at = target;
                }
                assert_eq!(at, node(to + host), "{from} to {to}");
            }
        }
    }
}
