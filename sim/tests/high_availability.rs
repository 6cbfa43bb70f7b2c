//! What a cluster does for VMs whose host has died: where they are brought up, what keeps them from it, and what is told of it.

use std::ops::ControlFlow;

use twinrack_scenario::record::{Event, Outcome, RunRecord};
use twinrack_scenario::{HostId, Scenario, VmId};
use twinrack_sim::{RunOptions, run};

const SHARED: &str = "
networks:
  - {name: migration, speed: 1Gb/s, goodput: 110MB/s, metric: 1100}
  - {name: lan, speed: 1Gb/s, metric: 10000}
storage: [{name: csv1, kind: csv}]
";

fn simulated(yaml: &str) -> RunRecord {
    let scenario = Scenario::from_yaml(yaml).unwrap_or_else(|rejected| panic!("{rejected}"));
    run(&scenario, RunOptions { seed: 1 }, &mut |_| {
        ControlFlow::Continue(())
    })
    .expect("runs")
}

/// Ten minutes of hosts that share a volume and two networks.
fn shared(rest: &str) -> RunRecord {
    simulated(&format!("name: ha\nduration: 10min{SHARED}{rest}"))
}

fn figure(record: &RunRecord, name: &str) -> f64 {
    record.summary.kpis.get(name).map_or(f64::NAN, |kpi| kpi.value)
}

/// Where and when a VM last began to run.
fn serves(record: &RunRecord, vm: u32) -> Option<(HostId, f64)> {
    record.events.iter().rev().find_map(|record| match record.event {
        Event::VmStarted { vm: own, host } if own == VmId(vm) => Some((host, record.t_ns as f64 / 1e9)),
        _ => None,
    })
}

/// Why VMs were refused, in order.
fn refusals(record: &RunRecord) -> Vec<&str> {
    let reasons = record.events.iter().filter_map(|record| match &record.event {
        Event::VmRefused { reason, .. } => Some(reason.as_str()),
        _ => None,
    });
    reasons.collect()
}

const THREE: &str = "
hosts: [{name: n, count: 3, profile: hyperv-2009-16lp}]
clusters: [{name: c1}]
";

/// Lost at 10 s, noticed and regrouped at 16 s, booting on the empty second host until 79 s, which dies at 40 s: that is noticed
/// at 46 s, and the third host serves 63 s later.
#[test]
fn a_vm_that_is_lost_again_while_it_boots_is_booted_once_more() {
    let record = shared(&format!(
        "{THREE}vms:
  - {{name: v, host: n1, memory: 2GiB, vcpus: 1, cpu: 10%}}
  - {{name: z, host: n3, memory: 1GiB, vcpus: 1, cpu: 10%}}
faults: [host_crash: {{at: 10s, host: n1}}, host_crash: {{at: 40s, host: n2}}]"
    ));
    assert_eq!(serves(&record, 0), Some((HostId(2), 109.0)));
    let told = ["vms.lost", "ha.failovers", "ha.outage_s.max"].map(|name| figure(&record, name));
    assert_eq!(told, [1.0, 1.0, 99.0]);
}

#[test]
fn a_cluster_brings_up_nothing_but_its_own_and_nowhere_but_at_home() {
    // The host apart has room, and is none of the possible owners of the VM nor a node of its cluster.
    let rest = |clusters: &str, owners: &str| {
        format!(
            "
hosts: [{{name: a, count: 2, profile: hyperv-2009-16lp}}, {{name: b, profile: hyperv-2009-16lp}}]
clusters: [{clusters}]
vms:
  - {{name: v, host: a1, memory: 2GiB, vcpus: 1, cpu: 10%{owners}}}
  - {{name: other, count: 3, host: a2, memory: 1GiB, vcpus: 1, cpu: 10%}}
faults: [host_crash: {{at: 30s, host: a1}}]"
        )
    };
    let none = shared(&rest("{name: c1}", ""));
    assert_eq!(
        serves(&none, 0).map(|(host, _)| host),
        Some(HostId(2)),
        "the fewest VMs"
    );
    let owned = shared(&rest("{name: c1}", ", possible_owners: [a]"));
    assert_eq!(serves(&owned, 0).map(|(host, _)| host), Some(HostId(1)));
    let apart = shared(&rest("{name: c1, hosts: [a]}", ""));
    assert_eq!(serves(&apart, 0).map(|(host, _)| host), Some(HostId(1)));

    let unclustered = shared(&rest("{name: c1, hosts: [a2, b]}", ""));
    assert_eq!(
        serves(&unclustered, 0),
        Some((HostId(0), 0.0)),
        "it never serves again"
    );
    assert_eq!(figure(&unclustered, "vms.lost"), 1.0);
    assert_eq!(figure(&unclustered, "vms.refused"), 0.0, "nobody tried");
}

#[test]
fn what_keeps_a_vm_from_a_node_is_told() {
    let local = simulated(
        "
name: local
duration: 5min
hosts: [{name: n, count: 2, profile: hyperv-2009-16lp}]
clusters: [{name: c1}]
storage: [{name: s, kind: local}]
vms: [{name: v, host: n1, memory: 2GiB, vcpus: 1, cpu: 10%}]
faults: [host_crash: {at: 30s, host: n1}]",
    );
    assert!(
        refusals(&local)[0].starts_with("LM_STORAGE_NOT_MOVABLE"),
        "{:?}",
        refusals(&local)
    );

    // Eight virtual processors for one logical one are all that 2008 R2 runs.
    let limited = shared(
        "
hosts: [{name: n, count: 2, sockets: 1, cores: 1, memory: 256GiB}]
clusters: [{name: c1}]
vms:
  - {name: a, count: 8, host: n1, memory: 1GiB, vcpus: 1, cpu: 1%}
  - {name: b, count: 6, host: n2, memory: 1GiB, vcpus: 1, cpu: 1%}
faults: [host_crash: {at: 10s, host: n1}]",
    );
    assert_eq!(figure(&limited, "ha.failovers"), 2.0);
    assert_eq!(
        refusals(&limited),
        ["virtual processors at eight for each logical one: 9 are over the limit of 8"; 6]
    );

    // Hyper-V Server 2008 has 31 GiB for all its VMs, whatever is in the box.
    let old = shared(
        "
hosts:
  - {name: a, profile: hyperv-2009-16lp}
  - {name: b, profile: hyperv-2009-16lp, memory: 64GiB, edition: hyperv-2008}
clusters: [{name: c1}]
vms:
  - {name: v, count: 3, host: a, memory: 1GiB, vcpus: 1, cpu: 1%}
  - {name: w, count: 30, host: b, memory: 1GiB, vcpus: 1, cpu: 1%}
faults: [host_crash: {at: 30s, host: a}]",
    );
    assert_eq!(
        [figure(&old, "ha.failovers"), figure(&old, "vms.refused")],
        [1.0, 2.0]
    );

    let all = shared(&format!(
        "{THREE}vms: [{{name: v, host: n1, memory: 2GiB, vcpus: 1, cpu: 10%}}]
faults: [host_crash: {{at: 10s, host: n1}}, host_crash: {{at: 11s, host: n2}}, host_crash: {{at: 11s, host: n3}}]"
    ));
    assert_eq!(refusals(&all), ["no node of its cluster is up"]);
}

/// 4 GiB at 16 s for each, half to save and half to restore: saved from 12 s to 44 s, and being restored at 55 s, when the second
/// of its hosts dies. That is noticed by 61 s; 3 s later its group is online, and 32 s later its memory is back.
#[test]
fn what_was_left_on_storage_is_read_back_elsewhere() {
    let rest = |third: &str| {
        format!(
            "{THREE}vms: [{{name: v, host: n1, memory: 4GiB, vcpus: 1, cpu: 10%}}]
timeline: [quick_migrate: {{at: 10s, vm: v, to: n2}}]
faults: [host_crash: {{at: 50s, host: n1}}, host_crash: {{at: 55s, host: n2}}{third}]"
        )
    };
    let record = shared(&rest(""));
    let ended = record.events.iter().find_map(|record| match record.event {
        Event::MigrationEnded {
            outcome,
            downtime_nanos,
            ..
        } => Some((outcome, downtime_nanos as f64 / 1e9)),
        _ => None,
    });
    assert_eq!(
        ended,
        Some((Outcome::LeftSaved, 43.0)),
        "it had been standing since 12 s"
    );
    assert_eq!(serves(&record, 0), Some((HostId(2), 96.0)));
    let told = ["vms.lost", "ha.failovers", "ha.outage_s.max"].map(|name| figure(&record, name));
    assert_eq!(told, [0.0, 1.0, 41.0]);

    let nowhere = shared(&rest(", host_crash: {at: 20s, host: n3}"));
    assert_eq!(refusals(&nowhere), ["no node of its cluster is up"]);
}

/// A host that is off, and one that is starting, can lose their power too: they are counted no further for that.
#[test]
fn a_host_that_dies_switched_off_is_not_counted_twice() {
    let record = shared(&format!(
        "{THREE}vms: [{{name: v, host: n1, memory: 2GiB, vcpus: 1, cpu: 10%}}]
policies: {{consolidation: {{detector: thr, parameter: 0.8, selector: mmt, interval: 1min}}}}
faults: [host_crash: {{at: 5min, host: n2}}, host_crash: {{at: 6min, host: n3}}]"
    ));
    assert_eq!(figure(&record, "hosts.crashes"), 2.0);
    assert_eq!(
        [
            figure(&record, "hosts.active.min"),
            figure(&record, "hosts.active.max")
        ],
        [1.0, 3.0]
    );
    let residency: f64 = record
        .summary
        .kpis
        .iter()
        .filter(|(name, _)| name.starts_with("cores.residency."))
        .map(|(_, figure)| figure.value)
        .sum();
    assert!((residency - 1.0).abs() < 1e-6, "{residency}");
}

/// A host is started for a VM, and dies before it is up: the VM may go elsewhere later.
#[test]
fn a_host_that_dies_starting_is_waited_for_no_longer() {
    let record = shared(
        "
hosts: [{name: n, count: 3, profile: hyperv-2009-16lp, boot: 3min}]
clusters: [{name: c1}]
vms: [{name: v, count: 8, host: n1, memory: 1GiB, vcpus: 2, cpu: 10%}]
policies: {consolidation: {detector: thr, parameter: 0.8, selector: mmt, interval: 1min}}
timeline: [set_cpu: {at: 150s, vm: v, cpu: 100%}]
faults: [host_crash: {at: 200s, host: n2}]",
    );
    assert!(figure(&record, "hosts.active.min") >= 1.0);
    assert!(figure(&record, "migration.completed") > 0.0, "to the third host");
}
