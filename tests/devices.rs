//! Guests of the KVM body that use disk and network, whatever is done to them: what they wrote is there, and what they sent has come.

use twinrack_scenario::Scenario;
use twinrack_scenario::record::{Event, EventRecord, Outcome, RunRecord};

use crate::conformance::{Lab, holds_together, kvm_arm, sim_arm};

const LAB: Lab = Lab {
    duration: "5s",
    migration: "",
    per_gib: "16s",
};

fn completed(record: &RunRecord) -> usize {
    let is_completed = |event: &Event| {
        let Event::MigrationEnded { outcome, .. } = event else {
            return false;
        };
        matches!(outcome, Outcome::Completed | Outcome::CompletedNotConverged)
    };
    record
        .events
        .iter()
        .filter(|record| is_completed(&record.event))
        .count()
}

fn figure(record: &RunRecord, name: &str) -> f64 {
    let kpis = &record.summary.kpis;
    kpis.get(name)
        .unwrap_or_else(|| panic!("no {name} in {kpis:?}"))
        .value
}

/// At the end of the run every block of every disk is looked at: one that was lost on the way fails it.
#[test]
fn a_disk_is_whole_after_its_guest_moved_live_and_by_a_file() {
    if !kvm_arm::is_here() {
        return;
    }
    let vm = "disk: {size: 4MiB, reads: 500/s, writes: 500/s}, dirtying: [{rate: 2000/s, size: 8MiB}]";
    let record = kvm_arm::run(&LAB.scenario(&format!(
        "vms:
  - {{name: a, host: n1, memory: 64MiB, vcpus: 2, {vm}}}
  - {{name: b, host: n2, memory: 64MiB, {vm}}}
timeline:
  - live_migrate: {{at: 500ms, vm: a, to: n2}}
  - quick_migrate: {{at: 500ms, vm: b, to: n3}}
  - live_migrate: {{at: 2500ms, vm: a, to: n3}}
"
    )));
    holds_together(&record);
    assert_eq!(completed(&record), 3, "{:?}", record.events);
    for name in ["disk.reads_per_s", "disk.writes_per_s"] {
        // What is asked for is 1,000; how much of it a crowded machine gets done is its own affair.
        let rate = figure(&record, name);
        assert!(rate > 50.0 && rate < 1100.0, "{name} {rate}");
    }
}

#[test]
fn a_disk_and_a_stream_are_whole_after_their_guest_moved_before_its_pages() {
    if !kvm_arm::is_here() || twinrack_hw::kvm::AbsentPages::available().is_err() {
        return;
    }
    let post_copy = Lab {
        migration: "policy: {post-copy: {precopy_rounds: 0}},",
        ..LAB
    };
    let record = kvm_arm::run(&post_copy.scenario(
        "vms:
  - {name: a, host: n1, memory: 64MiB, disk: {size: 4MiB, reads: 500/s, writes: 500/s}, traffic: [{to: n3, rate: 8Mb/s}]}
timeline: [{live_migrate: {at: 500ms, vm: a, to: n2}}, {live_migrate: {at: 2500ms, vm: a, to: n3}}]
",
    ));
    holds_together(&record);
    assert_eq!(completed(&record), 2, "{:?}", record.events);
    assert!(figure(&record, "disk.writes_per_s") > 50.0);
    let moved = figure(&record, "migration.bytes.sum") * 8.0 / 5.0;
    assert!(figure(&record, "net.throughput_bps.mean") > moved + 1e5);
}

/// Both bodies take the same keys, and on a machine that is not crowded do the same.
#[test]
fn the_simulated_guest_reads_and_writes_at_the_same_rates() {
    let scenario = LAB.scenario(
        "vms: [{name: a, host: n1, memory: 64MiB, disk: {reads: 300/s, writes: 20/s}}, {name: b, host: n2, memory: 64MiB}]",
    );
    let record = sim_arm::run(&scenario);
    assert_eq!(figure(&record, "disk.reads_per_s"), 300.0);
    assert_eq!(figure(&record, "disk.writes_per_s"), 20.0);
}

/// At the end of the run what each receiver has is what its sender sent: a byte that was lost, doubled or wrong fails it.
#[test]
fn streams_lose_and_double_nothing_while_sender_and_receiver_move() {
    if !kvm_arm::is_here() {
        return;
    }
    let record = kvm_arm::run(&LAB.scenario(
        "vms:
  - {name: a, host: n1, memory: 32MiB, traffic: [{to: b, rate: 40Mb/s}, {to: n3, rate: 8Mb/s}]}
  - {name: b, host: n2, memory: 32MiB, traffic: [{to: a, rate: 8Mb/s}]}
timeline:
  - live_migrate: {at: 500ms, vm: a, to: n3}
  - live_migrate: {at: 2s, vm: b, to: n1}
  - quick_migrate: {at: 3s, vm: a, to: n2}
",
    ));
    holds_together(&record);
    assert_eq!(completed(&record), 3, "{:?}", record.events);
    let carried = figure(&record, "net.throughput_bps.mean");
    // What the migrations carried is no part of it: 56 Mb/s are asked for, and a crowded machine carries less.
    let moved = figure(&record, "migration.bytes.sum") * 8.0 / 5.0;
    assert!(
        carried > moved + 5e6 && carried < 400e6,
        "{carried} of which {moved}"
    );
}

/// The same guests lose their receiver's host, and are stopped and started: what is left goes on.
#[test]
fn streams_go_on_when_a_receiver_dies_and_when_a_sender_starts_anew() {
    if !kvm_arm::is_here() {
        return;
    }
    let record = kvm_arm::run(&LAB.scenario(
        "vms:
  - {name: a, host: n1, memory: 32MiB, traffic: [{to: b, rate: 16Mb/s}, {to: c, rate: 16Mb/s}]}
  - {name: b, host: n2, memory: 32MiB, highly_available: false}
  - {name: c, host: n3, memory: 32MiB, traffic: [{to: a, rate: 16Mb/s}]}
timeline: [{stop: {at: 1s, vm: c}}, {start: {at: 2s, vm: c}}]
faults: [{host_crash: {at: 1500ms, host: n2}}]
",
    ));
    assert_eq!(figure(&record, "vms.lost"), 1.0);
    assert!(figure(&record, "net.throughput_bps.mean") > 1e6);
}

/// Both bodies: the link is cut, a migration over it stands still, and goes on when it is back.
#[test]
fn a_cut_link_holds_a_migration_up_until_it_is_back() {
    let scenario = LAB.scenario(
        "vms: [{name: a, host: n1, memory: 128MiB, dirtying: [{rate: 500/s, size: 4MiB}]}]
timeline: [{live_migrate: {at: 500ms, vm: a, to: n2}}]
faults:
  - link: {at: 700ms, host: n2, network: lan, lasts: 1500ms}
  - link: {at: 4500ms, host: n1, network: lan, remains: 50%}
",
    );
    let mut arms: Vec<fn(&Scenario) -> RunRecord> = vec![sim_arm::run];
    if kvm_arm::is_here() {
        arms.push(kvm_arm::run);
    }
    for arm in arms {
        let record = arm(&scenario);
        let changed = |record: &EventRecord| match record.event {
            Event::LinkChanged { bits_per_second, .. } => Some(bits_per_second > 0),
            _ => None,
        };
        let changes: Vec<bool> = record.events.iter().filter_map(changed).collect();
        assert_eq!(changes, [false, true, true]);
        assert_eq!(completed(&record), 1, "{:?}", record.events);
        let brownout = figure(&record, "migration.brownout_s.max");
        assert!(
            brownout > 1.3,
            "128 MiB take 1.1 s, and for 1.5 s none passes: {brownout}"
        );
    }
}

/// Both bodies follow the same course.
#[test]
fn guests_follow_a_workload_as_it_changes() {
    let scenario = LAB.scenario(
        "workloads:
  - {name: day, demand: {steps: {steps: [{at: 0s, cpu: 10%}, {at: 2s, cpu: 60%}]}}, dirtying: follows-demand}
  - {name: restless, demand: {bursty: {states: [{cpu: 5%, stay: 500ms}, {cpu: 30%, stay: 500ms}]}}}
vms:
  - {name: a, host: n1, memory: 32MiB, workload: day, dirtying: [{rate: 2000/s, size: 4MiB}]}
  - {name: b, host: n2, memory: 32MiB, workload: restless}
timeline: [{live_migrate: {at: 1900ms, vm: a, to: n3}}]
",
    );
    if !kvm_arm::is_here() {
        return;
    }
    let record = kvm_arm::run(&scenario);
    holds_together(&record);
    assert_eq!(completed(&record), 1, "{:?}", record.events);
    let asked = figure(&sim_arm::run(&scenario), "cpu.utilisation.mean");
    let used = figure(&record, "cpu.utilisation.mean");
    // The agents' own work comes on top, and a crowded machine takes some away.
    assert!(used > asked / 3.0, "{used} of {asked}");
}
