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
    FatTree { k: u32 },
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
        let tree = FatTree { k };
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
            shape: Shape::FatTree { k },
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
    pub fn route(&self, from: u32, to: u32) -> Vec<Channel> {
        if from == to {
            return Vec::new();
        }
        let nodes = match self.shape {
            Shape::Star => vec![from + 1, 0, to + 1],
            Shape::FatTree { k } => FatTree { k }.path(from, to),
        };
        nodes
            .windows(2)
            .filter_map(|pair| self.graph.find_edge(node(pair[0]), node(pair[1])))
            .map(|edge| Channel(edge.index() as u32))
            .collect()
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

/// Node numbers of a k-ary fat tree.
struct FatTree {
    k: u32,
}

impl FatTree {
    const fn half(&self) -> u32 {
        self.k / 2
    }

    const fn hosts(&self) -> u32 {
        self.k * self.k * self.k / 4
    }

    const fn edge(&self, pod: u32, index: u32) -> u32 {
        self.hosts() + pod * self.half() + index
    }

    const fn edge_of(&self, host: u32) -> u32 {
        self.hosts() + host / self.half()
    }

    const fn aggregation(&self, pod: u32, index: u32) -> u32 {
        self.hosts() + self.k * self.half() + pod * self.half() + index
    }

    const fn core(&self, aggregation: u32, index: u32) -> u32 {
        self.hosts() + 2 * self.k * self.half() + aggregation * self.half() + index
    }

    fn path(&self, from: u32, to: u32) -> Vec<u32> {
        let (edge_from, edge_to) = (self.edge_of(from), self.edge_of(to));
        if edge_from == edge_to {
            return vec![from, edge_from, to];
        }
        let per_pod = self.half() * self.half();
        let (pod_from, pod_to) = (from / per_pod, to / per_pod);
        let pick = mix(u64::from(from) << 32 | u64::from(to));
        let up = (pick % u64::from(self.half())) as u32;
        if pod_from == pod_to {
            return vec![from, edge_from, self.aggregation(pod_from, up), edge_to, to];
        }
        let core = self.core(up, ((pick >> 32) % u64::from(self.half())) as u32);
        vec![
            from,
            edge_from,
            self.aggregation(pod_from, up),
            core,
            self.aggregation(pod_to, up),
            edge_to,
            to,
        ]
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
}
