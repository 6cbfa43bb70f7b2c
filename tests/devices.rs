//! Guests of the KVM body that use their devices, whatever is done to them: what they wrote is there.

use twinrack_scenario::Scenario;
use twinrack_scenario::record::{Event, Outcome, RunRecord};

use crate::conformance::{holds_together, kvm_arm, sim_arm};

/// Three small hosts, and what else a test has on them.
fn scenario(rest: &str) -> Scenario {
    let head = "
name: devices
duration: 5s
hosts: [{name: n, count: 3, profile: hyperv-2009-16lp}]
networks: [{name: lan, speed: 1Gb/s}]
storage: [{name: csv1, kind: csv}]
clusters: [{name: c1}]
policies: {migration: {timings: {setup: 10ms, csv_hand_over: 1ms, resume: 1ms, clean_up: 1ms}, quick: {per_gib: 16s}}}
";
    Scenario::from_yaml(&format!("{head}{rest}")).unwrap_or_else(|error| panic!("{error}"))
}

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
    let record = kvm_arm::run(&scenario(&format!(
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

/// Both bodies take the same keys, and on a machine that is not crowded do the same.
#[test]
fn the_simulated_guest_reads_and_writes_at_the_same_rates() {
    let scenario = scenario(
        "vms: [{name: a, host: n1, memory: 64MiB, disk: {reads: 300/s, writes: 20/s}}, {name: b, host: n2, memory: 64MiB}]",
    );
    let record = sim_arm::run(&scenario);
    assert_eq!(figure(&record, "disk.reads_per_s"), 300.0);
    assert_eq!(figure(&record, "disk.writes_per_s"), 20.0);
}
