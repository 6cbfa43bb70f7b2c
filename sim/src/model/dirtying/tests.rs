//! The dirty model against its closed forms and the worked rounds of the product.

use proptest::prelude::*;

use super::*;

fn seconds(seconds: f64) -> SimTime {
    SimTime::from_nanos((seconds * 1e9) as u64)
}

fn class(pages: u64, rate: f64, pattern: WritePattern) -> PageClassSpec {
    PageClassSpec {
        size: Some(Bytes::from_pages(pages)),
        rate: twinrack_scenario::units::PerSecond(rate),
        pattern,
    }
}

fn tracker(classes: &[PageClassSpec], log: Log) -> DirtyTracker {
    DirtyTracker::new(DirtyModel::new(classes, Bytes(4 << 30), log), SimTime::ZERO)
}

#[test]
fn the_light_guest_dirties_whole_pages() {
    // 2,000 pages/s: floor(2,000 · 39.045157…) = 78,090; then 78,090 · 4096 / 110e6 = 2.9078 s → 5,815.
    let mut guest = tracker(
        &[class(1 << 20, 2000.0, WritePattern::Sequential)],
        Log::RoundStart,
    );
    let mut now = 0.0;
    let mut map = 1_048_576_u64;
    let mut rounds = Vec::new();
    while map > 0 {
        now += map as f64 * 4096.0 / 110e6;
        map = guest.collect(seconds(now), 1.0).left.pages();
        rounds.push(map);
    }
    assert_eq!(rounds, [78_090, 5815, 433, 32, 2, 0]);
}

#[test]
fn a_share_that_changes_in_mid_round_is_integrated() {
    // 10 s at 100 %, 10 s at 25 %, 10 s at 100 % less a throttle of 40 %: 10 + 2.5 + 6 = 18.5 s of full share.
    let mut guest = tracker(&[class(100_000, 1000.0, WritePattern::Random)], Log::RoundStart);
    guest.set_share(seconds(10.0), Ratio(0.25));
    guest.set_share(seconds(20.0), Ratio(1.0));
    guest.set_throttle(seconds(20.0), Ratio(0.4));
    let expected = 100_000.0 * (1.0 - libm::exp(-0.185));
    assert_eq!(guest.collect(seconds(30.0), 1.0).left.pages(), expected as u64);
}

#[test]
fn what_a_cut_round_leaves_is_still_to_send() {
    // Nothing is written; 60 % of 1,048,576 pages were sent.
    let mut guest = tracker(&[], Log::EarlyClear);
    let collected = guest.collect(seconds(1.0), 0.6);
    assert_eq!(collected.dirtied, Bytes::ZERO);
    assert_eq!(collected.left.pages(), 419_430);
    assert_eq!(guest.collect(seconds(2.0), 1.0).left, Bytes::ZERO);
}

#[test]
fn early_clear_never_leaves_more_than_the_whole_round() {
    let classes = [
        class(131_072, 20_000.0, WritePattern::Sequential),
        class(50_000, 9000.0, WritePattern::Random),
    ];
    let (mut early, mut whole) = (
        tracker(&classes, Log::EarlyClear),
        tracker(&classes, Log::RoundStart),
    );
    for round in 1..20 {
        let now = seconds(f64::from(round) * 0.9);
        assert!(early.collect(now, 0.8).left <= whole.collect(now, 0.8).left);
    }
}

#[test]
fn a_collection_split_over_classes_keeps_within_memory() {
    let classes = [
        class(1 << 20, 1e6, WritePattern::Sequential),
        class(1 << 20, 1e6, WritePattern::Random),
    ];
    let mut guest = tracker(&classes, Log::RoundStart);
    assert_eq!(guest.collect(seconds(100.0), 1.0).left, Bytes(4 << 30));
}

#[test]
fn simgrid_counts_bytes_up_to_its_working_set() {
    let model = DirtyModel::simgrid(Bytes::GIB, BitsPerSecond(1_000_000_000), Ratio(0.1), Ratio(0.9));
    let mut guest = DirtyTracker::new(model, SimTime::ZERO);
    // 1.25e7 B/s for 1.00000001 s: 12,500,000.125 B.
    assert_eq!(
        guest.collect(SimTime::from_nanos(1_000_000_010), 1.0).left,
        Bytes(12_500_000)
    );
    assert_eq!(guest.collect(seconds(1000.0), 1.0).left, Bytes(966_367_641));
}

#[test]
fn a_random_writer_by_hand() {
    // 10,000 writes over 10,000 pages: 10,000 (1 - 1/e) = 6,321 distinct; a sequential writer touches all.
    for (pattern, pages) in [(WritePattern::Random, 6321), (WritePattern::Sequential, 10_000)] {
        let mut guest = tracker(&[class(10_000, 1000.0, pattern)], Log::RoundStart);
        assert_eq!(guest.dirtied(seconds(10.0)).pages(), pages, "{pattern}");
    }
}

#[test]
fn early_clear_halves_a_slow_sweep_and_spares_nothing_of_a_fast_one() {
    // 100 of 100,000 pages a second, sent evenly in 10 s: 1,000 written in order, half of them before they were sent.
    let mut slow = tracker(
        &[class(100_000, 100.0, WritePattern::Sequential)],
        Log::EarlyClear,
    );
    assert_eq!(slow.collect(seconds(10.0), 1.0).left.pages(), 500);
    // At 1,000 passes in the sweep only what is sent in the last thousandth can escape: half of those, 1/2,000.
    let mut fast = tracker(&[class(100_000, 1e7, WritePattern::Sequential)], Log::EarlyClear);
    assert_eq!(fast.collect(seconds(10.0), 1.0).left.pages(), 99_950);
}

fn classes() -> impl Strategy<Value = Vec<PageClassSpec>> {
    let pattern = prop_oneof![Just(WritePattern::Random), Just(WritePattern::Sequential)];
    let one = (1..200_000u64, 0.0..50_000.0f64, pattern)
        .prop_map(|(pages, rate, pattern)| class(pages, rate, pattern));
    prop::collection::vec(one, 0..5)
}

fn log() -> impl Strategy<Value = Log> {
    prop_oneof![Just(Log::RoundStart), Just(Log::EarlyClear)]
}

proptest! {
    /// No more than its classes hold, however long; all that is written at all, in the end.
    #[test]
    fn dirty_memory_saturates_at_the_working_set(classes in classes(), hours in 1..100u64) {
        let mut guest = tracker(&classes, Log::RoundStart);
        let held: u64 = classes.iter().filter_map(|class| class.size).map(Bytes::pages).sum();
        prop_assert!(guest.dirtied(seconds(1.0)).pages() <= held);
        let written: u64 = classes
            .iter()
            .filter(|class| class.rate.0 >= 1000.0)
            .filter_map(|class| class.size)
            .map(Bytes::pages)
            .sum();
        // 1,000 writes a second on 200,000 pages: 18 passes an hour leave e^-18 of them, less than a page.
        let in_the_end = guest.dirtied(SimTime::from_secs(3600 * hours)).pages() + 1;
        prop_assert!((written..=held + 1).contains(&in_the_end), "{in_the_end} of {written} to {held}");
    }

    #[test]
    fn dirty_memory_never_shrinks_within_a_round(classes in classes(), steps in prop::collection::vec((0.0..5.0f64, 0.0..1.0f64), 1..20)) {
        let mut guest = tracker(&classes, Log::RoundStart);
        let (mut now, mut before) = (0.0, Bytes::ZERO);
        for (step, share) in steps {
            guest.set_share(seconds(now), Ratio(share));
            now += step;
            let dirtied = guest.dirtied(seconds(now));
            prop_assert!(dirtied >= before, "{dirtied} after {before}");
            before = dirtied;
        }
    }

    /// A round may leave no less when it lasts longer, and no more when the guest is throttled or gets less.
    #[test]
    fn a_throttled_guest_dirties_less(classes in classes(), log in log(), length in 0.1..60.0f64, longer in 0.0..60.0f64, throttle in 0.0..1.0f64) {
        let left = |length: f64, share: f64, throttle: f64| {
            let mut guest = tracker(&classes, log);
            guest.set_share(SimTime::ZERO, Ratio(share));
            guest.set_throttle(SimTime::ZERO, Ratio(throttle));
            guest.collect(seconds(length), 1.0).left
        };
        let full = left(length, 1.0, 0.0);
        prop_assert!(left(length, 1.0, throttle) <= full);
        prop_assert!(left(length, 1.0 - throttle, 0.0) <= full);
        prop_assert!(left(length + longer, 1.0, 0.0) >= full);
        prop_assert_eq!(left(length, 0.0, 0.0), Bytes::ZERO);
    }

    /// Early clear leaves no more than a log read at the start of the round, and no less than what was written after all was
    /// sent.
    #[test]
    fn early_clear_lies_between(classes in classes(), sending in 0.1..30.0f64, idle in 0.0..30.0f64) {
        let round = |log| {
            let mut guest = tracker(&classes, log);
            guest.note_sent(seconds(sending), 1.0);
            guest.collect(seconds(sending + idle), 1.0).left
        };
        let mut after = tracker(&classes, Log::RoundStart);
        let least = after.collect(seconds(idle), 1.0).left;
        let early = round(Log::EarlyClear);
        prop_assert!(early <= round(Log::RoundStart));
        prop_assert!(early.pages() + 1 >= least.pages(), "{early} and {least}");
    }
}
