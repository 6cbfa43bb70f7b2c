//! Actions of the timeline on one VM: carried out, or refused by name.

use std::ops::ControlFlow;

use twinrack_scenario::record::{Event, RunRecord};
use twinrack_scenario::{HostId, Scenario};
use twinrack_sim::{RunOptions, run};

fn record(rest: &str) -> RunRecord {
    let yaml = format!(
        "
name: actions
duration: 5min
hosts: [{{name: n, count: 2, profile: hyperv-2009-16lp}}]
clusters: [{{name: c1}}]
networks: [{{name: migration, speed: 1Gb/s, goodput: 110MB/s}}]
storage: [{{name: csv1, kind: csv}}]
{rest}"
    );
    let scenario = Scenario::from_yaml(&yaml).unwrap_or_else(|rejected| panic!("{rejected}"));
    run(&scenario, RunOptions { seed: 1 }, &mut |_| {
        ControlFlow::Continue(())
    })
    .expect("runs")
}

/// When and where VMs began to run after the start.
fn starts(record: &RunRecord) -> Vec<(HostId, f64)> {
    let starts = record.events.iter().filter_map(|record| match record.event {
        Event::VmStarted { host, .. } if record.t_ns > 0 => Some((host, record.t_ns as f64 / 1e9)),
        _ => None,
    });
    starts.collect()
}

fn refused(record: &RunRecord) -> Vec<(&str, &str)> {
    let refused = record.events.iter().filter_map(|record| match &record.event {
        Event::ActionRefused { action, reason, .. } => Some((action.as_str(), reason.as_str())),
        _ => None,
    });
    refused.collect()
}

/// 1 GiB at 16 s, half of them to restore.
#[test]
fn a_saved_vm_is_read_back() {
    let record = record(
        "vms: [{name: plain, host: n1, memory: 1GiB, vcpus: 1, cpu: 10%, highly_available: false}]
timeline: [start_maintenance: {at: 10s, host: n1}, stop_maintenance: {at: 2min, host: n1}, start: {at: 3min, vm: plain}]",
    );
    assert_eq!(starts(&record), [(HostId(0), 188.0)]);
    assert_eq!(refused(&record), []);
}

fn when(record: &RunRecord, what: fn(&Event) -> bool) -> Option<f64> {
    let found = record.events.iter().find(|record| what(&record.event))?;
    Some(found.t_ns as f64 / 1e9)
}

/// 1 GiB at 16 s, half of them to save: it stands from 10 s on, and is on its volume at 18 s.
#[test]
fn a_host_is_empty_when_its_vms_are_saved_and_not_before() {
    let rest = "vms: [{name: plain, host: n1, memory: 1GiB, vcpus: 1, cpu: 10%, highly_available: false}]
timeline: [start_maintenance: {at: 10s, host: n1}]";
    let whole = record(rest);
    assert_eq!(
        when(&whole, |event| matches!(event, Event::VmStopped { .. })),
        Some(10.0)
    );
    assert_eq!(
        when(&whole, |event| matches!(event, Event::MaintenanceReached { .. })),
        Some(18.0)
    );
    assert_eq!(whole.summary.kpis["maintenance.drain_s.max"].value, 8.0);

    let cut = record(&format!("{rest}\nfaults: [host_crash: {{at: 15s, host: n1}}]"));
    assert_eq!(
        when(&cut, |event| matches!(event, Event::VmLost { .. })),
        Some(15.0)
    );
    assert_eq!(
        when(&cut, |event| matches!(event, Event::MaintenanceReached { .. })),
        None
    );
}

#[test]
fn a_vm_without_a_host_starts_where_the_brain_puts_it() {
    let record = record(
        "vms:
  - {name: big, host: n1, memory: 20GiB, vcpus: 4, cpu: 10%}
  - {name: v, memory: 20GiB, vcpus: 1, cpu: 10%, running: false}
timeline: [start: {at: 10s, vm: v}]",
    );
    assert_eq!(starts(&record), [(HostId(1), 10.0)]);
}

#[test]
fn a_member_of_a_group_starts_on_the_host_that_is_its_own() {
    let record = record(
        "vms: [{name: v, count: 3, host: n, memory: 1GiB, vcpus: 1, cpu: 10%, running: false}]
timeline: [start: {at: 10s, vm: v2}, start: {at: 20s, vm: v3}]",
    );
    assert_eq!(starts(&record), [(HostId(1), 10.0), (HostId(0), 20.0)]);
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    let record = record(
        "vms:
  - {name: v, profile: a1-light, host: n1}
  - {name: off, host: n2, memory: 1GiB, vcpus: 1, cpu: 10%, running: false}
timeline:
  - live_migrate: {at: 10s, vm: v, to: n2}
  - stop: {at: 20s, vm: v}
  - start: {at: 30s, vm: v}
  - stop: {at: 40s, vm: off}
  - stop: {at: 2min, vm: v}",
    );
    assert_eq!(
        refused(&record),
        [
            ("stop", "the virtual machine is being migrated"),
            ("start", "the virtual machine is running already"),
            ("stop", "the virtual machine is not running"),
        ]
    );
    let stopped = |record: &twinrack_scenario::record::EventRecord| match record.event {
        Event::VmStopped { host, .. } => Some((host, record.t_ns / 1_000_000_000)),
        _ => None,
    };
    let stopped: Vec<_> = record.events.iter().filter_map(stopped).collect();
    assert_eq!(stopped, [(HostId(1), 120)]);
}
