//! How fast the engine is: the hold model, timers and a burst, at sizes that are in the names, beside a plain heap.

/// How it is measured.
mod settings;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use twinrack_scenario::units::{SimDuration, SimTime};
use twinrack_sim::engine::queue::Queue;
use twinrack_sim::engine::{Bounds, Engine, Streams};

/// Drawn before the clock runs, so that the queue is measured and not the logarithm.
const DRAWS: usize = 1 << 14;
/// Mean time to an event, in nanoseconds.
const MEAN_NANOS: f64 = 1e9;

/// Exponential offsets in nanoseconds, over and over.
struct Offsets {
    nanos: Vec<u64>,
    next: usize,
}

impl Offsets {
    fn new() -> Self {
        let mut rng = Streams::new(1).stream("bench", "offsets");
        let nanos = (0..DRAWS).map(|_| rng.exponential(MEAN_NANOS) as u64).collect();
        Self { nanos, next: 0 }
    }

    fn next(&mut self) -> u64 {
        self.next = (self.next + 1) % DRAWS;
        self.nanos[self.next]
    }

    /// For filling: no two alike, or the repeated offsets would make ties.
    fn fill(count: u64) -> impl Iterator<Item = u64> {
        let mut rng = Streams::new(2).stream("bench", "fill");
        (0..count).map(move |_| rng.exponential(MEAN_NANOS) as u64)
    }
}

/// Take the earliest, schedule one: an iteration is one pop and one push.
fn hold(c: &mut Criterion) {
    let mut group = c.benchmark_group("hold");
    group.throughput(Throughput::Elements(1));
    for pending in [1_000u64, 100_000, 1_000_000] {
        group.bench_function(BenchmarkId::new("queue", pending), |b| {
            let mut offsets = Offsets::new();
            let mut queue = Queue::new();
            for (event, nanos) in Offsets::fill(pending).enumerate() {
                queue.push(SimTime::from_nanos(nanos), 0, event as u64);
            }
            let mut turn = || {
                if let Some((at, event)) = queue.pop() {
                    queue.push(at + SimDuration::from_nanos(offsets.next()), 0, event);
                }
            };
            // Past the filling: only then do the keys lie as they will go on to lie.
            (0..2 * pending).for_each(|_| turn());
            b.iter(turn);
        });
        group.bench_function(
            BenchmarkId::new("std heap, 16-byte keys, no bodies", pending),
            |b| {
                let mut offsets = Offsets::new();
                let mut sequence = pending;
                let mut heap: BinaryHeap<_> = Offsets::fill(pending).zip(0u64..).map(Reverse).collect();
                let mut turn = || {
                    if let Some(Reverse((at, _))) = heap.pop() {
                        sequence += 1;
                        heap.push(Reverse((at + offsets.next(), sequence)));
                    }
                };
                (0..2 * pending).for_each(|_| turn());
                b.iter(turn);
            },
        );
    }
    group.finish();
}

/// Every entity arms its own timer again: an iteration is one event through the whole engine.
fn timers(c: &mut Criterion) {
    let mut group = c.benchmark_group("timers");
    group.throughput(Throughput::Elements(1));
    for entities in [1_000u32, 100_000] {
        group.bench_function(BenchmarkId::new("entities", entities), |b| {
            let mut offsets = Offsets::new();
            let mut fired = vec![0u32; entities as usize];
            let mut engine = Engine::new(Bounds {
                events_max: u64::MAX,
                ..Bounds::default()
            });
            for (entity, nanos) in (0..entities).zip(Offsets::fill(u64::from(entities))) {
                engine
                    .schedule_at(SimTime::from_nanos(nanos), 0, entity)
                    .expect("room");
            }
            let mut turn = || {
                let entity = engine.next().expect("within bounds").expect("one per entity");
                fired[entity as usize] += 1;
                engine
                    .schedule_in(SimDuration::from_nanos(offsets.next()), 0, entity)
                    .expect("room");
            };
            (0..2 * entities).for_each(|_| turn());
            b.iter(turn);
            black_box(&fired);
        });
    }
    group.finish();
}

/// Pairs send a message to and fro, each an event after a fixed latency: an iteration is one message.
fn ping_pong(c: &mut Criterion) {
    const LATENCY: SimDuration = SimDuration::from_nanos(1_000);
    let mut group = c.benchmark_group("ping-pong");
    group.throughput(Throughput::Elements(1));
    for pairs in [1u32, 1_000] {
        group.bench_function(BenchmarkId::new("pairs", pairs), |b| {
            let mut received = vec![0u32; 2 * pairs as usize];
            let mut engine = Engine::new(Bounds {
                events_max: u64::MAX,
                ..Bounds::default()
            });
            for pair in 0..pairs {
                let start = SimTime::from_nanos(u64::from(pair));
                engine.schedule_at(start, 0, 2 * pair).expect("room");
            }
            b.iter(|| {
                let party = engine.next().expect("within bounds").expect("one per pair");
                received[party as usize] += 1;
                engine.schedule_in(LATENCY, 0, party ^ 1).expect("room");
            });
            black_box(&received);
        });
    }
    group.finish();
}

/// A far timer comes, and starts very many near ones: an iteration fills and drains them all.
fn burst(c: &mut Criterion) {
    const EVENTS: u64 = 100_000;
    let mut group = c.benchmark_group("burst");
    group.throughput(Throughput::Elements(EVENTS));
    group.bench_function(BenchmarkId::new("events after a far timer", EVENTS), |b| {
        let mut offsets = Offsets::new();
        b.iter(|| {
            let mut queue = Queue::new();
            queue.push(SimTime::from_nanos(1 << 40), 0, 0);
            let (start, _) = queue.pop().expect("the far timer");
            for event in 0..EVENTS {
                queue.push(start + SimDuration::from_nanos(offsets.next()), 0, event);
            }
            while let Some(event) = queue.pop() {
                black_box(event);
            }
        });
    });
    group.finish();
}

criterion_group! {
    name = engine;
    config = settings::of(15, 900);
    targets = hold, timers, ping_pong, burst
}
criterion_main!(engine);
