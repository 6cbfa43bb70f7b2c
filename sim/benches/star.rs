//! How fast processors and links are shared where nothing is a VM: hosts on a star that each compute and then send, over and over.
//!
//! The work that simulators of message passing are measured by, on the models alone: no scenario, no brain, no journal. Each
//! host computes for a drawn time on one processor of its own and then sends a drawn size to another host that is drawn; all
//! links are shared max-min fairly each time a transfer comes or goes.

/// How it is measured.
mod settings;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use twinrack_scenario::units::{BitsPerSecond, Bytes, SimDuration, SimTime};
use twinrack_sim::engine::{Bounds, Engine, Handle, Streams};
use twinrack_sim::model::cpu::{Claim, Divider};
use twinrack_sim::model::network::{FluidNetwork, Size, Topology};

const LINK: BitsPerSecond = BitsPerSecond(10_000_000_000);
const LATENCY: SimDuration = SimDuration::from_nanos(5_000);
/// Drawn before the clock runs.
const DRAWS: usize = 1 << 14;
/// The least that is computed and sent, and what a draw can add to it.
const WORK_NANOS: [u64; 2] = [500_000_000, 1_000_000_000];
const BYTES: [u64; 2] = [100_000_000, 900_000_000];

#[derive(Debug, Clone, Copy)]
enum Step {
    /// A host has computed.
    Computed(u32),
    /// Some transfer has sent its last byte.
    Sent,
}

/// What a host does in one turn.
#[derive(Debug, Clone, Copy)]
struct Turn {
    nanos: u64,
    bytes: u64,
    /// How far away the receiver is, in hosts.
    away: u64,
}

struct Star {
    engine: Engine<Step>,
    network: FluidNetwork,
    divider: Divider,
    shares: Vec<f64>,
    turns: Vec<Turn>,
    /// Turns that each host still has.
    left: Vec<u32>,
    /// Who each flow belongs to.
    owners: Vec<u32>,
    armed: Option<(SimTime, Handle)>,
    done: u64,
}

fn turns() -> Vec<Turn> {
    let mut rng = Streams::new(1).stream("bench", "turns");
    let mut draw = |[least, more]: [u64; 2]| least + rng.below(more);
    let turn = |_| Turn {
        nanos: draw(WORK_NANOS),
        bytes: draw(BYTES),
        away: draw([1, u64::from(u32::MAX)]),
    };
    (0..DRAWS).map(turn).collect()
}

impl Star {
    fn new(hosts: u32, turns_each: u32, turns: &[Turn]) -> Self {
        let links = (0..hosts).map(|_| LINK);
        Self {
            engine: Engine::new(Bounds::default()),
            network: FluidNetwork::new(Topology::star(links), LATENCY),
            divider: Divider::default(),
            shares: Vec::new(),
            turns: turns.to_vec(),
            left: vec![turns_each; hosts as usize],
            owners: Vec::new(),
            armed: None,
            done: 0,
        }
    }

    fn turn(&self, host: u32) -> Turn {
        let left = self.left[host as usize] as usize;
        self.turns[(host as usize * 31 + left) % DRAWS]
    }

    /// A host computes: alone on its processor, so that its share is all of it.
    fn compute(&mut self, host: u32) {
        let claim = Claim::new(1.0, 1, 100, 0.0, 1.0);
        self.divider.divide(1.0, &[claim], &mut self.shares);
        let nanos = self.turn(host).nanos as f64 / self.shares[0];
        let after = SimDuration::from_nanos(nanos as u64);
        self.engine
            .schedule_in(after, 0, Step::Computed(host))
            .expect("room");
    }

    fn send(&mut self, host: u32) {
        let (turn, hosts) = (self.turn(host), self.left.len() as u64);
        let to = (u64::from(host) + 1 + turn.away % (hosts - 1)) % hosts;
        let size = Size::Transfer(Bytes(turn.bytes));
        let now = self.engine.now();
        let flow = self.network.start(now, (host, to as u32), size, 1.0, None);
        if self.owners.len() <= flow.index() {
            self.owners.resize(flow.index() + 1, 0);
        }
        self.owners[flow.index()] = host;
        self.done += 1;
    }

    /// Transfers have ended: each sender has its next turn.
    fn sent(&mut self) {
        self.armed = None;
        let now = self.engine.now();
        for flow in self.network.take_ended(now) {
            self.network.stop(now, flow);
            let host = self.owners[flow.index()];
            self.left[host as usize] -= 1;
            self.done += 1;
            if self.left[host as usize] > 0 {
                self.compute(host);
            }
        }
    }

    /// Shares the links anew at the end of an instant.
    fn settle(&mut self) {
        self.network.settle(self.engine.now());
        let next = self.network.next_end();
        if self.armed.map(|(at, _)| at) == next {
            return;
        }
        if let Some((_, handle)) = self.armed.take() {
            self.engine.cancel(handle);
        }
        self.armed = next.map(|at| {
            let handle = self.engine.schedule_at(at, 1, Step::Sent).expect("room");
            (at, handle)
        });
    }

    /// Until every host has had its turns; gives the activities and the time that they took.
    fn run(mut self) -> (u64, SimTime) {
        for host in 0..self.left.len() as u32 {
            self.compute(host);
        }
        while let Some(step) = self.engine.next().expect("within bounds") {
            match step {
                Step::Computed(host) => self.send(host),
                Step::Sent => self.sent(),
            }
            if self.engine.peek() != Some(self.engine.now()) {
                self.settle();
            }
        }
        (self.done, self.engine.now())
    }
}

fn star(c: &mut Criterion) {
    let mut group = c.benchmark_group("star");
    group.sampling_mode(SamplingMode::Flat);
    let turns = turns();
    for (hosts, each) in [(1_000, 10), (10_000, 10), (100_000, 2)] {
        let activities = 2 * u64::from(hosts * each);
        let (done, end) = Star::new(hosts, each, &turns).run();
        assert_eq!(done, activities, "every host has had its turns");
        eprintln!("{hosts} hosts: {done} activities in {end} of simulated time");
        group.throughput(Throughput::Elements(activities));
        let id = BenchmarkId::from_parameter(format!("{hosts} hosts, {activities} activities"));
        group.bench_function(id, |b| b.iter(|| black_box(Star::new(hosts, each, &turns).run())));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = settings::of(10, 3000);
    targets = star
}
criterion_main!(benches);
