//! Post-copy: guests that run ahead of their pages, whole or lost.

use super::setup::goes_on_and_is_whole;
use super::*;
use crate::kvm::has_absent_pages;
use twinrack_control::migration::Plan;
use twinrack_scenario::record::Event;

/// Pages follow at 80 Mb/s: 16 MiB take 1.7 s.
fn post_copy(rounds: u32) -> Plan {
    let mut plan = plan_of(&format!(
        "{{policy: {{post-copy: {{precopy_rounds: {rounds}}}}}}}"
    ));
    plan.bandwidth = Some(BitsPerSecond(80_000_000));
    plan
}

#[test]
fn a_guest_runs_ahead_of_its_pages_and_waits_for_those_it_touches() {
    let system = require_kvm!();
    if !has_absent_pages() {
        return;
    }
    for vcpus in [1, 2] {
        let mut shape = shape(DirtyMechanism::best(&system));
        shape.vcpus = vcpus;
        let mut run = Run::new(&system, shape, dirtying(2_000.0));
        let ended = run.go(post_copy(0)).expect("an end");
        assert_eq!(
            ended.report.outcome,
            Outcome::Completed,
            "{:?}",
            ended.report.reason
        );
        assert_eq!(ended.report.rounds, []);
        // Each page once, and what describes them.
        let sent = ended.report.sent.0;
        assert!((16 << 20..17 << 20).contains(&sent), "{sent}");
        let faults = ended.events.iter().find_map(|(_, event)| match event {
            Event::MigrationFaulted {
                pages, stalled_nanos, ..
            } => Some((*pages, *stalled_nanos)),
            _ => None,
        });
        let (pages, stalled) = faults.expect("told");
        // Its program, tables and control block at least; at most all there is.
        assert!((4..=4096).contains(&pages), "{pages}");
        assert!(stalled > 0 && stalled <= u64::from(vcpus) * ended.report.total.as_nanos());
        run.arrived_goes_on_and_is_whole(run.arrived_heartbeat());
    }
}

#[test]
fn what_was_written_after_its_round_follows() {
    let system = require_kvm!();
    if !has_absent_pages() {
        return;
    }
    let mut run = Run::new(&system, shape(DirtyMechanism::best(&system)), dirtying(2_000.0));
    let ended = run.go(post_copy(1)).expect("an end");
    assert_eq!(
        ended.report.outcome,
        Outcome::Completed,
        "{:?}",
        ended.report.reason
    );
    assert_eq!(ended.report.rounds.len(), 1);
    // Of 4 MiB some were written in the 1.7 s of the round, and no other memory but a few pages.
    let left = ended.report.left_at_pause;
    assert!(left > Bytes(1 << 20) && left < Bytes(6 << 20), "{left}");
    run.arrived_goes_on_and_is_whole(run.arrived_heartbeat());
}

#[test]
fn a_guest_whose_pages_can_not_follow_is_lost_and_on_neither_side() {
    let system = require_kvm!();
    if !has_absent_pages() {
        return;
    }
    for cut in [1_u64 << 20, 8 << 20] {
        let mut run = Run::new(&system, shape(DirtyMechanism::Bitmap), dirtying(2_000.0));
        run.cut_after = Some(cut);
        let ended = run.go(post_copy(0)).expect("an end");
        assert_eq!(ended.report.outcome, Outcome::VmLost, "cut after {cut}");
        assert!(ended.machine.is_none() && run.arrived.is_none());
        assert!(run.refusal.is_some_and(|error| error.is_link()));
    }
}

#[test]
fn before_the_hand_over_a_lost_link_leaves_it_at_the_source() {
    let system = require_kvm!();
    if !has_absent_pages() {
        return;
    }
    let mut run = Run::new(&system, shape(DirtyMechanism::Bitmap), dirtying(2_000.0));
    run.cut_after = Some(1 << 20);
    let ended = run.go(post_copy(1)).expect("an end");
    assert_eq!(ended.report.outcome, Outcome::FailedAtSource);
    let machine = ended.machine.expect("it stayed");
    let heartbeat = machine.counters(0).expect("counters").heartbeat;
    goes_on_and_is_whole(machine, &dirtying(2_000.0), heartbeat);
}
