//! Migrations within one process: guests that move, stay, come back, and are never on both sides or on none.

mod follow;
mod saved;
mod setup;

use std::sync::atomic::Ordering;
use std::time::Duration;

use twinrack_control::migration::Round;
use twinrack_control::migration::policy::{HyperVR2, Policy};
use twinrack_scenario::record::Outcome;
use twinrack_scenario::units::{BitsPerSecond, Bytes, Ratio, SimDuration};

use super::alone::{Ended, Failed};
use super::claim::Nobody;
use crate::kvm::{Backing, DirtyMechanism};
use crate::require_kvm;
use setup::{Run, dirtying, plan, plan_of, shape};

/// How often a test does what it does: as the environment says, else as often as fits into every run.
fn raised(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |count| count.parse().expect("a number"))
}

/// Whether the guest is on the target; whether it converged is a matter of the machine's speed.
fn moved(ended: &Ended) -> bool {
    matches!(
        ended.report.outcome,
        Outcome::Completed | Outcome::CompletedNotConverged
    )
}

#[test]
fn a_guest_that_writes_moves_and_nothing_is_lost() {
    let system = require_kvm!();
    for mechanism in [DirtyMechanism::Bitmap, DirtyMechanism::best(&system)] {
        let mut run = Run::new(&system, shape(mechanism), dirtying(20_000.0));
        // 16 MiB at 100 Mb/s are 1.3 s: however busy the machine is, a guest that has begun writes meanwhile.
        run.until_it_writes();
        let ended = run.go(plan(Some(BitsPerSecond(100_000_000)))).expect("an end");
        assert!(moved(&ended), "{:?}", ended.report);
        assert!(ended.machine.is_none());
        assert!(ended.report.rounds.len() >= 2 && ended.report.rounds[0].copied == Bytes(16 << 20));
        let before = run.arrived_heartbeat();
        run.arrived_goes_on_and_is_whole(before);
    }
}

#[test]
fn encryption_can_be_left_away_and_tags_can_not() {
    let system = require_kvm!();
    let mut run = Run::new(&system, shape(DirtyMechanism::Bitmap), dirtying(2_000.0));
    let mut in_clear = plan(None);
    in_clear.encrypt = false;
    let ended = run.go(in_clear).expect("an end");
    assert!(moved(&ended), "{:?}", ended.report);
    run.arrived_goes_on_and_is_whole(run.arrived_heartbeat());
}

/// Pages are placed before their frame is known to be whole: with one bad frame nothing of the stream is kept.
#[test]
fn a_frame_that_was_damaged_is_the_end_of_the_migration_and_not_of_the_guest() {
    let system = require_kvm!();
    for (encrypt, damage) in [
        (true, 9_000_000),
        (false, 9_000_000),
        (true, 5_000),
        (true, 16 << 20),
    ] {
        let mut run = Run::new(&system, shape(DirtyMechanism::Bitmap), dirtying(2_000.0));
        run.damage = Some(damage);
        let mut plan = plan(None);
        plan.encrypt = encrypt;
        let ended = run.go(plan).expect("an end");
        assert!(run.arrived.is_none(), "{:?}", ended.report);
        let refusal = run.refusal.take().expect("it was refused").to_string();
        assert!(refusal.contains("does not bear the tag"), "{refusal}");
        run.stayed_goes_on_and_is_whole(ended.machine.expect("it is here still"));
    }
}

#[test]
fn a_guest_that_is_slowed_down_converges() {
    let system = require_kvm!();
    // 4 MiB written over and over, faster than 40 Mb/s carry them: only a slower guest fits the pause.
    let mut run = Run::new(&system, shape(DirtyMechanism::best(&system)), dirtying(2_000.0));
    let yaml = "{policy: {qemu: {max_bandwidth: 40Mb/s, auto_converge: true, downtime_limit: 200ms, \
                throttle_initial: 90%}}}";
    let ended = run.go(plan_of(yaml)).expect("an end");
    assert_eq!(ended.report.outcome, Outcome::Completed, "{:?}", ended.report);
    let [throttled, ..] = &ended.throttled[..] else {
        panic!("never slowed down: {:?}", ended.report.rounds);
    };
    assert_eq!(throttled.asked, Ratio(0.9));
    // A busy machine takes more than was asked for, and gives a round less time than a nap lasts.
    assert!(throttled.measured.0 > 0.5, "{throttled:?}");
    let written = |round: &Round| round.dirty_rate().expect("it took time");
    let (first, last) = (
        &ended.report.rounds[0],
        ended.report.rounds.last().expect("rounds"),
    );
    assert!(written(last) < written(first), "{first:?} {last:?}");
    run.arrived_goes_on_and_is_whole(run.arrived_heartbeat());
}

#[test]
fn what_is_written_between_the_last_round_and_the_pause_is_sent() {
    let system = require_kvm!();
    for mechanism in [DirtyMechanism::Bitmap, DirtyMechanism::best(&system)] {
        let mut run = Run::new(&system, shape(mechanism), dirtying(20_000.0));
        // The guest goes on writing for a while after the one round and before it is paused.
        run.linger = Duration::from_millis(30);
        let mut one_round = plan(None);
        one_round.policy = Policy::HyperVR2(HyperVR2 {
            max_rounds: 1,
            ..HyperVR2::default()
        });
        let ended = run.go(one_round).expect("an end");
        assert_eq!(ended.report.rounds.len(), 1);
        assert!(ended.report.left_at_pause >= ended.report.rounds[0].left);
        run.arrived_goes_on_and_is_whole(run.arrived_heartbeat());
    }
}

#[test]
fn every_byte_that_was_sent_was_received() {
    let system = require_kvm!();
    let mut run = Run::new(&system, shape(DirtyMechanism::Bitmap), dirtying(5_000.0));
    let ended = run.go(plan(None)).expect("an end");
    let hello_and_commit = run.received() - ended.report.sent.0;
    // Hello with the processor's features, an end for each round, and the commit are no part of the rounds.
    assert!(hello_and_commit < 8192, "{hello_and_commit}");
}

#[test]
fn zero_pages_are_sent_as_such() {
    let system = require_kvm!();
    let mut workload = dirtying(1_000.0);
    workload.untouched = Bytes(8 << 20);
    let mut run = Run::new(&system, shape(DirtyMechanism::Bitmap), workload);
    let mut with_zeros = plan(None);
    with_zeros.wire.zero = Bytes(8 << 20);
    let ended = run.go(with_zeros).expect("an end");
    let first = ended.report.rounds[0];
    assert_eq!(first.copied, Bytes(16 << 20));
    // 8 MiB untouched, 2 MiB below the tables mostly empty too.
    assert!(first.sent < Bytes(8 << 20), "{first:?}");
    run.arrived_goes_on_and_is_whole(run.arrived_heartbeat());
}

#[test]
fn a_cancelled_guest_runs_on_at_the_source() {
    let system = require_kvm!();
    let mut run = Run::new(&system, shape(DirtyMechanism::Bitmap), dirtying(5_000.0));
    let cancel = run.cancel.clone();
    let canceller = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        cancel.store(true, Ordering::Relaxed);
    });
    // 16 MiB at 80 Mb/s are 1.7 s.
    let ended = run.go(plan(Some(BitsPerSecond(80_000_000)))).expect("an end");
    canceller.join().expect("no panic");
    assert_eq!(ended.report.outcome, Outcome::Cancelled);
    assert!(run.arrived.is_none(), "{:?}", run.refusal);
    run.stayed_goes_on_and_is_whole(ended.machine.expect("it stayed"));
}

#[test]
fn a_target_without_room_refuses_before_anything_is_changed() {
    let system = require_kvm!();
    let mut run = Run::new(&system, shape(DirtyMechanism::Bitmap), dirtying(5_000.0));
    run.room.memory = Bytes(8 << 20);
    let ended = run.go(plan(None)).expect("an end");
    assert_eq!(ended.report.outcome, Outcome::FailedAtSource);
    let reason = ended.report.reason.expect("a reason").to_string();
    assert!(reason.contains("needs 16MiB"), "{reason}");
    run.stayed_goes_on_and_is_whole(ended.machine.expect("it stayed"));
}

#[test]
fn wherever_the_link_is_cut_the_guest_is_on_exactly_one_side() {
    let system = require_kvm!();
    let whole = {
        let mut run = Run::new(&system, shape(DirtyMechanism::Bitmap), dirtying(2_000.0));
        run.go(plan(None)).expect("an end");
        run.received()
    };
    // Evenly over the stream, and densely over its last 20 KiB, where the guest is handed over.
    let early = (0..8).map(|part| whole * part / 8);
    let late = (0..16).map(|part| whole.saturating_sub(20 << 10) + part * 1500);
    let mut draw = 1_u64;
    let random = (24..raised("TWINRACK_CUTS", 24)).map(|_| {
        // Knuth's multiplier for a 64-bit linear congruential generator; the upper bits are good.
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (draw >> 16) % whole
    });
    let (mut moved, mut stayed) = (0, 0);
    for cut in early.chain(late).chain(random) {
        let mut run = Run::new(&system, shape(DirtyMechanism::Bitmap), dirtying(2_000.0));
        run.cut_after = Some(cut);
        let ended = run.go(plan(None)).expect("an end");
        match (ended.machine, run.arrived.is_some()) {
            (Some(machine), false) => {
                stayed += 1;
                run.stayed_goes_on_and_is_whole(machine);
            }
            (None, true) => {
                moved += 1;
                run.arrived_goes_on_and_is_whole(run.arrived_heartbeat());
            }
            (here, there) => panic!("cut after {cut}: here {}, there {there}", here.is_some()),
        }
    }
    assert!(stayed > 0, "{moved} moved, {stayed} stayed");
}

#[test]
fn a_commit_whose_answer_is_lost_is_settled_by_the_referee() {
    let system = require_kvm!();
    let mut run = Run::new(&system, shape(DirtyMechanism::Bitmap), dirtying(2_000.0));
    run.deaf_after_loaded = true;
    let ended = run.go(plan(None)).expect("an end");
    assert!(
        moved(&ended),
        "the referee knows that it was taken: {:?}",
        ended.report
    );
    run.arrived_goes_on_and_is_whole(run.arrived_heartbeat());
}

#[test]
fn without_a_referee_a_lost_answer_leaves_the_guest_paused_and_in_doubt() {
    let system = require_kvm!();
    let mut run = Run::new(&system, shape(DirtyMechanism::Bitmap), dirtying(2_000.0));
    run.deaf_after_loaded = true;
    run.referee = Some(Box::new(Nobody));
    let Err(Failed::InDoubt(machine)) = run.go(plan(None)) else {
        panic!("nobody could know");
    };
    let stands = machine.counters(0).expect("counters");
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(machine.counters(0).expect("counters"), stands);
}

#[test]
fn a_guest_goes_back_and_forth() {
    let system = require_kvm!();
    let mut run = Run::new(&system, shape(DirtyMechanism::best(&system)), dirtying(10_000.0));
    let mut heartbeat = 0;
    for _ in 0..2 * raised("TWINRACK_ROUND_TRIPS", 5) {
        let ended = run.go(plan(None)).expect("an end");
        assert!(moved(&ended), "{:?}", ended.report);
        let now = run.arrived_heartbeat();
        assert!(now >= heartbeat, "a guest does not forget");
        heartbeat = now;
        run.arrived_is_whole();
        run.turn_round();
    }
    run.arrived_goes_on_and_is_whole(heartbeat);
}

#[test]
fn several_processors_and_huge_pages_move_too() {
    let system = require_kvm!();
    for vcpus in [2, 4] {
        let mut shape = shape(DirtyMechanism::best(&system));
        shape.vcpus = vcpus;
        shape.backing = Backing::TransparentHuge;
        let mut run = Run::new(&system, shape, dirtying(10_000.0));
        // There and back: each processor's counters go on from where they were.
        for _ in 0..2 {
            let ended = run.go(plan(None)).expect("an end");
            assert!(moved(&ended), "{:?}", ended.report);
            run.arrived_is_whole();
            run.turn_round();
        }
        run.arrived_goes_on_and_is_whole(run.arrived_heartbeat());
    }
}

#[test]
fn a_guest_that_writes_faster_than_the_link_ends_after_the_last_round() {
    let system = require_kvm!();
    let mut run = Run::new(&system, shape(DirtyMechanism::Bitmap), dirtying(100_000.0));
    // 1.3 s and then as long as what was written takes: a guest that gets little time still writes a page in each.
    let mut two_rounds = plan(Some(BitsPerSecond(100_000_000)));
    two_rounds.policy = Policy::HyperVR2(HyperVR2 {
        max_rounds: 2,
        threshold_pages: 0,
        threshold_time: SimDuration::ZERO,
        ..HyperVR2::default()
    });
    let ended = run.go(two_rounds).expect("an end");
    assert_eq!(ended.report.outcome, Outcome::CompletedNotConverged);
    assert_eq!(ended.report.rounds.len(), 2);
    run.arrived_goes_on_and_is_whole(run.arrived_heartbeat());
}
