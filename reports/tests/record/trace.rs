//! Trace events are what their format wants, so that Perfetto and Chrome show all of them where they belong.

use std::collections::BTreeMap;

use serde_json::Value;
use twinrack_reports::trace_event::trace;

use crate::{SCENARIOS, simulated};

fn events(scenario: &str) -> Vec<Value> {
    let trace = trace(&simulated(scenario));
    trace["traceEvents"].as_array().expect("a list of events").clone()
}

fn number(event: &Value, key: &str) -> f64 {
    event[key]
        .as_f64()
        .unwrap_or_else(|| panic!("no {key} in {event}"))
}

#[test]
fn every_event_has_its_phase_time_process_and_thread() {
    for scenario in SCENARIOS {
        let events = events(scenario);
        let mut before = 0.0;
        for event in &events {
            assert!(
                number(event, "ts") >= before,
                "{scenario}: not in order of time: {event}"
            );
            before = number(event, "ts");
            assert!(
                event["pid"].is_u64() && event["tid"].is_u64() && event["name"].is_string(),
                "{event}"
            );
            match event["ph"].as_str() {
                Some("B" | "E") => assert_eq!(event["cat"], "migration", "{event}"),
                Some("C") => assert!(event["args"]["value"].is_number(), "{event}"),
                Some("i") => assert_eq!(event["s"], "p", "{event}"),
                Some("M") => assert!(event["args"]["name"].is_string(), "{event}"),
                phase => panic!("{scenario}: {phase:?} in {event}"),
            }
        }
    }
}

/// An end that is not that of the span begun last would close another, and all that follows would be shown in the wrong place.
#[test]
fn the_spans_of_a_thread_nest() {
    for scenario in SCENARIOS {
        let mut open: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
        let mut deepest = 0;
        for event in events(scenario) {
            let stack = open.entry(event["tid"].as_u64().expect("a thread")).or_default();
            match event["ph"].as_str() {
                Some("B") => stack.push(event["name"].clone()),
                Some("E") => assert_eq!(stack.pop().as_ref(), Some(&event["name"]), "{scenario}: {event}"),
                _ => {}
            }
            deepest = deepest.max(stack.len());
        }
        assert!(
            deepest <= 2,
            "{scenario}: phases lie in migrations and in nothing else"
        );
        assert!(open.values().all(Vec::is_empty), "{scenario}: some never end");
    }
}

#[test]
fn the_phases_of_a_migration_account_for_all_of_its_time() {
    let mut rounds = 0;
    for scenario in SCENARIOS {
        let run = simulated(scenario);
        for story in run.migrations() {
            let phases = story.phases(run.summary.span_s);
            rounds += phases.iter().filter(|phase| phase.sent.is_some()).count();
            for pair in phases.windows(2) {
                assert_eq!(pair[0].end_s, pair[1].begin_s, "{scenario}: {}", story.vm);
            }
            let sum: f64 = phases.iter().map(|phase| phase.end_s - phase.begin_s).sum();
            let whole = story.length_s(run.summary.span_s);
            assert!(
                (sum - whole).abs() < 1e-6,
                "{scenario}: {} took {whole} s, its phases {sum} s",
                story.vm
            );
        }
    }
    assert!(rounds > 100, "only {rounds} rounds were looked at");
}

/// What a reader of the timeline sees of one migration.
#[test]
fn a_migration_reads_as_its_phases() {
    let names: Vec<String> = events("deck/live-migration.yaml")
        .iter()
        .filter(|event| event["ph"] == "B")
        .map(|event| event["name"].as_str().expect("a name").to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "n1 → n2",
            "set up",
            "round 1",
            "round 2",
            "round 3",
            "round 4",
            "round 5",
            "round 6",
            "stop, hand over",
            "resume",
            "clean up"
        ]
    );
}
