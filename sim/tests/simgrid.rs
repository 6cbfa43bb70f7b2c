//! `SimGrid`'s live-migration plugin against our `simgrid` policy, from scenario file to figures.
//!
//! The figures are what its plugin printed on a star of 1 Gb/s links (1.25e8 bytes a second), for busy guests of one
//! virtual processor that dirty 90 % of their memory at most: seconds to 1 ms, downtime to 0.01 ms, rounds of its second
//! stage. Its fluid model has no headers, no latency and no processor cost, so the scenarios have none either.

/// What they share.
mod support;

use std::fmt::Write;
use support::{figure, simulated};
use twinrack_scenario::record::{Event, Outcome, RunRecord};

/// So many guests leave one host for another at once.
fn migrate(guests: u32, memory: &str, intensity: &str) -> RunRecord {
    let mut yaml = format!(
        "name: simgrid
duration: 1h
edition: modern
hosts:
  - {{name: source, memory: 64GiB}}
  - {{name: target, memory: 64GiB}}
networks:
  - {{name: star, speed: 1Gb/s, framing: none, latency: 0s}}
storage:
  - {{name: san, kind: csv}}
clusters:
  - {{name: c}}
vms:
  - {{name: guest, count: 2, host: source, memory: {memory}, vcpus: 1, cpu: 100%}}
policies:
  migration:
    policy: {{simgrid: {{speed: 1Gb/s, intensity: {intensity}, working_set: 90%}}}}
    per_host: 2
    cost: {{send_nanos_per_byte: 0}}
timeline:
"
    );
    for guest in 1..=guests {
        writeln!(yaml, "  - live_migrate: {{vm: guest{guest}, to: target}}").expect("to a string");
    }
    simulated(&yaml)
}

/// The first and the last of the guests have the figures, to a part in 10^4 or half of the last digit printed.
fn assert_figures(record: &RunRecord, guests: f64, seconds: f64, milliseconds: f64, stage_2_rounds: f64) {
    assert_eq!(figure(record, "migration.completed"), guests);
    assert_eq!(figure(record, "migration.not_converged"), 0.0);
    for stat in ["min", "max"] {
        let total = figure(record, &format!("migration.total_s.{stat}"));
        assert!(
            (total - seconds).abs() <= seconds * 1e-4,
            "{stat}: {total} s, not {seconds} s"
        );
        let downtime = figure(record, &format!("migration.downtime_s.{stat}")) * 1e3;
        assert!(
            (downtime - milliseconds).abs() <= (milliseconds * 1e-4).max(0.005),
            "{stat}: {downtime} ms, not {milliseconds} ms"
        );
        // Our rounds count the full copy, its first stage.
        assert_eq!(
            figure(record, &format!("migration.rounds.{stat}")),
            stage_2_rounds + 1.0
        );
    }
}

#[test]
fn a_tenth_of_the_speed() {
    // 2^30 / 1.25e8 = 8.590 s, then a tenth of it, a hundredth and, in the pause, a thousandth: 9.543 s.
    assert_figures(&migrate(1, "1GiB", "10%"), 1.0, 9.543, 8.59, 2.0);
}

#[test]
fn three_fifths_of_the_speed() {
    // 8.590 s (1 - 0.6^13) / (1 - 0.6) = 21.447 s; the pause is 0.6^12 of 8.590 s.
    assert_figures(&migrate(1, "1GiB", "60%"), 1.0, 21.447, 18.70, 11.0);
}

#[test]
fn four_gigabytes_at_three_tenths() {
    // 34.360 s (1 - 0.3^7) / (1 - 0.3) = 49.075 s; the pause is 0.3^6 of 34.360 s.
    assert_figures(&migrate(1, "4GiB", "30%"), 1.0, 49.075, 25.05, 5.0);
}

#[test]
fn two_guests_share_the_link_and_dirty_as_for_all_of_it() {
    // Half of the link each, but 30 % of the configured speed is dirtied: rounds shrink by 0.6 only, from 17.180 s.
    assert_figures(&migrate(2, "1GiB", "30%"), 2.0, 42.916, 22.44, 12.0);
}

#[test]
fn two_guests_that_together_outrun_the_link_never_end() {
    // 60 % of the speed on half of the link: every round is longer than the last. The plugin ends its simulation there;
    // here both are said never to converge, and run on where they are.
    let record = migrate(2, "1GiB", "60%");
    let outcomes = record.events.iter().filter_map(|record| match &record.event {
        Event::MigrationEnded {
            outcome,
            downtime_nanos,
            ..
        } => Some((*outcome, *downtime_nanos)),
        _ => None,
    });
    assert_eq!(outcomes.collect::<Vec<_>>(), [(Outcome::NeverConverges, 0); 2]);
    assert_eq!(figure(&record, "migration.not_converged"), 2.0);
    assert_eq!(figure(&record, "migration.completed"), 0.0);
}
