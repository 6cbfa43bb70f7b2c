//! The other hypervisors' policies end to end: what each is for shows in its figures.

use twinrack_control::migration::{Plan, Report};
use twinrack_scenario::record::event::{Outcome, StopReason};
use twinrack_scenario::spec::cluster::VolumeKind;
use twinrack_scenario::spec::guest::WritePattern::{Random, Sequential};
use twinrack_scenario::units::{Bytes, SimDuration};

use super::body::run_one;
use super::setup::{GIGABIT, class, guest, live, policy, subject};

const MEMORY: Bytes = Bytes(4 << 30);
/// Pages with their 8-byte headers.
const HEADER: f64 = 4104.0 / 4096.0;

/// 1 GiB written at random at 300 MB/s: far more than 110 MB/s can carry.
fn storm(plan: &Plan) -> twinrack_sim::model::dirtying::DirtyModel {
    guest(plan, &[class(Bytes::GIB, 300e6 / 4096.0, Random)])
}

#[test]
fn qemu_keeps_to_its_own_bandwidth_and_its_pause() {
    // 4 GiB at 128 MiB/s on a link of 1.1 GB/s; it stops when 300 ms of that are left, and sends those at link speed.
    let plan = live("policy: qemu", MEMORY);
    let report = run_one(1.1e9, plan.clone(), guest(&plan, &[]));
    let cap = f64::from(128 << 20);
    let all = MEMORY.as_f64() * HEADER / cap;
    assert_eq!((report.rounds.len(), report.outcome), (1, Outcome::Completed));
    assert!(
        (report.brownout.as_secs_f64() - (all - 0.3)).abs() < 0.1 + 1e-6,
        "looked at every 100 ms"
    );
    let rest = report.left_at_pause.as_f64() * HEADER / 1.1e9;
    let pause = 0.02 + rest + f64::from(2 << 20) / 1.1e9 + 0.1;
    assert!((report.downtime.as_secs_f64() - pause).abs() < 1e-4);
}

#[test]
fn a_guest_that_outruns_the_link_never_ends_under_qemu() {
    let plan = live("policy: qemu", MEMORY);
    let report = run_one(GIGABIT, plan.clone(), storm(&plan));
    assert_eq!(
        (report.outcome, report.downtime),
        (Outcome::NeverConverges, SimDuration::ZERO)
    );
    let why = report.reason.expect("it says why");
    assert_eq!(why.code, "NEVER_CONVERGES");
    assert!(report.rounds.len() > 100 && report.sent > Bytes(20 << 30));
}

#[test]
fn auto_converge_slows_it_down_until_it_ends() {
    let plan = live("policy: {qemu: {auto_converge: true}}", MEMORY);
    let report = run_one(GIGABIT, plan.clone(), storm(&plan));
    assert_eq!(
        (report.outcome, report.stop),
        (Outcome::Completed, Some(StopReason::FewPagesLeft))
    );
    assert!(report.downtime < SimDuration::from_millis(300 + 20 + 100 + 40));
    // The dirty rate falls as the guest is slowed down.
    let rates: Vec<f64> = report
        .rounds
        .iter()
        .filter_map(twinrack_control::migration::Round::dirty_rate)
        .collect();
    assert!(rates.last() < rates.get(1), "{rates:?}");
}

#[test]
fn untouched_memory_costs_nine_bytes_a_page() {
    let mut subject = subject(MEMORY, VolumeKind::Csv);
    subject.untouched = Bytes(3 << 30);
    let sent = |yaml: &str| {
        let plan = Plan::live(&policy(yaml), subject);
        let model = guest(&plan, &[]);
        run_one(GIGABIT, plan, model).sent.0
    };
    let state = 2 << 20;
    assert_eq!(sent("policy: hyperv-r2"), (4 << 30) + state);
    assert_eq!(
        sent("{policy: hyperv-r2, zero_pages: true}"),
        (1 << 30) + 786_432 * 9 + state
    );
    assert_eq!(
        sent("{policy: {post-copy: {precopy_rounds: 0}}}"),
        262_144 * 4104 + 786_432 * 9 + state
    );
}

#[test]
fn post_copy_pauses_for_the_state_alone() {
    let plan = live("policy: {post-copy: {precopy_rounds: 0}}", MEMORY);
    let report = run_one(GIGABIT, plan.clone(), storm(&plan));
    assert_eq!((report.outcome, report.rounds.len()), (Outcome::Completed, 0));
    // 20 ms pause, 2 MiB at 110 MB/s, 100 ms resume; every page once.
    assert!((report.downtime.as_secs_f64() - (0.12 + f64::from(2 << 20) / GIGABIT)).abs() < 1e-6);
    let fetch = MEMORY.as_f64() * HEADER / GIGABIT;
    assert!((report.fetch.as_secs_f64() - fetch).abs() < 1e-6);
}

#[test]
fn a_round_before_post_copy_leaves_only_what_was_dirtied() {
    let plan = live("policy: post-copy", MEMORY);
    let report = run_one(GIGABIT, plan.clone(), storm(&plan));
    assert_eq!(report.stop, Some(StopReason::SwitchedToPostCopy));
    assert!(report.left_at_pause <= Bytes::GIB);
    let wire = (MEMORY.as_f64() + report.left_at_pause.as_f64()) * HEADER + f64::from(2 << 20);
    assert!((report.sent.as_f64() - wire).abs() < 2.0);
}

#[test]
fn clark_starts_slowly_and_xen_stops_early() {
    let plan = live("policy: clark-2005", MEMORY);
    let report = run_one(GIGABIT, plan.clone(), guest(&plan, &[]));
    // 100 Mb/s whatever the link gives.
    assert_eq!(report.rounds[0].elapsed, SimDuration::from_nanos(343_597_383_680));
    let plan = live("policy: xen", MEMORY);
    let report = run_one(GIGABIT, plan.clone(), storm(&plan));
    assert_eq!(
        (report.outcome, report.rounds.len()),
        (Outcome::CompletedNotConverged, 5)
    );
    assert_eq!(report.stop, Some(StopReason::MaxRounds));
}

/// A guest that writes all its memory in a quarter of a millisecond has all of it left out of every round: it takes no longer
/// than one that writes nothing, where sending what is dirty again takes three times the memory and more.
#[test]
fn classic_xen_leaves_out_what_is_dirty_again() {
    let migrate = |log: &str, rate: f64| {
        let yaml = format!("{{policy: {{xen: {{max_rounds: 29, max_factor: 3}}}}, dirty_log: {log}}}");
        let plan = live(&yaml, MEMORY);
        let model = guest(&plan, &[class(MEMORY, rate, Sequential)]);
        run_one(GIGABIT, plan, model)
    };
    let (idle, busy, sends) = (
        migrate("skip-dirty", 0.0),
        migrate("skip-dirty", 1e9),
        migrate("round-start", 1e9),
    );
    assert_eq!((idle.rounds.len(), busy.rounds.len()), (1, 29));
    assert_eq!(busy.stop, Some(StopReason::MaxRounds));
    let ratio = |report: &Report| report.total.as_secs_f64() / idle.total.as_secs_f64();
    assert!(ratio(&busy) > 1.0 && ratio(&busy) < 1.001, "{}", ratio(&busy));
    assert!(ratio(&sends) > 3.0, "{}", ratio(&sends));
}

#[test]
fn a_cap_of_the_scenario_holds_under_every_policy() {
    for name in ["hyperv-r2", "qemu", "xen", "clark-2005", "simgrid", "post-copy"] {
        let plan = live(
            &format!("{{policy: {name}, bandwidth: 10MB/s}}"),
            Bytes(256 << 20),
        );
        let report = run_one(GIGABIT, plan.clone(), guest(&plan, &[]));
        let round = report.rounds[0].bandwidth().expect("it took time");
        assert!(round <= 10e6 * (1.0 + 1e-9), "{name}: {round}");
    }
}
