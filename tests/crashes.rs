//! Hosts that lose power at random moments of a migration: each guest is on one host, or is lost where its host died.
//!
//! On KVM each host is a process that is killed. A run fails by itself when a page of a guest was lost, or when a guest is left
//! over where nobody knows of it. `TWINRACK_KILLS=200` kills so many, four in each run.

use std::collections::{BTreeMap, BTreeSet};

use twinrack_scenario::record::{Event, Outcome, RunRecord};
use twinrack_scenario::{MigrationId, Scenario, VmId};

use crate::conformance::kvm_arm;

/// Pairs of hosts, each with a guest that moves and one of the two that dies.
const PAIRS: u64 = 4;

/// A guest of 8 MiB takes some 50 ms to move; it is asked to move on so much later that a busy machine keeps up.
const EVERY_MS: u64 = 400;

/// One that dies, and when.
#[derive(Debug, Clone, Copy)]
struct Death {
    target: bool,
    millis: u64,
}

/// Random numbers of a run (`SplitMix64`, Steele, Lea and Flood, OOPSLA'14).
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// Guests of 16 MiB move from 300 ms on at 400 Mb/s: a third of a second for the first round.
fn scenario(deaths: &[Death]) -> Scenario {
    let mut text = format!(
        "
name: crashes
duration: 3s
hosts: [{{name: n, count: {}, profile: hyperv-2009-16lp}}]
networks: [{{name: lan, speed: 400Mb/s}}]
storage: [{{name: csv1, kind: csv}}]
clusters: [{{name: c1}}]
",
        2 * deaths.len()
    );
    let lines = |line: &dyn Fn(usize, &Death) -> String| -> String {
        deaths
            .iter()
            .enumerate()
            .map(|(pair, death)| line(pair, death))
            .collect()
    };
    text += "vms:\n";
    text += &lines(&|pair, _| {
        format!(
            "  - {{name: g{pair}, memory: 16MiB, vcpus: 1, cpu: 20%, host: n{}, dirtying: [{{size: 4MiB, rate: 2000/s}}]}}\n",
            2 * pair + 1
        )
    });
    text += "timeline:\n";
    text += &lines(&|pair, _| {
        format!(
            "  - live_migrate: {{at: 300ms, vm: g{pair}, to: n{}}}\n",
            2 * pair + 2
        )
    });
    text += "faults:\n";
    text += &lines(&|pair, death| {
        let host = 2 * pair + 1 + usize::from(death.target);
        format!("  - host_crash: {{at: {}ms, host: n{host}}}\n", death.millis)
    });
    Scenario::from_yaml(&text).unwrap_or_else(|error| panic!("{error}"))
}

/// VMs that were handed over, and VMs that were lost.
fn fates(record: &RunRecord) -> (BTreeSet<VmId>, BTreeSet<VmId>) {
    let mut moves: BTreeMap<MigrationId, VmId> = BTreeMap::new();
    let (mut handed_over, mut lost) = (BTreeSet::new(), BTreeSet::new());
    for record in &record.events {
        match &record.event {
            Event::MigrationRequested { migration, vm, .. } => {
                moves.insert(*migration, *vm);
            }
            Event::MigrationHandedOver { migration } => {
                handed_over.insert(moves[migration]);
            }
            Event::VmLost { vm, .. } => {
                assert!(lost.insert(*vm), "lost once");
            }
            _ => {}
        }
    }
    (handed_over, lost)
}

#[test]
fn a_guest_whose_host_dies_in_a_migration_is_on_one_host_or_lost() {
    if !kvm_arm::is_here() {
        return;
    }
    let kills = std::env::var("TWINRACK_KILLS").map_or(PAIRS, |kills| kills.parse().expect("a number"));
    let (mut state, mut moved, mut stayed, mut gone) = (1, 0, 0, 0);
    for run in 0..kills.div_ceil(PAIRS) {
        let deaths: Vec<Death> = (0..PAIRS)
            .map(|_| Death {
                target: draw(&mut state) % 2 == 1,
                millis: 300 + draw(&mut state) % 1000,
            })
            .collect();
        let record = kvm_arm::run(&scenario(&deaths));
        crate::conformance::holds_together(&record);
        let (handed_over, lost) = fates(&record);
        for (death, vm) in deaths.iter().zip((0..).map(VmId)) {
            // Whose it was when the host died decides: the source's until it was handed over, then the target's.
            let died_with_it = death.target == handed_over.contains(&vm);
            assert_eq!(
                lost.contains(&vm),
                died_with_it,
                "run {run}, VM {}: {death:?}",
                vm.0
            );
            let fate = match (died_with_it, handed_over.contains(&vm)) {
                (true, _) => &mut gone,
                (false, true) => &mut moved,
                (false, false) => &mut stayed,
            };
            *fate += 1;
        }
    }
    println!("{moved} had moved, {stayed} stayed, {gone} were lost with their hosts");
    assert_eq!(moved + stayed + gone, kills.next_multiple_of(PAIRS));
}

#[test]
fn a_guest_goes_back_and_forth_between_two_agents() {
    if !kvm_arm::is_here() {
        return;
    }
    let trips = std::env::var("TWINRACK_ROUND_TRIPS").map_or(4, |trips| trips.parse().expect("a number"));
    let moves: Vec<String> = (1..=2 * trips)
        .map(|count: u64| {
            let (at, to) = (count * EVERY_MS, 1 + count % 2);
            format!("  - live_migrate: {{at: {at}ms, vm: g, to: n{to}}}\n")
        })
        .collect();
    let scenario = Scenario::from_yaml(&format!(
        "
name: round-trips
duration: {}ms
hosts: [{{name: n, count: 2, profile: hyperv-2009-16lp}}]
networks: [{{name: lan, speed: 10Gb/s}}]
storage: [{{name: csv1, kind: csv}}]
clusters: [{{name: c1}}]
vms: [{{name: g, memory: 8MiB, vcpus: 1, cpu: 20%, host: n1, dirtying: [{{size: 2MiB, rate: 2000/s}}]}}]
timeline:
{}",
        (2 * trips + 16) * EVERY_MS,
        moves.concat()
    ));
    let record = kvm_arm::run(&scenario.unwrap_or_else(|error| panic!("{error}")));
    crate::conformance::holds_together(&record);
    // A page that any of them lost would be missing in the sum that the audit at the end makes.
    let figure = |name: &str| record.summary.kpis[name].value;
    let (completed, refused) = (figure("migration.completed"), figure("migration.refused"));
    println!("{completed} moves, {refused} refused");
    // On a machine so busy that the guest still moves when it is to move on, that is refused; nothing else may be.
    let other_ends: Vec<_> = record
        .events
        .iter()
        .filter_map(|record| match &record.event {
            Event::MigrationEnded { outcome, reason, .. } => Some((record.t_ns, *outcome, reason)),
            _ => None,
        })
        .filter(|(_, outcome, _)| {
            !matches!(
                outcome,
                Outcome::Completed | Outcome::CompletedNotConverged | Outcome::Refused
            )
        })
        .collect();
    assert_eq!(other_ends, []);
    assert_eq!(completed + refused, (2 * trips) as f64);
    assert!(completed >= trips as f64, "{completed} of {}", 2 * trips);
}

#[test]
fn a_source_that_dies_behind_the_hand_over_leaves_its_guest_to_the_target() {
    if !kvm_arm::is_here() {
        return;
    }
    let scenario = Scenario::from_yaml(
        "
name: orphan
duration: 3s
hosts: [{name: n, count: 2, profile: hyperv-2009-16lp}]
networks: [{name: lan, speed: 1Gb/s}]
storage: [{name: csv1, kind: csv}]
clusters: [{name: c1}]
vms: [{name: g, memory: 16MiB, vcpus: 1, cpu: 20%, host: n1, dirtying: [{size: 4MiB, rate: 500/s}]}]
timeline: [{live_migrate: {at: 300ms, vm: g, to: n2}}]
faults: [{host_crash_after_hand_over: {vm: g, host: n1, delay: 0s}}]
",
    );
    let record = kvm_arm::run(&scenario.unwrap_or_else(|error| panic!("{error}")));
    crate::conformance::holds_together(&record);
    let figure = |name: &str| record.summary.kpis[name].value;
    assert_eq!(figure("hosts.crashes"), 1.0);
    assert_eq!(figure("migration.completed"), 1.0);
    assert_eq!(figure("vms.lost"), 0.0);
    // It runs to the end, where its memory is looked at.
    let resumed = record
        .events
        .iter()
        .any(|record| matches!(record.event, Event::MigrationResumed { .. }));
    assert!(resumed);
}
