//! The SimGrid preset against figures of its plugin, to 1e-4.

use super::body::{Job, run};
use super::setup::{guest, live};
use twinrack_control::migration::Report;
use twinrack_scenario::record::event::Outcome;
use twinrack_scenario::units::Bytes;

/// 1 Gb/s.
const LINK: f64 = 1.25e8;

fn together(count: usize, gib: u64, intensity: &str) -> Vec<Report> {
    let yaml = format!("policy: {{simgrid: {{intensity: {intensity}}}}}");
    let jobs = (0..count)
        .map(|_| {
            let plan = live(&yaml, Bytes(gib << 30));
            let guest = guest(&plan, &[]);
            Job { plan, guest }
        })
        .collect();
    run(LINK, jobs)
}

fn assert_report(report: &Report, seconds: f64, milliseconds: f64, stage_2_rounds: usize) {
    let total = report.total.as_secs_f64();
    // Figures are given to 1 ms and to 0.01 ms.
    assert!(
        (total - seconds).abs() <= seconds * 1e-4,
        "{total} s instead of {seconds} s"
    );
    let downtime = report.downtime.as_secs_f64() * 1e3;
    let tolerance = (milliseconds * 1e-4_f64).max(0.005);
    assert!(
        (downtime - milliseconds).abs() <= tolerance,
        "{downtime} ms instead of {milliseconds} ms"
    );
    assert_eq!(report.rounds.len() - 1, stage_2_rounds);
    assert_eq!(report.outcome, Outcome::Completed);
}

#[test]
fn one_guest_at_a_tenth() {
    // 2^30 / 1.25e8 · (1 + 0.1 + 0.01 + 0.001) = 9.543 s; the last part is the pause.
    assert_report(&together(1, 1, "10%")[0], 9.543, 8.59, 2);
}

#[test]
fn one_guest_at_three_fifths() {
    assert_report(&together(1, 1, "60%")[0], 21.447, 18.70, 11);
}

#[test]
fn four_gigabytes_at_three_tenths() {
    assert_report(&together(1, 4, "30%")[0], 49.075, 25.05, 5);
}

#[test]
fn two_guests_share_the_link_but_not_their_dirty_rate() {
    for report in together(2, 1, "30%") {
        assert_report(&report, 42.916, 22.44, 12);
    }
}

#[test]
fn two_guests_that_together_outrun_the_link_never_end() {
    for report in together(2, 1, "60%") {
        assert_eq!(report.outcome, Outcome::NeverConverges);
        assert_eq!(report.downtime.as_nanos(), 0, "the VM runs on");
        // The working set is 90 % of 1 GiB, counted in bytes.
        assert_eq!(
            report.rounds.last().map(|round| round.left),
            Some(Bytes(966_367_641))
        );
    }
}
