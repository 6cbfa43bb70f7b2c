//! The figures of whole runs: each means what its text says, and each that the registry has comes out of some run.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use twinrack_scenario::Scenario;
use twinrack_scenario::record::RunRecord;
use twinrack_scenario::record::figure::names;
use twinrack_sim::{RunOptions, run};

fn simulated(yaml: &str) -> RunRecord {
    let scenario = Scenario::from_yaml(yaml).unwrap_or_else(|rejected| panic!("{rejected}"));
    run(&scenario, RunOptions { seed: 1 }, &mut |_| {
        ControlFlow::Continue(())
    })
    .expect("runs")
}

fn figure(record: &RunRecord, name: &str) -> f64 {
    record.summary.kpis.get(name).map_or(f64::NAN, |kpi| kpi.value)
}

fn near(found: f64, wanted: f64) {
    assert!(
        (found - wanted).abs() <= 1e-3 * wanted.abs(),
        "{found} is not {wanted}"
    );
}

/// Costs published in cycles take four times as long at a quarter of the clock, wherever a host stands in the list.
#[test]
fn paging_costs_what_it_costs_at_the_clock_of_its_own_host() {
    let overhead = |clocks: [&str; 2]| {
        let record = simulated(&format!(
            "
name: clock
duration: 1min
hosts:
  - {{name: first, profile: hyperv-2009-16lp, clock: {}, paging: shadow}}
  - {{name: second, profile: hyperv-2009-16lp, clock: {}, paging: shadow}}
vms: [{{name: x, host: second, memory: 1GiB, vcpus: 1, cpu: 50%, paging: {{fills: 15000/s, page_table_writes: 12000/s}}}}]
policies: {{paging: {{preset: x5570}}}}",
            clocks[0], clocks[1]
        ));
        figure(&record, "paging.overhead.max")
    };
    let own = overhead(["4GHz", "4GHz"]);
    near(overhead(["1GHz", "4GHz"]), own);
    near(overhead(["4GHz", "1GHz"]), 4.0 * own);
}

/// 30,000 fills of 2.5 us and 5,000 writes of 5 us are 10 % beside the guest's own time: of its one processor it has the
/// eleventh part less, and waits for nobody.
#[test]
fn a_vm_alone_on_its_host_is_never_ready_and_waiting() {
    let record = |rest: &str| {
        simulated(&format!(
            "
name: ready
duration: 100s
hosts: [{{name: n, sockets: 1, cores: 2, memory: 64GiB, paging: shadow}}]
vms: [{{name: x, host: n, memory: 1GiB, vcpus: 1, cpu: 100%, {rest}}}]"
        ))
    };
    let busy = "paging: {fills: 30000/s, page_table_writes: 5000/s}";
    let alone = record(busy);
    near(figure(&alone, "paging.overhead.max"), 0.1);
    let told = ["cpu.ready_s.max", "sla.overall"].map(|name| figure(&alone, name));
    assert_eq!(told, [0.0, 0.0]);
    let capped = record("paging: {}, cap: 50%");
    assert_eq!(
        figure(&capped, "cpu.ready_s.max"),
        0.0,
        "a cap is no waiting for others"
    );
    // Four on two processors have half of what they ask for.
    let crowded = record("count: 4, paging: {}");
    near(figure(&crowded, "cpu.ready_s.max"), 50.0);
    near(figure(&crowded, "sla.overall"), 0.5);
    // Each asks for all of its one processor, the hypervisor's part of it included: 110 of the 100 s that there are.
    let both = record(&format!("count: 4, {busy}"));
    near(figure(&both, "cpu.ready_s.max"), 50.0);
    near(figure(&both, "sla.overall"), 50.0 / 110.0);
}

/// 500 Mb/s are 42,808 packets of 1,460 bytes: with queues and Chimney 1.5 + 0.2 us each at 2.93 GHz, without 3.341 + 2.0 us.
#[test]
fn receiving_costs_what_the_adapters_leave_of_it() {
    let record = |nic: &str| {
        simulated(&format!(
            "
name: recv
duration: 100s
edition: modern
hosts: [{{name: n, count: 2, memory: 64GiB, clock: 2.93GHz, nics: [{{speed: 1Gb/s{nic}}}]}}]
networks: [{{name: lan, speed: 1Gb/s}}]
vms:
  - {{name: s, host: n1, memory: 1GiB, vcpus: 1, cpu: 0%, traffic: [{{to: r, rate: 500Mb/s}}]}}
  - {{name: r, host: n2, memory: 1GiB, vcpus: 1, cpu: 0%}}
timeline: [stop: {{at: 50s, vm: s}}]"
        ))
    };
    let plain = record("");
    near(
        figure(&plain, "net.cpu_cycles_per_byte.max"),
        5.341e-6 * 2.93e9 / 1460.0,
    );
    let work = 5e8 / 8.0 / 1460.0 * 3.341e-6;
    let receiving = ["max", "mean", "min"].map(|stat| figure(&plain, &format!("net.receive_lps.{stat}")));
    near(receiving[0], work);
    near(receiving[1], work / 2.0);
    assert_eq!(receiving[2], 0.0, "nobody sends any more");
    let offloaded = record(", vmq_queues: 8, chimney_connections: 100");
    near(
        figure(&offloaded, "net.cpu_cycles_per_byte.max"),
        1.7e-6 * 2.93e9 / 1460.0,
    );
}

#[test]
fn twenty_terabits_a_second_are_carried_whole() {
    let record = simulated(
        "
name: sat
duration: 10s
edition: modern
hosts: [{name: n, count: 400, memory: 64GiB, nics: [{speed: 100Gb/s, vmq_queues: 16}]}]
networks: [{name: lan, speed: 100Gb/s, framing: none}]
vms:
  - {name: s, count: 200, host: n, memory: 1GiB, vcpus: 1, cpu: 0%, traffic: [{to: r, rate: 100Gb/s}]}
  - {name: r, count: 400, host: n, memory: 1GiB, vcpus: 1, cpu: 0%}",
    );
    near(figure(&record, "net.throughput_bps.max"), 20e12);
}

/// Sixteen of twenty fit on sixteen processors for half of the time, and all of them for the other half.
#[test]
fn a_host_is_overloaded_while_its_vms_ask_for_more_than_it_has() {
    let record = simulated(
        "
name: over
duration: 100s
hosts: [{name: n, profile: hyperv-2009-16lp}, {name: idle, profile: hyperv-2009-16lp}]
vms: [{name: x, count: 20, host: n, memory: 1GiB, vcpus: 1, cpu: 100%}]
timeline: [set_cpu: {at: 50s, vm: x, cpu: 10%}]",
    );
    let of = |name: &str| ["mean", "min", "max"].map(|stat| figure(&record, &format!("{name}.{stat}")));
    assert_eq!(
        of("hosts.overloaded"),
        [0.25, 0.0, 0.5],
        "one of two hosts, half of the time"
    );
    assert_eq!(of("vms.per_host"), [10.0; 3]);
    assert_eq!(of("cpu.utilisation"), [0.28125, 0.0625, 0.5]);
}

/// Hosts with every idle state, parking, migrations of each kind, traffic, faults and maintenance: each figure that there is
/// comes out of one of these runs.
#[test]
fn every_figure_of_the_registry_comes_out_of_some_run() {
    let everything = "
name: everything
duration: 10min
hosts:
  - {name: n, count: 3, profile: hyperv-2009-16lp, paging: shadow}
  - name: deep
    profile: hyperv-2009-16lp
    c_states:
      - {name: C2, exit_latency: 3us, target_residency: 6us}
      - {name: C7, exit_latency: 200us, target_residency: 800us}
      - {name: C10, exit_latency: 800us, target_residency: 2ms}
  - {name: plain, sockets: 2, cores: 4, memory: 32GiB, p_states: [{clock: 1.6GHz}]}
clusters: [{name: c}]
networks: [{name: migration, speed: 1Gb/s, goodput: 110MB/s, metric: 1100}, {name: lan, metric: 10000}]
storage: [{name: csv, kind: csv}]
vms:
  - {name: v, profile: a1-light, host: n1, paging: {fills: 100/s}, traffic: [{to: w, rate: 100Mb/s}]}
  - {name: q, host: n2, memory: 1GiB, vcpus: 1, cpu: 10%, disk: {size: 64MiB, reads: 10/s, writes: 10/s}}
  - {name: w, host: n3, memory: 1GiB, vcpus: 4, cpu: 10%}
policies: {parking: {}, migration: {cost: {dirty_fault: 1us}}}
timeline:
  - live_migrate: {at: 10s, vm: v, to: n2}
  - quick_migrate: {at: 2min, vm: q, to: n3}
  - set_cpu: {at: 3min, vm: w, cpu: 100%}
  - set_cpu: {at: 4min, vm: w, cpu: 10%}
  - start_maintenance: {at: 5min, host: n3}
faults: [host_crash: {at: 8min, host: n2}]";
    let post_copy = "
name: post-copy
duration: 2min
edition: modern
hosts: [{name: n, count: 2, memory: 64GiB}]
vms: [{name: v, host: n1, memory: 1GiB, vcpus: 1, cpu: 100%, dirtying: [{rate: 2000/s, size: 512MiB, pattern: random}]}]
policies: {migration: {policy: {post-copy: {precopy_rounds: 0}}}}
timeline: [live_migrate: {at: 10s, vm: v, to: n2}]";
    let mut told: BTreeSet<String> = BTreeSet::new();
    for yaml in [everything, post_copy] {
        told.extend(simulated(yaml).summary.kpis.into_keys());
    }
    // Real hosts alone have clocks of their own and can look into the black-out; published experiments have service levels of their own (cloudsim.rs).
    let elsewhere = |name: &String| {
        name.starts_with("migration.blackout.")
            || name.starts_with("lab.")
            || ["sla.violation", "sla.pdm", "sla.average"].contains(&name.as_str())
    };
    let missing: Vec<String> = names()
        .filter(|name| !told.contains(name) && !elsewhere(name))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
