//! How fast links are shared anew when a flow comes or goes: k-ary fat trees with random paths, beside a full filling.

/// How it is measured.
mod settings;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use twinrack_scenario::units::BitsPerSecond;
use twinrack_sim::engine::{Rng, Streams};
use twinrack_sim::model::network::sharing::{FlowIndex, Sharing};
use twinrack_sim::model::network::{Channel, Topology};

const LINK: BitsPerSecond = BitsPerSecond(10_000_000_000);
/// Drawn before the clock runs, so that sharing is measured and not the drawing.
const DRAWS: usize = 1 << 14;

/// A network with so many flows, of which one goes and another comes in turn.
struct Traffic {
    sharing: Sharing,
    flows: Vec<FlowIndex>,
    routes: Vec<Vec<Channel>>,
    victims: Vec<usize>,
    turn: usize,
}

impl Traffic {
    fn new(hosts: u32, flows: usize) -> Self {
        let topology = Topology::fat_tree(hosts, LINK);
        let mut rng = Streams::new(1).stream("bench", "routes");
        let mut route = || loop {
            let (from, to) = (below(&mut rng, hosts), below(&mut rng, hosts));
            if from != to {
                return topology.route(from, to);
            }
        };
        let mut sharing = Sharing::new(topology.capacities());
        let first = (0..flows).map(|_| sharing.add(&route(), 1.0, None)).collect();
        let routes = (0..DRAWS).map(|_| route()).collect();
        sharing.settle();
        let mut rng = Streams::new(1).stream("bench", "victims");
        let victims = (0..DRAWS)
            .map(|_| below(&mut rng, flows as u32) as usize)
            .collect();
        Self {
            sharing,
            flows: first,
            routes,
            victims,
            turn: 0,
        }
    }

    /// A flow goes, or another comes in its place.
    fn change(&mut self) {
        let pair = (self.turn / 2) % DRAWS;
        let victim = self.victims[pair];
        if self.turn.is_multiple_of(2) {
            self.sharing.remove(self.flows[victim]);
        } else {
            self.flows[victim] = self.sharing.add(&self.routes[pair], 1.0, None);
        }
        self.turn += 1;
    }
}

fn below(rng: &mut Rng, bound: u32) -> u32 {
    ((u128::from(rng.bits()) * u128::from(bound)) >> 64) as u32
}

fn sharing(c: &mut Criterion) {
    let mut group = c.benchmark_group("sharing");
    group.throughput(Throughput::Elements(1));
    for (hosts, flows) in [
        (1_024, 1_000),
        (1_024, 10_000),
        (8_192, 1_000),
        (8_192, 10_000),
        (8_192, 100_000),
    ] {
        let name = format!("{hosts} hosts, {flows} flows");
        let mut traffic = Traffic::new(hosts, flows);
        group.bench_function(BenchmarkId::new("change", &name), |b| {
            b.iter(|| {
                traffic.change();
                black_box(traffic.sharing.settle());
            });
        });
        group.bench_function(BenchmarkId::new("change, all filled anew", &name), |b| {
            b.iter(|| {
                traffic.change();
                black_box(traffic.sharing.resettle());
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = settings::of(10, 1500);
    targets = sharing
}
criterion_main!(benches);
