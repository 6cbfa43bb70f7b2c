//! One body of tests over both arms: the same scenario, the same events in the same order, and what must hold for any run.

pub mod kvm_arm;
pub mod sim_arm;

use std::collections::BTreeMap;

use twinrack_scenario::Scenario;
use twinrack_scenario::record::{Event, EventRecord, Outcome, RunRecord};
use twinrack_scenario::units::SimTime;
use twinrack_sim::check::answered::Answered;
use twinrack_sim::check::one_host::OneHost;
use twinrack_sim::check::time_forward::TimeForward;
use twinrack_sim::check::{Checker, Told};

/// What carries a scenario out.
type Arm = fn(&Scenario) -> RunRecord;

/// Three small hosts, for runs in real time.
pub struct Lab {
    pub duration: &'static str,
    /// Keys of `policies.migration`, each with its comma.
    pub migration: &'static str,
    /// How long a quick migration takes for each GiB, to save it and to restore it.
    pub per_gib: &'static str,
}

impl Lab {
    /// The scenario of these hosts and what else a test has on them.
    pub fn scenario(&self, rest: &str) -> Scenario {
        let Self {
            duration,
            migration,
            per_gib,
        } = self;
        let head = format!(
            "
name: lab
duration: {duration}
hosts: [{{name: n, count: 3, profile: hyperv-2009-16lp}}]
networks: [{{name: lan, speed: 1Gb/s}}]
storage: [{{name: csv1, kind: csv}}]
clusters: [{{name: c1}}]
policies:
  availability: {{heartbeat: 250ms, missed: 1, regroup: 0s, online: 0s, guest_boot: 0s}}
  migration: {{{migration} timings: {{setup: 10ms, csv_hand_over: 1ms, resume: 1ms, clean_up: 1ms}}, quick: {{per_gib: {per_gib}}}}}
"
        );
        Scenario::from_yaml(&format!("{head}{rest}")).unwrap_or_else(|error| panic!("{error}"))
    }
}

const LAB: Lab = Lab {
    duration: "4s",
    migration: "",
    per_gib: "64s",
};

/// What happened, round by round left out: how many rounds there are is a matter of time.
fn kinds(record: &RunRecord) -> Vec<String> {
    let kind = |record: &EventRecord| match &record.event {
        Event::MigrationRound { .. } | Event::MigrationBlackout { .. } | Event::Transferred { .. } => None,
        event => {
            let json = serde_json::to_value(event).expect("plain data");
            json["kind"].as_str().map(ToOwned::to_owned)
        }
    };
    record.events.iter().filter_map(kind).collect()
}

/// Each VM on one host, each request answered once, time forward; the checkers are those of the simulator.
pub fn holds_together(record: &RunRecord) {
    let mut checkers: Vec<Box<dyn Checker<EventRecord>>> = vec![
        Box::new(OneHost::default()),
        Box::new(Answered::default()),
        Box::new(TimeForward::default()),
    ];
    for event in &record.events {
        for checker in &mut checkers {
            checker
                .see(event.at(), event)
                .unwrap_or_else(|violation| panic!("{violation}"));
        }
    }
    for checker in &mut checkers {
        let end = SimTime::from_secs(record.summary.span_s as u64);
        checker
            .finish(end, &Told::default())
            .unwrap_or_else(|violation| panic!("{violation}"));
    }
    let mut rounds: BTreeMap<u32, u32> = BTreeMap::new();
    for event in &record.events {
        if let Event::MigrationRound { migration, round, .. } = event.event {
            let last = rounds.entry(migration.0).or_default();
            assert_eq!(round, *last + 1, "rounds are numbered one after the other");
            *last = round;
        }
    }
}

fn outcomes(record: &RunRecord) -> Vec<Outcome> {
    let ended = record.events.iter().filter_map(|record| match &record.event {
        Event::MigrationEnded { outcome, .. } => Some(*outcome),
        _ => None,
    });
    ended.collect()
}

fn a_live_migration_completes(arm: Arm) -> Vec<String> {
    let record = arm(&LAB.scenario(
        "
vms: [{name: a, memory: 32MiB, vcpus: 1, cpu: 20%, host: n1, dirtying: [{size: 4MiB, rate: 500/s}]}]
timeline: [{live_migrate: {at: 500ms, vm: a, to: n2}}]
",
    ));
    holds_together(&record);
    assert!(matches!(
        outcomes(&record)[..],
        [Outcome::Completed | Outcome::CompletedNotConverged]
    ));
    kinds(&record)
}

/// 32 MiB at 64 s/GiB: a second to save them, from 0.25 s on, and a second to restore them.
const THROUGH_A_FILE: &str = "
vms: [{name: a, memory: 32MiB, vcpus: 1, cpu: 20%, host: n1, dirtying: [{size: 4MiB, rate: 500/s}]}]
timeline: [{quick_migrate: {at: 250ms, vm: a, to: n2}}]
";

fn a_quick_migration_goes_through_a_file(arm: Arm) -> Vec<String> {
    let record = arm(&LAB.scenario(THROUGH_A_FILE));
    holds_together(&record);
    assert_eq!(outcomes(&record), [Outcome::Completed]);
    // Paced as the scenario's table says: not sooner, whatever the disk can do.
    assert!(record.summary.kpis["migration.quick.downtime_s.min"].value >= 2.0);
    kinds(&record)
}

fn a_file_whose_target_dies_is_read_back(arm: Arm) -> Vec<String> {
    // Two seconds to save it and two to restore it: the target dies in the middle of these, also on a machine that is a second late.
    let slow = Lab {
        duration: "7s",
        per_gib: "128s",
        ..LAB
    };
    let faults = "faults: [{host_crash: {at: 3250ms, host: n2}}]";
    let record = arm(&slow.scenario(&format!("{THROUGH_A_FILE}{faults}")));
    holds_together(&record);
    assert_eq!(outcomes(&record), [Outcome::RolledBack]);
    kinds(&record)
}

fn a_post_copy_sends_its_pages_behind(arm: Arm) -> Vec<String> {
    let post_copy = Lab {
        migration: "policy: {post-copy: {precopy_rounds: 0}},",
        ..LAB
    };
    let record = arm(&post_copy.scenario(
        "
vms: [{name: a, memory: 32MiB, vcpus: 1, cpu: 20%, host: n1, dirtying: [{size: 4MiB, rate: 500/s}]}]
timeline: [{live_migrate: {at: 500ms, vm: a, to: n2}}]
",
    ));
    holds_together(&record);
    assert_eq!(outcomes(&record), [Outcome::Completed]);
    let figure = |name: &str| record.summary.kpis[name].value;
    assert!(figure("migration.faults.max") >= 1.0 && figure("migration.stalled_s.max") > 0.0);
    kinds(&record)
}

fn a_move_to_a_dead_host_is_refused(arm: Arm) -> Vec<String> {
    let record = arm(&LAB.scenario(
        "
vms: [{name: a, memory: 32MiB, vcpus: 1, cpu: 20%, host: n1}]
timeline: [{live_migrate: {at: 1s, vm: a, to: n2}}]
faults: [{host_crash: {at: 500ms, host: n2}}]
",
    ));
    holds_together(&record);
    assert_eq!(outcomes(&record), [Outcome::Refused]);
    kinds(&record)
}

fn a_vm_of_a_dead_host_is_restarted(arm: Arm) -> Vec<String> {
    let record = arm(&LAB.scenario(
        "
vms: [{name: a, memory: 32MiB, vcpus: 1, cpu: 20%, host: n1}]
faults: [{host_crash: {at: 500ms, host: n1}}]
",
    ));
    holds_together(&record);
    assert_eq!(record.summary.kpis["ha.failovers"].value, 1.0);
    kinds(&record)
}

/// The outcomes of orders that did nothing, in the product's words.
fn refusals(record: &RunRecord) -> Vec<&str> {
    let refused = record.events.iter().filter_map(|record| match &record.event {
        Event::ActionRefused { reason, .. } => Some(reason.as_str()),
        _ => None,
    });
    refused.collect()
}

fn what_can_not_be_started_or_stopped_is_told(arm: Arm) -> Vec<String> {
    let record = arm(&LAB.scenario(
        "
vms: [{name: a, memory: 32MiB, vcpus: 1, cpu: 20%, host: n1}]
timeline:
  - start: {at: 500ms, vm: a}
  - stop: {at: 1s, vm: a}
  - stop: {at: 1500ms, vm: a}
  - start: {at: 2s, vm: a}
",
    ));
    holds_together(&record);
    let refused = [
        "the virtual machine is running already",
        "the virtual machine is not running",
    ];
    assert_eq!(refusals(&record), refused);
    kinds(&record)
}

/// 32 MiB at 64 s/GiB: a second to save them, and a second to read them.
fn a_saved_vm_is_read_back_when_it_is_started(arm: Arm) -> Vec<String> {
    let lab = Lab {
        duration: "6s",
        ..LAB
    };
    let record = arm(&lab.scenario(
        "
vms: [{name: a, memory: 32MiB, vcpus: 1, cpu: 20%, host: n1, highly_available: false, dirtying: [{size: 4MiB, rate: 500/s}]}]
timeline:
  - start_maintenance: {at: 250ms, host: n1}
  - stop_maintenance: {at: 3s, host: n1}
  - start: {at: 3250ms, vm: a}
",
    ));
    holds_together(&record);
    // Reached when it is in its file, not before.
    let wanted = [
        "vm_started",
        "maintenance_started",
        "vm_stopped",
        "maintenance_reached",
        "maintenance_ended",
        "vm_started",
    ];
    assert_eq!(kinds(&record), wanted);
    kinds(&record)
}

fn a_guest_that_a_quick_migration_left_on_storage_is_read_back_elsewhere(arm: Arm) -> Vec<String> {
    let slow = Lab {
        duration: "9s",
        per_gib: "128s",
        ..LAB
    };
    let faults = "faults: [{host_crash: {at: 2750ms, host: n1}}, {host_crash: {at: 3250ms, host: n2}}]";
    let record = arm(&slow.scenario(&format!("{THROUGH_A_FILE}{faults}")));
    holds_together(&record);
    assert_eq!(outcomes(&record), [Outcome::LeftSaved]);
    let last_start = record.events.iter().rev().find_map(|record| match record.event {
        Event::VmStarted { host, .. } => Some(host.0),
        _ => None,
    });
    assert_eq!(last_start, Some(2), "{:?}", record.events);
    kinds(&record)
}

/// Runs a test on the simulated arm and, where there is KVM, on the other, and holds one against the other.
macro_rules! on_both {
    ($($name:ident)*) => {
        $(
            mod $name {
                #[test]
                fn simulated() {
                    super::$name(super::sim_arm::run);
                }

                #[test]
                fn on_kvm_as_simulated() {
                    if !super::kvm_arm::is_here() {
                        return;
                    }
                    assert_eq!(super::$name(super::kvm_arm::run), super::$name(super::sim_arm::run));
                }
            }
        )*
    };
}

on_both! {
    a_live_migration_completes
    a_post_copy_sends_its_pages_behind
    a_quick_migration_goes_through_a_file
    a_file_whose_target_dies_is_read_back
    a_move_to_a_dead_host_is_refused
    a_vm_of_a_dead_host_is_restarted
    what_can_not_be_started_or_stopped_is_told
    a_saved_vm_is_read_back_when_it_is_started
    a_guest_that_a_quick_migration_left_on_storage_is_read_back_elsewhere
}
