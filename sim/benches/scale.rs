//! How fast whole datacenters go: 50,000 VMs find their hosts, and a region lives through a day with power, paging and
//! consolidation.

/// Whole runs.
mod whole;

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::{Measurement, WallTime};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use twinrack_scenario::Scenario;
use twinrack_scenario::read::{Lookup, LookupError, read};
use twinrack_sim::model::workload::synthetic;
use whole::{simulate, told};

/// A synthetic day of the PlanetLab statistics, whatever trace is asked for.
struct Day;

impl Lookup for Day {
    fn trace(&self, _: &str) -> Result<Vec<u8>, LookupError> {
        Ok(synthetic::trace(1, 1052, 1).to_csv().into_bytes())
    }
}

fn scenario(yaml: &str) -> Scenario {
    read("bench", yaml, &Day, &[]).unwrap_or_else(|rejected| panic!("{rejected}"))
}

/// Half of the VMs small, the others up to 16 GiB; ten for each host.
fn vms(hosts: usize) -> String {
    let vms = hosts * 10;
    let (small, middle, large) = (vms / 2, vms * 3 / 10, vms / 5);
    format!(
        "vms:
  - {{name: s, count: {small}, memory: 4GiB, vcpus: 2}}
  - {{name: m, count: {middle}, memory: 8GiB, vcpus: 4}}
  - {{name: l, count: {large}, memory: 16GiB, vcpus: 8}}
"
    )
}

fn placed(hosts: usize, policy: &str) -> Scenario {
    scenario(&format!(
        "name: placement
duration: 1s
edition: modern
hosts:
  - {{name: a, count: {hosts}, profile: dell-r740-8280, memory: 192GiB}}
storage:
  - {{name: array, kind: csv}}
defaults:
  vms: {{cpu: 20%}}
{}policies: {{placement: {policy}}}
",
        vms(hosts)
    ))
}

/// Two kinds of hosts on one network, each VM after one trace of the day.
fn region(hosts: usize) -> Scenario {
    let half = hosts / 2;
    scenario(&format!(
        "name: region
duration: 24h
edition: modern
trace: day.csv
hosts:
  - {{name: a, count: {half}, profile: dell-r740-8280, memory: 192GiB}}
  - {{name: b, count: {half}, profile: dell-r7525-7702, memory: 256GiB}}
networks:
  - {{name: lan, speed: 10Gb/s}}
storage:
  - {{name: array, kind: csv}}
workloads:
  - {{name: day, demand: {{trace: {{interval: 5min}}}}}}
defaults:
  vms: {{workload: day, profile: x5570-mixed}}
{}policies:
  power: follows-load
  placement: power-aware
  consolidation: {{detector: thr, parameter: 0.8, selector: mmt}}
  migration: {{per_host: 2}}
",
        vms(hosts)
    ))
}

fn placement(c: &mut Criterion) {
    let mut group = c.benchmark_group("placement");
    for hosts in [1_000, 5_000] {
        group.throughput(Throughput::Elements(10 * hosts as u64));
        for policy in ["first-fit", "best-fit", "worst-fit", "dot-product", "power-aware"] {
            let scenario = placed(hosts, policy);
            let id = BenchmarkId::new(policy, format!("{} VMs on {hosts} hosts", 10 * hosts));
            group.bench_function(id, |b| b.iter(|| black_box(simulate(&scenario))));
        }
    }
    group.finish();
}

fn day(c: &mut Criterion) {
    let mut group = c.benchmark_group("region");
    group.sampling_mode(SamplingMode::Flat);
    for hosts in [100, 1_000, 10_000, 100_000] {
        let scenario = region(hosts);
        group.throughput(Throughput::Elements(10 * hosts as u64 * 288));
        let id = BenchmarkId::from_parameter(format!("{hosts} hosts, {} VMs, 24 h", 10 * hosts));
        let mut took = None;
        group.bench_function(id, |b| match hosts {
            // It takes most of a minute: one run stands for all samples.
            100_000 => {
                b.iter_custom(|runs| *took.get_or_insert_with(|| lived(hosts, &scenario)) * runs as u32);
            }
            _ => b.iter(|| black_box(simulate(&scenario))),
        });
        if hosts < 100_000 {
            lived(hosts, &scenario);
        }
    }
    group.finish();
}

/// Runs a region once, tells what happened in it, and gives the time that it took.
fn lived(hosts: usize, scenario: &Scenario) -> Duration {
    let begun = WallTime.start();
    let record = simulate(scenario);
    let took = WallTime.end(begun);
    let names = [
        "migration.count",
        "hosts.active.mean",
        "paging.overhead.mean",
        "power.energy_kwh.sum",
    ];
    told(&format!("{hosts} hosts"), &record, &names);
    took
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(5));
    targets = placement, day
}
criterion_main!(benches);
