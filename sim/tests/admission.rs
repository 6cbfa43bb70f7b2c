//! Who may move when: the product's checks and its queue, from scenario file to record.

/// What they share.
mod support;

use support::{figure, simulated};
use twinrack_scenario::record::{Event, Outcome, RunRecord};

/// Six nodes of 2008 R2, VMs of 4 GiB that take 42.2 s to copy, and what else the case needs.
fn record(vms: &str, policies: &str, timeline: &str) -> RunRecord {
    let yaml = format!(
        "name: admission
duration: 10min
hosts:
  - {{name: n, count: 6, profile: hyperv-2009-16lp}}
  - {{name: old, profile: hyperv-2009-16lp, generation: core2}}
  - {{name: alone, profile: hyperv-2009-16lp}}
networks:
  - {{name: csv, speed: 1Gb/s, goodput: 110MB/s, metric: 1000}}
  - {{name: migration, speed: 1Gb/s, goodput: 110MB/s, metric: 1100}}
  - {{name: lan, speed: 1Gb/s, metric: 10000}}
storage:
  - {{name: csv1, kind: csv}}
  - {{name: lun1, kind: lun}}
clusters:
  - {{name: c1, hosts: [n, old]}}
vms:
{vms}
policies:
  migration: {policies}
timeline:
{timeline}
"
    );
    simulated(&yaml)
}

const THREE: &str = "  - {name: a, profile: a1-light, host: n1}
  - {name: b, profile: a1-light, host: n3}
  - {name: c, profile: a1-light, host: n1}";

/// The codes of what was refused, in the order of the requests.
fn refused(record: &RunRecord) -> Vec<String> {
    let ends = record.events.iter().filter_map(|record| match &record.event {
        Event::MigrationEnded {
            outcome: Outcome::Refused,
            reason: Some(reason),
            ..
        } => reason.split_once(':').map(|(code, _)| code.to_owned()),
        _ => None,
    });
    ends.collect()
}

/// Seconds at which migrations began, in the order of the requests.
fn begun(record: &RunRecord) -> Vec<f64> {
    let starts = record.events.iter().filter_map(|record| match record.event {
        Event::MigrationStarted { migration } => Some((migration, record.t_ns as f64 / 1e9)),
        _ => None,
    });
    let mut starts: Vec<_> = starts.collect();
    starts.sort_by_key(|(migration, _)| *migration);
    starts.into_iter().map(|(_, at)| at).collect()
}

#[test]
fn the_cluster_manager_refuses_the_third_and_the_machine_manager_queues_it() {
    let moves = "  - live_migrate: {vm: a, to: n2}
  - live_migrate: {vm: b, to: n4}
  - live_migrate: {vm: c, to: n3}";
    let refuses = record(THREE, "{when_busy: refuse}", moves);
    assert_eq!(refused(&refuses), ["LM_NODE_BUSY"]);
    assert_eq!(figure(&refuses, "migration.completed"), 2.0);
    let queues = record(THREE, "{}", moves);
    assert_eq!(figure(&queues, "migration.completed"), 3.0);
    let waited = figure(&queues, "migration.wait_s.max");
    assert!((waited / 44.7 - 1.0).abs() < 0.01, "{waited}");
}

#[test]
fn nothing_overtakes_what_waits_for_the_same_host() {
    // a keeps n1 and n2; c waits for n1 and keeps n5 for itself, so d, which needs n5 and n6 only, waits for c.
    let vms = format!("{THREE}\n  - {{name: d, profile: a1-light, host: n6}}");
    let moves = "  - live_migrate: {vm: a, to: n2}
  - live_migrate: {vm: c, to: n5}
  - live_migrate: {vm: d, to: n5}";
    let begun = begun(&record(&vms, "{}", moves));
    assert_eq!(begun.len(), 3);
    assert!(
        begun[0] == 0.0 && begun[1] > 44.0 && begun[2] > begun[1] + 44.0,
        "{begun:?}"
    );
}

#[test]
fn each_fact_of_the_scenario_can_speak_against_a_move() {
    let cases = [
        ("profile: a1-light", "alone", "LM_NOT_CLUSTERED"),
        ("profile: a1-light, highly_available: false", "n2", "LM_BAD_STATE"),
        (
            "profile: a1-light, possible_owners: [n1, n3]",
            "n2",
            "LM_NOT_POSSIBLE_OWNER",
        ),
        (
            "profile: a1-light, count: 2, volume: lun1",
            "n2",
            "LM_STORAGE_NOT_MOVABLE",
        ),
        ("profile: a1-light", "old", "LM_CPU_FEATURES"),
        (
            "profile: a1-light, local_device: the DVD drive",
            "n2",
            "LM_LOCAL_DEVICE",
        ),
    ];
    for (vm, to, code) in cases {
        let name = if vm.contains("count") { "x1" } else { "x" };
        let found = record(
            &format!("  - {{name: x, host: n1, {vm}}}"),
            "{}",
            &format!("  - live_migrate: {{vm: {name}, to: {to}}}"),
        );
        assert_eq!(refused(&found), [code], "{vm} to {to}");
    }
    let hidden = record(
        "  - {name: x, host: n1, profile: a1-light, processor_compatibility: true}",
        "{}",
        "  - live_migrate: {vm: x, to: old}",
    );
    assert_eq!(figure(&hidden, "migration.completed"), 1.0);
    let saved = record(
        "  - {name: x, host: n1, profile: a1-light}",
        "{}",
        "  - quick_migrate: {vm: x, to: old}",
    );
    assert_eq!(refused(&saved), ["LM_CPU_FEATURES"]);
}

#[test]
fn a_paused_target_and_a_vm_on_its_way_are_refused() {
    let moves = "  - start_maintenance: {host: n2}
  - live_migrate: {at: 1s, vm: a, to: n2}
  - live_migrate: {at: 2s, vm: b, to: n4}
  - live_migrate: {at: 3s, vm: b, to: n5}";
    let found = record(THREE, "{}", moves);
    assert_eq!(refused(&found), ["LM_TARGET_PAUSED", "LM_BAD_STATE"]);
    assert_eq!(figure(&found, "migration.completed"), 1.0);
}

#[test]
fn memory_is_looked_at_when_the_turn_has_come() {
    // 30 of 32 GiB are for VMs; n2 has no room for 4 until its own VM has left.
    let vms = "  - {name: a, profile: a1-light, host: n1}
  - {name: big, profile: a1-light, memory: 28GiB, host: n2}";
    let moves = "  - live_migrate: {vm: big, to: n3}
  - live_migrate: {vm: a, to: n2}";
    let found = record(vms, "{}", moves);
    let memory = found.summary.kpis["migration.completed"].value;
    assert_eq!((refused(&found), memory), (vec![], 2.0));
    let full = record(vms, "{}", "  - live_migrate: {vm: a, to: n2}");
    assert_eq!(refused(&full), ["LM_NO_MEMORY"]);
}

/// One GiB of eight is the parent's: seven VMs of one GiB run, with what the hypervisor adds to them out of the parent's.
#[test]
fn hyper_v_server_2008_gives_no_memory_twice() {
    let record = |vm: &str| {
        let yaml = format!(
            "name: mem08
duration: 1min
edition: hyperv-2008
hosts: [{{name: n, profile: hyperv-2009-16lp, memory: 8GiB}}]
vms: [{{name: x, count: 20, memory: 1GiB, vcpus: 1, cpu: 1%{vm}}}]"
        );
        simulated(&yaml)
    };
    for vm in [", host: n", ""] {
        let record = record(vm);
        let told = ["vms.running.max", "vms.refused"].map(|name| figure(&record, name));
        assert_eq!(told, [7.0, 13.0]);
    }
}

/// Two processors are there, and each VM reserves one: two run, and a third neither starts nor moves in.
#[test]
fn reserves_are_kept_within_the_processors_of_the_host() {
    let start = simulated(
        "name: reserves
duration: 100s
hosts: [{name: n, sockets: 1, cores: 2, memory: 64GiB}]
vms: [{name: a, count: 4, host: n, memory: 1GiB, vcpus: 1, cpu: 100%, reserve: 100%}]",
    );
    let told = ["vms.running.max", "vms.refused", "cpu.ready_s.max"].map(|name| figure(&start, name));
    assert_eq!(told, [2.0, 2.0, 0.0]);

    let placed = simulated(
        "name: reserves
duration: 100s
hosts: [{name: n, count: 2, sockets: 1, cores: 2, memory: 64GiB}]
vms: [{name: a, count: 5, memory: 1GiB, vcpus: 1, cpu: 100%, reserve: 100%}]",
    );
    let told = ["vms.running.max", "vms.refused"].map(|name| figure(&placed, name));
    assert_eq!(told, [4.0, 1.0], "two on each host");

    let rest = |host: &str, timeline: &str| {
        simulated(&format!(
            "name: reserves
duration: 100s
edition: modern
hosts: [{{name: n, count: 2, sockets: 1, cores: 2, memory: 64GiB}}]
vms:
  - {{name: a, count: 3, memory: 1GiB, vcpus: 1, cpu: 100%, reserve: 60%{host}}}
{timeline}"
        ))
    };
    let moved = rest(", host: n", "timeline: [live_migrate: {at: 1s, vm: a2, to: n1}]");
    assert_eq!(refused(&moved), Vec::<String>::new());
    let full = rest(
        ", host: n1",
        "  - {name: b, count: 2, host: n2, memory: 1GiB, vcpus: 1, cpu: 100%, reserve: 90%}
timeline: [live_migrate: {at: 1s, vm: a1, to: n2}]",
    );
    assert_eq!(refused(&full), ["LM_NO_RESERVE"]);
}
