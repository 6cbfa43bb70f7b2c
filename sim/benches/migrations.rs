//! How fast 1,000 and 10,000 live migrations at once go through the whole simulated body, on a star and on a fat tree.

/// How it is measured.
mod settings;
/// Whole runs.
mod whole;

use std::fmt::Write;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use twinrack_scenario::Scenario;
use twinrack_sim::engine::Streams;
use whole::{simulate, told};

/// As many busy hosts as migrations: each sends its VM to another and takes one in, all at once, in 4 GiB and 10 Gb/s.
fn scenario(migrations: usize, topology: &str, intensity: &str) -> Scenario {
    let mut yaml = format!(
        "name: migrations
duration: 10min
edition: modern
hosts:
  - {{name: n, count: {migrations}, memory: 64GiB, nics: [{{speed: 10Gb/s}}]}}
networks:
  - {{name: lan, topology: {topology}, speed: 10Gb/s, framing: none, latency: 0s}}
storage:
  - {{name: san, kind: csv}}
clusters:
  - {{name: c}}
vms:
  - {{name: v, count: {migrations}, host: n, memory: 4GiB, vcpus: 1, cpu: 100%}}
policies:
  migration:
    policy: {{simgrid: {{speed: 10Gb/s, intensity: {intensity}}}}}
    per_host: 2
    cost: {{send_nanos_per_byte: 0}}
timeline:
"
    );
    let targets = targets(migrations);
    for (vm, host) in targets.iter().enumerate() {
        writeln!(yaml, "  - live_migrate: {{vm: v{}, to: n{}}}", vm + 1, host + 1).expect("to a string");
    }
    Scenario::from_yaml(&yaml).unwrap_or_else(|rejected| panic!("{rejected}"))
}

/// One cycle through all hosts in random order (Sattolo's), so that none stays where it is.
fn targets(migrations: usize) -> Vec<usize> {
    let mut rng = Streams::new(1).stream("bench", "targets");
    let mut targets: Vec<usize> = (0..migrations).collect();
    for last in (1..migrations).rev() {
        targets.swap(last, (rng.bits() % last as u64) as usize);
    }
    targets
}

fn migrations(c: &mut Criterion) {
    let mut group = c.benchmark_group("migrations");
    for migrations in [1_000, 10_000] {
        group.throughput(Throughput::Elements(migrations as u64));
        for (topology, intensity) in [("star", "30%"), ("fat-tree", "5%")] {
            let scenario = scenario(migrations, topology, intensity);
            let names = [
                "migration.completed",
                "migration.concurrent.max",
                "migration.rounds.mean",
                "migration.total_s.max",
            ];
            told(&format!("{topology}, {migrations}"), &simulate(&scenario), &names);
            group.bench_function(
                BenchmarkId::new(format!("{topology}, {intensity}"), migrations),
                |b| b.iter(|| black_box(simulate(&scenario))),
            );
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = settings::of(10, 2000);
    targets = migrations
}
criterion_main!(benches);
