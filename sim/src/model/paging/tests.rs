//! Worked examples of the two calibrations, the walks and the lock.

use twinrack_scenario::decode::{Decoder, Field};
use twinrack_scenario::fault::SourceId;
use twinrack_scenario::units::Hertz;
use twinrack_scenario::yaml::parse;

use super::*;

fn spec<T: Field>(text: &str) -> T {
    let (node, _) = parse(text, SourceId(0)).expect("valid YAML");
    T::decode(&node, &mut Decoder::default()).expect("valid")
}

fn costs(preset: &str) -> PagingCosts {
    PagingCosts::new(&spec(&format!("{{preset: {preset}}}")), Hertz(2_930_000_000))
}

const RDS: &str = "{fills: 30000/s, page_table_writes: 5000/s, tlb_misses: 400000/s}";

#[test]
fn the_deck_sees_ten_percent_and_two() {
    let rates = spec(RDS);
    let shadow = Paging::new(&costs("deck"), &rates, PagingMode::Shadow);
    // 30,000 * 2.5 us + 5,000 * 5 us = 7.5 % + 2.5 %.
    assert!((shadow.overhead - 0.10).abs() < 1e-12);
    assert_eq!(shadow.shadow, Bytes::MIB, "512 MiB mapped");
    let slat = Paging::new(&costs("deck"), &rates, PagingMode::Slat);
    assert!((slat.overhead - 0.02).abs() < 1e-12);
    assert_eq!(
        (slat.shadow, slat.walk_refs, slat.exits_per_s),
        (Bytes::ZERO, 24.0, 0.0)
    );
}

#[test]
fn cycles_on_an_x5570_give_the_same() {
    let rates = spec(
        "{context_switches: 4000/s, page_table_writes: 12000/s, fills: 15000/s, invalidations: 5000/s, \
         other_exits: 15000/s, tlb_misses: 1M/s, slat_violations: 50/s}",
    );
    let shadow = Paging::new(&costs("x5570"), &rates, PagingMode::Shadow);
    assert!((shadow.overhead - 0.109).abs() < 0.001, "{}", shadow.overhead);
    let slat = Paging::new(&costs("x5570"), &rates, PagingMode::Slat);
    assert!((slat.overhead - 0.0206).abs() < 0.0001, "{}", slat.overhead);
    // 1 M misses a second * 40 cycles: 1.4 % that is the guest's, not the hypervisor's.
    assert!((slat.guest_walk - shadow.guest_walk - 0.01365).abs() < 0.0001);
}

#[test]
fn a_thousand_touches_are_a_thousand_fills() {
    let rates = spec("{fills: 1000/s, page_table_writes: 50/s}");
    assert_eq!(
        Paging::new(&costs("deck"), &rates, PagingMode::Shadow).exits_per_s,
        1050.0
    );
    assert_eq!(
        Paging::new(&costs("deck"), &rates, PagingMode::Slat).exits_per_s,
        0.0
    );
}

#[test]
fn references_of_the_published_walks() {
    assert_eq!(
        [(4, 4), (4, 3), (3, 3), (5, 5)].map(|(n, m)| walk_references(n, m)),
        [24, 19, 15, 35]
    );
}

#[test]
fn one_lock_serves_few() {
    let paging = Paging::new(&costs("kvm-2023"), &spec(RDS), PagingMode::Shadow);
    assert_eq!(paging.lock_wait(1.0), 0.0);
    let waits = [2.0, 2.5, 8.0, 32.0, 64.0].map(|busy| paging.lock_wait(busy));
    assert!(waits.is_sorted(), "{waits:?}");
    // 30,000 * 0.78 us + 5,000 * 2.6 us = 36.4 ms of the lock for each second of computing. 64 processors ask for
    // 2.33 of it and get 1: a round takes 64 * 36.4 = 2,330 ms for what took 1,036.4 ms alone.
    assert!((waits[4] - (1.0 - 1036.4 / 2329.6)).abs() < 0.001, "{waits:?}");
    let slat = Paging::new(&costs("kvm-2023"), &spec(RDS), PagingMode::Slat);
    assert_eq!(slat.lock_wait(32.0), 0.0);
}

#[test]
fn a_system_call_is_trapped_twice_under_isolation_only() {
    let seen = |rates: &str, mode| Paging::new(&costs("kvm-2023"), &spec(rates), mode);
    let isolated = "{system_calls: 100000/s, page_table_isolation: true}";
    // 100,000 calls * 2 loads * 0.93 us.
    let shadow = seen(isolated, PagingMode::Shadow);
    assert!((shadow.overhead - 0.186).abs() < 1e-12, "{}", shadow.overhead);
    assert_eq!(shadow.exits_per_s, 200_000.0);
    assert_eq!(seen(isolated, PagingMode::Slat).overhead, 0.0);
    assert_eq!(seen("{system_calls: 100000/s}", PagingMode::Shadow).overhead, 0.0);
}

#[test]
fn large_pages_end_their_dimension_early() {
    let refs = |guest, host, mode| {
        let rates = format!("{{tlb_misses: 1M/s, guest_large_pages: {guest}%, large_pages: {host}%}}");
        Paging::new(&costs("x5570"), &spec(&rates), mode).walk_refs
    };
    // The published walks, now from shares: 24, 19 and 15 references, and 4 and 3 where one table is walked.
    assert_eq!(refs(0, 0, PagingMode::Slat), 24.0);
    assert_eq!(refs(0, 100, PagingMode::Slat), 19.0);
    assert_eq!(refs(100, 100, PagingMode::Slat), 15.0);
    assert_eq!(refs(0, 60, PagingMode::Slat), 21.0);
    assert_eq!(refs(0, 100, PagingMode::Shadow), 4.0);
    assert_eq!(refs(100, 100, PagingMode::Shadow), 3.0);
}

#[test]
fn large_pages_of_the_host_take_three_quarters_of_the_longer_walk() {
    let walk = |host| {
        let rates = format!("{{tlb_misses: 1M/s, large_pages: {host}%}}");
        Paging::new(&costs("x5570"), &spec(&rates), PagingMode::Slat).guest_walk
    };
    // 1 M misses * (35 + 40) cycles of 2.93 GHz, and with large pages 35 + 10.
    assert!((walk(0) - 75e6 / 2.93e9).abs() < 1e-12);
    assert!((walk(100) - 45e6 / 2.93e9).abs() < 1e-12);
}

#[test]
fn a_shadow_is_whole_tables() {
    assert_eq!(shadow_memory(Bytes::ZERO), Bytes::ZERO);
    assert_eq!(shadow_memory(Bytes(1)), Bytes(4096));
    assert_eq!(shadow_memory(Bytes(2 << 20)), Bytes(4096));
    assert_eq!(shadow_memory(Bytes((2 << 20) + 1)), Bytes(8192));
}

#[test]
fn a_load_pays_for_each_table_that_was_written_to_since_the_last() {
    let costs = PagingCosts::new(
        &spec(
            "{costs: {fill: 0s, context_switch: 0s, table_unsync: 4us, entry_sync: 100ns, unsynced: 100%}}",
        ),
        Hertz(1_000_000_000),
    );
    let seen = |rates: &str| Paging::new(&costs, &spec(rates), PagingMode::Shadow);
    let overhead = |rates: &str| seen(rates).overhead;
    // 1,000 loads, each with one full table: 4 us + 512 * 100 ns.
    let one = overhead("{context_switches: 1000/s, page_table_writes: 1000/s}");
    assert!((one - 0.0552).abs() < 1e-12, "{one}");
    // 513 writes between two loads fall on two.
    let two = overhead("{context_switches: 1000/s, page_table_writes: 513000/s}");
    assert!((two - 2.0 * one).abs() < 1e-12, "{two}");
    // Fewer writes than loads: most loads find nothing.
    let few = overhead("{context_switches: 1000/s, page_table_writes: 100/s}");
    assert!((few - 0.1 * one).abs() < 1e-12, "{few}");
    // A table that is being filled is half full: 4 us + 256 * 100 ns.
    let filled = overhead("{context_switches: 1000/s, fills: 1000/s}");
    assert!((filled - 0.0296).abs() < 1e-12, "{filled}");
    // Without loads nothing is looked at again, however much is written.
    assert_eq!(overhead("{page_table_writes: 1M/s, fills: 1M/s}"), 0.0);
    // A load, and the fault of the first write.
    let exits = seen("{context_switches: 1000/s, page_table_writes: 5000/s}").exits_per_s;
    assert!(
        (exits - (1000.0 + 1000.0 * (1.0 + 4.0 / 512.0))).abs() < 1e-9,
        "{exits}"
    );
}
