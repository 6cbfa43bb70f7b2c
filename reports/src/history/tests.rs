//! Histories made of numbers: what is kept, what is called a change, and what chance alone makes.

use serde_json::json;

use super::changes::changes;
use super::{Chosen, History, Level, Series, text};
use crate::compare::Suite;
use crate::compare::suite::{Events, Sample};
use twinrack_scenario::record::Figure;

const DOWNTIME: &str = "migration.downtime_s.max";

fn suite(values: &[f64]) -> Suite {
    let figure = |value: f64| -> Figure {
        serde_json::from_value(json!({"value": value, "unit": "s", "source": "modelled"})).expect("a figure")
    };
    let sample = |(seed, value): (u64, &f64)| Sample {
        from: "made".to_owned(),
        name: "case".to_owned(),
        blake3: String::new(),
        backend: "sim".to_owned(),
        seed,
        digest: String::new(),
        figures: [
            (DOWNTIME.to_owned(), figure(*value)),
            ("cores.residency.c6".to_owned(), figure(0.5)),
        ]
        .into(),
        limits: Vec::new(),
        expected: Vec::new(),
        events: Events::Kept(Vec::new()),
    };
    Suite {
        from: "made".to_owned(),
        samples: (0..).zip(values).map(sample).collect(),
    }
}

fn history(commits: &[(&str, &[f64])]) -> History {
    let mut history = History::default();
    for (commit, values) in commits {
        history.add(
            &suite(values),
            (commit, "2026-11-20T12:00:00Z"),
            &Chosen::default(),
        );
    }
    history
}

/// A series of one measured figure, one commit a value.
fn measured(values: &[f64]) -> Series {
    Series {
        scenario: "case".to_owned(),
        backend: "kvm".to_owned(),
        figure: DOWNTIME.to_owned(),
        points: values
            .iter()
            .enumerate()
            .map(|(place, value)| (place, Level::Same(*value)))
            .collect(),
        changes: Vec::new(),
    }
}

/// Numbers around 1 that look like chance (`SplitMix64`).
fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut uniform = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..count)
        .map(|_| 1.0 + 0.03 * ((0..12).map(|_| uniform()).sum::<f64>() - 6.0))
        .collect()
}

#[test]
fn a_history_is_read_as_it_was_written_and_an_odd_line_is_named() {
    let history = history(&[("a", &[1.0]), ("b", &[1.0, 2.0, 6.0])]);
    let written = history.written().expect("JSON");
    assert_eq!(written.lines().count(), 2);
    assert_eq!(History::read(&written).expect("a history"), history);
    let error = History::read(&format!("{written}{{\"commit\": 1}}\n")).expect_err("no line of it");
    assert!(
        error.to_string().starts_with("line 3 is none of a history"),
        "{error}"
    );
    let [.., last] = &history.entries[..] else {
        panic!("two entries")
    };
    assert_eq!(last.figures[DOWNTIME], Level::Spread([3.0, 1.0, 6.0]));
    assert!(
        !last.figures.contains_key("cores.residency.c6"),
        "no figure of note"
    );
}

#[test]
fn a_commit_that_is_added_again_is_replaced() {
    let history = history(&[("a", &[1.0]), ("b", &[2.0]), ("a", &[3.0])]);
    assert_eq!(
        history
            .commits()
            .iter()
            .map(|(commit, _)| *commit)
            .collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(history.entries[0].figures[DOWNTIME], Level::Same(3.0));
}

/// What is simulated changes where it is otherwise by as much as anybody would notice.
#[test]
fn every_step_of_a_simulated_figure_is_a_change() {
    let history = history(&[
        ("a", &[1.0]),
        ("b", &[1.0]),
        ("c", &[1.2]),
        ("d", &[1.205]),
        ("e", &[0.6]),
    ]);
    let series = history.series();
    let told: Vec<(usize, Option<bool>)> = series[0]
        .changes
        .iter()
        .map(|change| (change.at, change.worse))
        .collect();
    assert_eq!(told, [(2, Some(true)), (4, Some(false))]);
    insta::assert_snapshot!("text", text::written(&history, 120));
}

/// Of fifty measured series that vary by 3 % at most two have a change; of fifty that step by 8 % nearly all have one, near its place.
#[test]
fn a_change_of_a_measured_figure_is_more_than_chance() {
    let found = |step: f64| -> Vec<usize> {
        let one = |seed| {
            let mut values = noise(40, seed);
            values[20..].iter_mut().for_each(|value| *value *= 1.0 + step);
            changes(&measured(&values), 50)
                .iter()
                .map(|change| change.at)
                .collect::<Vec<_>>()
        };
        (0..50).flat_map(|seed| one(1000 * seed)).collect()
    };
    let alarms = found(0.0);
    assert!(alarms.len() <= 2, "{alarms:?}");
    let found = found(0.08);
    let near = found.iter().filter(|at| at.abs_diff(20) <= 4).count();
    assert!(near >= 47, "{found:?}");
    assert!(found.len() <= 53, "{found:?}");
}
