//! How fast 1,000 live migrations at once go through the whole simulated body, on a star and on a fat tree.

use std::fmt::Write;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use twinrack_scenario::Scenario;
use twinrack_scenario::record::RunRecord;
use twinrack_sim::engine::Streams;
use twinrack_sim::{RunOptions, run};

const MIGRATIONS: usize = 1_000;

/// As many busy hosts as migrations: each sends its VM to another and takes one in, all at once, in 4 GiB and 10 Gb/s.
fn scenario(topology: &str, intensity: &str) -> Scenario {
    let mut yaml = format!(
        "name: migrations
duration: 10min
edition: modern
hosts:
  - {{name: n, count: {MIGRATIONS}, memory: 64GiB, nics: [{{speed: 10Gb/s}}]}}
networks:
  - {{name: lan, topology: {topology}, speed: 10Gb/s, framing: none, latency: 0s}}
storage:
  - {{name: san, kind: csv}}
clusters:
  - {{name: c}}
vms:
  - {{name: v, count: {MIGRATIONS}, host: n, memory: 4GiB, vcpus: 1, cpu: 100%}}
policies:
  migration:
    policy: {{simgrid: {{speed: 10Gb/s, intensity: {intensity}}}}}
    per_host: 2
    cost: {{send_nanos_per_byte: 0}}
timeline:
"
    );
    let targets = targets();
    for (vm, host) in targets.iter().enumerate() {
        writeln!(yaml, "  - live_migrate: {{vm: v{}, to: n{}}}", vm + 1, host + 1).expect("to a string");
    }
    Scenario::from_yaml(&yaml).unwrap_or_else(|rejected| panic!("{rejected}"))
}

/// One cycle through all hosts in random order (Sattolo's), so that none stays where it is.
fn targets() -> Vec<usize> {
    let mut rng = Streams::new(1).stream("bench", "targets");
    let mut targets: Vec<usize> = (0..MIGRATIONS).collect();
    for last in (1..MIGRATIONS).rev() {
        targets.swap(last, (rng.bits() % last as u64) as usize);
    }
    targets
}

fn simulate(scenario: &Scenario) -> RunRecord {
    run(scenario, RunOptions { seed: 1 }, &mut |_| {
        ControlFlow::Continue(())
    })
    .expect("runs")
}

fn migrations(c: &mut Criterion) {
    let mut group = c.benchmark_group("migrations");
    group.throughput(Throughput::Elements(MIGRATIONS as u64));
    for (topology, intensity) in [("star", "30%"), ("fat-tree", "5%")] {
        let scenario = scenario(topology, intensity);
        let kpis = simulate(&scenario).summary.kpis;
        for name in [
            "migration.completed",
            "migration.concurrent.max",
            "migration.rounds.mean",
            "migration.total_s.mean",
            "migration.total_s.max",
        ] {
            let value = kpis.get(name).map_or(f64::NAN, |figure| figure.value);
            eprintln!("{topology}: {name} = {value}");
        }
        group.bench_function(BenchmarkId::new(topology, intensity), |b| {
            b.iter(|| black_box(simulate(&scenario)));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    targets = migrations
}
criterion_main!(benches);
