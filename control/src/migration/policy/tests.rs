//! Each policy against the constants and sequences it was published with.

use proptest::prelude::*;
use twinrack_scenario::record::event::StopReason;
use twinrack_scenario::units::{BitsPerSecond, Bytes, Ratio, SimDuration};

use super::qemu::AutoConverge;
use super::*;
use crate::migration::round::Round;

fn round(map: u64, sent: u64, millis: u64, dirtied: u64) -> Round {
    Round {
        number: 1,
        map: Bytes(map),
        copied: Bytes(map),
        sent: Bytes(sent),
        elapsed: SimDuration::from_millis(millis),
        dirtied: Bytes(dirtied),
        left: Bytes(dirtied),
    }
}

fn decide(policy: &impl PrecopyPolicy, rounds: &[Round]) -> Decision {
    policy.decide(&Progress::after(Bytes::GIB, rounds))
}

fn reason(decision: Decision) -> Option<StopReason> {
    match decision {
        Decision::StopAndCopy { reason, .. } => Some(reason),
        _ => None,
    }
}

const QEMU: Qemu = Qemu {
    downtime_limit: SimDuration::from_millis(300),
    max_bandwidth: BitsPerSecond(8 * (128 << 20)),
    switchover_bandwidth: None,
    check_interval: SimDuration::from_millis(100),
    auto_converge: Some(AutoConverge {
        trigger: 0.5,
        initial: 0.2,
        increment: 0.1,
        max: 0.99,
    }),
    stalled_rounds: 100,
};

const CLARK: Clark2005 = Clark2005 {
    min_rate: BitsPerSecond(100_000_000),
    increment: BitsPerSecond(50_000_000),
    max_rate: BitsPerSecond(500_000_000),
    threshold: Bytes(256 << 10),
    max_rounds: 29,
    max_factor: 3,
};

#[test]
fn clark_follows_the_dirty_rate_of_the_last_round() {
    let policy = CLARK;
    let rate = |rounds: &[Round]| match decide(&policy, rounds) {
        Decision::Continue { rate_limit, .. } => rate_limit,
        _ => None,
    };
    assert_eq!(rate(&[]), Some(BitsPerSecond(100_000_000)));
    // 28.4 MB in 3.12 s are 72.8 Mb/s; 50 more are 122.8.
    let busy = round(39_000_000, 39_000_000, 3120, 28_400_000);
    assert_eq!(rate(&[busy]), Some(BitsPerSecond(122_820_512)));
    let calm = round(39_000_000, 39_000_000, 3120, 1_000_000);
    assert_eq!(
        rate(&[calm]),
        Some(BitsPerSecond(100_000_000)),
        "never below the least"
    );
    let storm = round(39_000_000, 39_000_000, 500, 30_000_000);
    assert_eq!(
        reason(decide(&policy, &[storm])),
        Some(StopReason::DirtyRateTooHigh)
    );
    let few = round(39_000_000, 39_000_000, 500, (256 << 10) - 1);
    assert_eq!(reason(decide(&policy, &[few])), Some(StopReason::FewPagesLeft));
}

#[test]
fn qemu_stops_at_what_the_limit_can_carry() {
    // 100 MB/s · 300 ms = 30 MB.
    let rounds = |left| [round(1 << 30, 1_000_000_000, 10_000, left)];
    assert_eq!(
        reason(decide(&QEMU, &rounds(30_000_000))),
        Some(StopReason::FewPagesLeft)
    );
    assert!(matches!(
        decide(&QEMU, &rounds(30_004_096)),
        Decision::Continue { .. }
    ));
    let slow = Qemu {
        switchover_bandwidth: Some(BitsPerSecond(400_000_000)),
        ..QEMU
    };
    assert!(
        matches!(decide(&slow, &rounds(30_000_000)), Decision::Continue { .. }),
        "15 MB at 50 MB/s"
    );
}

#[test]
fn qemu_throttles_after_every_second_fast_period() {
    let fast = round(1 << 30, 100_000_000, 1500, 50_000_001);
    let slow = round(1 << 30, 100_000_000, 1500, 50_000_000);
    let short = round(1 << 30, 100_000_000, 600, 50_000_001);
    let throttle = |rounds: &[Round]| match decide(&QEMU, rounds) {
        Decision::Continue { throttle, .. } => throttle,
        other => panic!("{other:?}"),
    };
    assert_eq!(throttle(&[fast]), Ratio(0.0));
    assert_eq!(throttle(&[fast, fast]), Ratio(0.2));
    assert_eq!(
        throttle(&[fast, slow, fast]),
        Ratio(0.2),
        "not necessarily in a row"
    );
    assert_eq!(throttle(&[slow; 9]), Ratio(0.0));
    assert_eq!(throttle(&[short; 3]), Ratio(0.0), "two of 0.6 s make one period");
    assert_eq!(throttle(&[short; 4]), Ratio(0.2));
    assert!((throttle(&[fast; 6]).0 - 0.4).abs() < 1e-12);
    assert_eq!(throttle(&[fast; 60]), Ratio(0.99));
}

#[test]
fn policies_without_a_limit_give_up_when_nothing_gets_better() {
    let stuck = vec![round(1 << 30, 1_000_000_000, 10_000, 900_000_000); 101];
    let plain = Qemu {
        auto_converge: None,
        ..QEMU
    };
    assert_eq!(decide(&plain, &stuck), Decision::GiveUp);
    assert!(matches!(decide(&plain, &stuck[1..]), Decision::Continue { .. }));
    // With auto-converge only at the greatest slow-down: 101 fast periods are 50 steps, and 9 suffice.
    assert_eq!(decide(&QEMU, &stuck), Decision::GiveUp);
    let patient = Qemu {
        stalled_rounds: 5,
        ..QEMU
    };
    assert!(
        matches!(decide(&patient, &stuck[..12]), Decision::Continue { .. }),
        "it can still be slowed down"
    );
}

#[test]
fn xen_stops_for_each_of_its_reasons() {
    let full = round(1 << 30, 1 << 30, 10_000, 1 << 30);
    let page = Bytes::PAGE.0;
    assert_eq!(
        reason(decide(
            &Xen::CURRENT,
            &[round(1 << 30, 1 << 30, 10_000, 49 * page)]
        )),
        Some(StopReason::FewPagesLeft)
    );
    assert!(matches!(
        decide(&Xen::CURRENT, &[round(1 << 30, 1 << 30, 10_000, 50 * page)]),
        Decision::Continue { .. }
    ));
    assert_eq!(
        reason(decide(&Xen::CURRENT, &[full; 5])),
        Some(StopReason::MaxRounds)
    );
    assert!(matches!(
        decide(&Xen::LEGACY, &[full; 3]),
        Decision::Continue { .. }
    ));
    assert_eq!(
        reason(decide(&Xen::LEGACY, &[full; 4])),
        Some(StopReason::MaxBytes)
    );
}

#[test]
fn a_threshold_of_time_depends_on_the_bandwidth() {
    let policy = HyperVR2 {
        threshold_time: SimDuration::from_millis(50),
        ..HyperVR2::default()
    };
    // 110 MB/s · 50 ms = 5.5 MB: 1,342 pages.
    let left = |pages: u64| [round(1 << 30, 110_000_000, 1000, pages * 4096)];
    assert_eq!(
        reason(decide(&policy, &left(1342))),
        Some(StopReason::FewPagesLeft)
    );
    assert!(matches!(decide(&policy, &left(1343)), Decision::Continue { .. }));
}

#[test]
fn post_copy_switches_after_its_rounds() {
    let policy = |precopy_rounds| PostCopy {
        precopy_rounds,
        max_bandwidth: None,
        fault_latency: SimDuration::ZERO,
    };
    let full = round(1 << 30, 1 << 30, 10_000, 1 << 20);
    assert_eq!(
        reason(decide(&policy(0), &[])),
        Some(StopReason::SwitchedToPostCopy)
    );
    assert!(matches!(decide(&policy(1), &[]), Decision::Continue { .. }));
    assert_eq!(
        reason(decide(&policy(1), &[full])),
        Some(StopReason::SwitchedToPostCopy)
    );
}

fn any_round() -> impl Strategy<Value = Round> {
    (any::<u32>(), any::<u32>(), 0_u64..100_000, any::<u32>()).prop_map(|(map, sent, millis, dirtied)| {
        round(u64::from(map), u64::from(sent), millis, u64::from(dirtied))
    })
}

/// Every policy, with the bounds that it has by itself.
fn all() -> [Policy; 6] {
    [
        Policy::HyperVR2(HyperVR2::default()),
        Policy::Qemu(QEMU),
        Policy::Xen(Xen::CURRENT),
        Policy::Clark2005(CLARK),
        Policy::SimGrid(SimGrid {
            speed: BitsPerSecond(1_000_000_000),
            intensity: Ratio(0.1),
            working_set: Ratio(0.9),
            max_downtime: SimDuration::from_millis(30),
            stalled_rounds: 100,
        }),
        Policy::PostCopy(PostCopy {
            precopy_rounds: 3,
            max_bandwidth: None,
            fault_latency: SimDuration::ZERO,
        }),
    ]
}

/// Rounds in which any of them is over: 100 that bring nothing are SimGrid's and QEMU's patience, and as many bring a guest that
/// dirties at nine tenths of the rate from a GiB down to what 30 ms carry.
const PATIENCE: usize = 300;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_same_progress_gives_the_same_decision_and_nothing_left_is_the_end(
        rounds in proptest::collection::vec(any_round(), 0..40),
    ) {
        for policy in &all() {
            let first = decide(policy, &rounds);
            prop_assert_eq!(first, decide(policy, &rounds));
            let mut done = rounds.clone();
            done.push(round(4096, 4096, 10, 0));
            let end = reason(decide(policy, &done));
            prop_assert_eq!(end, Some(StopReason::AllPagesSent), "{:?}", policy);
        }
    }

    /// A guest that dirties at a constant pace, whatever that is and whatever it is sent at: each policy comes to an end.
    #[test]
    fn every_policy_ends_or_gives_up(
        link in 1e6..1e8f64,
        times in prop_oneof![0.0..0.9f64, 1.0..3.0f64],
        working_set in 0.001..1.0f64,
    ) {
        let (memory, pace) = (Bytes::GIB.as_f64(), times * link);
        for policy in &all() {
            let mut rounds: Vec<Round> = Vec::new();
            let end = (0..PATIENCE).find(|_| {
                let Decision::Continue { rate_limit, throttle, .. } = decide(policy, &rounds) else {
                    return true;
                };
                let rate = rate_limit.map_or(link, |limit| link.min(limit.as_f64() / 8.0));
                let map = rounds.last().map_or(memory, |round| round.left.as_f64());
                let seconds = map / rate;
                let dirtied = (pace * (1.0 - throttle.0) * seconds).min(memory * working_set);
                rounds.push(round(map as u64, map as u64, (seconds * 1000.0) as u64, dirtied as u64));
                false
            });
            prop_assert!(end.is_some(), "{:?} goes on after {} rounds", policy, rounds.len());
        }
    }
}
