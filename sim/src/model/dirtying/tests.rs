//! The dirty model against its closed forms and the worked rounds of the product.

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
