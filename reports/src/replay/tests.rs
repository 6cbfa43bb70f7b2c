//! A wrong profile is named by its parameter, and runs give their host's parameters back: labs here are simulations with other
//! parameters and with noise, so that what is off is known.

use std::ops::ControlFlow;

use serde_json::{Map, Value, json};
use twinrack_scenario::Scenario;
use twinrack_sim::RunOptions;

use super::refit::{LabRun, refit};
use super::*;
use crate::run::text as word;

/// What a host takes in truth.
const TRUTH: [(Parameter, f64); 8] = [
    (Parameter::RoundTurn, 4e-4),
    (Parameter::LogStart, 0.02),
    (Parameter::SetUp, 0.09),
    (Parameter::Pause, 2e-4),
    (Parameter::State, 14_000.0),
    (Parameter::HandOver, 5e-4),
    (Parameter::Resume, 1e-3),
    (Parameter::CleanUp, 0.0),
];

fn simulate(scenario: &Scenario) -> Result<Run, String> {
    let options = RunOptions { seed: 1 };
    let record = twinrack_sim::run(scenario, options, &mut |_| ControlFlow::Continue(()));
    record
        .map(|record| Run::of(&record))
        .map_err(|error| error.to_string())
}

/// One VM moved once.
fn scenario(memory: u64, rate: u64, pattern: &str) -> Scenario {
    let yaml = format!(
        "name: m{memory}-{rate}-{pattern}\nduration: 1min\n\
         hosts: [{{name: n, count: 2, memory: 64GiB, sockets: 1, cores: 64}}]\n\
         networks: [{{name: lan, speed: 1Gb/s, framing: none, latency: 0ns}}]\n\
         storage: [{{name: csv, kind: csv}}]\nclusters: [{{name: c}}]\n\
         vms: [{{name: vm, host: n1, memory: {memory}MiB, vcpus: 1, cpu: 1%, \
         dirtying: [{{size: {}MiB, rate: {rate}/s, pattern: {pattern}}}]}}]\n\
         policies: {{migration: {{policy: {{hyperv-r2: {{threshold_time: 30ms}}}}}}}}\n\
         timeline: [{{live_migrate: {{at: 1s, vm: vm, to: n2}}}}]\n",
        memory / 4
    );
    let mut scenario = Scenario::from_yaml(&yaml).unwrap_or_else(|rejected| panic!("{rejected}"));
    for (parameter, value) in TRUTH {
        parameter.put(value, &mut scenario.spec);
    }
    scenario
}

/// Random numbers between -1 and 1 (`SplitMix64`, Steele, Lea and Flood, OOPSLA'14).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// A simulated run as a lab would tell it: with the parts of its black-out, rounds that take a little more or less, and pages that
/// were written by chance.
fn lab(scenario: &Scenario, seed: u64) -> Run {
    let mut run = simulate(scenario).expect("runs");
    let mut noise = Noise(seed);
    let nanos = |parameter: Parameter| (parameter.of(&scenario.spec) * 1e9) as i64;
    let mut late = 0_i64;
    let mut events: Vec<Map<String, Value>> = Vec::new();
    for mut event in std::mem::take(&mut run.events) {
        let number =
            |event: &Map<String, Value>, key: &str| event.get(key).and_then(Value::as_i64).unwrap_or(0);
        if word(&event, "kind") == "migration_round" {
            let took = number(&event, "nanos");
            let more = ((1e-4 + 5e-4 * took as f64 / 1e9) * noise.next() * 1e9) as i64;
            late += more;
            event.insert("nanos".to_owned(), json!((took + more).max(0)));
            let dirtied = number(&event, "dirtied");
            let chance = (0.4 * (dirtied as f64).sqrt() * noise.next()) as i64;
            event.insert("dirtied".to_owned(), json!((dirtied + chance).max(0)));
        }
        let at = number(&event, "t_ns") + late;
        event.insert("t_ns".to_owned(), json!(at));
        let resumed = word(&event, "kind") == "migration_resumed";
        events.push(event);
        if resumed {
            let parts = json!({
                "t_ns": at, "kind": "migration_blackout", "migration": 0, "stop_nanos": nanos(Parameter::Pause), "log_nanos": 0,
                "save_nanos": 0, "copy_nanos": 0, "commit_nanos": nanos(Parameter::HandOver), "resume_nanos": 0,
            });
            events.extend(parts.as_object().cloned());
        }
    }
    run.events = events;
    run
}

#[test]
fn a_right_profile_has_nothing_off() {
    for seed in 1..=3 {
        let scenario = scenario(128, 10_000, "random");
        let blame = blame(&lab(&scenario, seed), &scenario, &simulate).expect("runs");
        assert_eq!(blame.named, None, "{}", blame.off());
        assert!(blame.differ < 1.0, "{}", blame.differ);
    }
}

#[test]
fn a_wrong_profile_is_named_by_its_parameter() {
    for (seed, (parameter, wrong, near)) in [
        (Parameter::Goodput, 0.8, 0.005),
        (Parameter::Goodput, 1.25, 0.005),
        (Parameter::Pause, 0.0502, 1e-3),
        (Parameter::DirtyRate, 1.3, 0.03),
        (Parameter::DirtyRate, 0.6, 0.03),
        (Parameter::WorkingSet, 1.6, 0.05),
        (Parameter::RoundTurn, 0.008, 5e-4),
        (Parameter::SetUp, 0.3, 0.01),
        (Parameter::State, 3e6, 3e4),
        (Parameter::HandOver, 0.02, 1e-3),
        (Parameter::Resume, 0.04, 1e-3),
        (Parameter::CleanUp, 0.5, 0.02),
        (Parameter::PageHeader, 60.0, 8.0),
    ]
    .into_iter()
    .enumerate()
    {
        let truth = scenario(128, 10_000, "random");
        let lab = lab(&truth, seed as u64);
        let mut profile = truth.clone();
        parameter.put(wrong, &mut profile.spec);
        let blame = blame(&lab, &profile, &simulate).expect("runs");
        let named = blame
            .named
            .clone()
            .unwrap_or_else(|| panic!("{}: nothing is off", parameter.name()));
        let [(found, _, to)] = named.changes[..] else {
            panic!("{} by {wrong}: {}", parameter.name(), named.told());
        };
        assert_eq!(found, parameter, "by {wrong}: {}", named.told());
        let right = match parameter {
            // What multiplies is told as a multiple of the wrong number.
            Parameter::DirtyRate | Parameter::WorkingSet => 1.0 / wrong,
            _ => parameter.of(&truth.spec),
        };
        assert!(
            (to - right).abs() <= near,
            "{}: {to} for {right}",
            parameter.name()
        );
        assert!(named.explains > 0.9, "{}", named.told());
    }
}

#[test]
fn two_that_are_wrong_are_named_together() {
    let truth = scenario(128, 10_000, "random");
    let lab = lab(&truth, 5);
    let mut profile = truth.clone();
    Parameter::Goodput.put(0.85, &mut profile.spec);
    Parameter::Pause.put(0.05, &mut profile.spec);
    let blame = blame(&lab, &profile, &simulate).expect("runs");
    let named = blame.named.expect("something is off");
    let mut found: Vec<Parameter> = named.changes.iter().map(|change| change.0).collect();
    found.sort();
    assert_eq!(found, [Parameter::Goodput, Parameter::Pause], "{}", named.told());
}

/// Runs of one host over memory, rate and pattern, all simulated with the same wrong start.
fn runs() -> Vec<LabRun> {
    let mut runs = Vec::new();
    for (index, memory) in [64, 128, 256, 512, 1024, 2048].into_iter().enumerate() {
        for (other, (rate, pattern)) in [(0, "random"), (5_000, "sequential"), (20_000, "random")]
            .into_iter()
            .enumerate()
        {
            let mut truth = scenario(memory, rate, pattern);
            Parameter::Goodput.put(0.957, &mut truth.spec);
            Parameter::SetUpPerGib.put(0.4, &mut truth.spec);
            let run = lab(&truth, (index * 3 + other) as u64);
            let mut start = truth;
            Parameter::Goodput.put(1.0, &mut start.spec);
            Parameter::SetUpPerGib.put(0.0, &mut start.spec);
            for (parameter, wrong) in [
                (Parameter::RoundTurn, 0.0),
                (Parameter::SetUp, 2.0),
                (Parameter::HandOver, 0.25),
            ] {
                parameter.put(wrong, &mut start.spec);
            }
            let name = start.spec.name.value.clone();
            runs.push(LabRun {
                name,
                run,
                scenario: start,
            });
        }
    }
    runs
}

#[test]
fn runs_give_back_the_parameters_of_their_host_whatever_their_order() {
    let refitted = refit(runs(), 3, &simulate).expect("fits");
    let found = |parameter: Parameter| {
        refitted
            .parameters
            .iter()
            .find(|own| own.parameter == parameter)
            .expect("told")
            .clone()
    };
    for (parameter, right, near) in [
        (Parameter::Goodput, 0.957, 0.002),
        (Parameter::RoundTurn, 4e-4, 2e-4),
        (Parameter::SetUp, 0.09, 0.002),
        (Parameter::SetUpPerGib, 0.4, 0.01),
        (Parameter::HandOver, 5e-4, 1e-4),
        (Parameter::Pause, 2e-4, 1e-4),
    ] {
        let fitted = found(parameter);
        assert!((fitted.value - right).abs() <= near, "{fitted:?} for {right}");
        assert!(fitted.error.is_some_and(|error| error < near * 4.0), "{fitted:?}");
    }
    assert_eq!(
        (refitted.fitted.0.cases.len(), refitted.held_out.0.cases.len()),
        (12, 6)
    );
    assert!(
        refitted.differ.1 < 1.0 && refitted.differ.0 > 4.0,
        "{:?}",
        refitted.differ
    );
    for verdict in &refitted.held_out.1.verdicts {
        assert!(verdict.ok, "{verdict:?}");
    }
    let mut reversed = runs();
    reversed.reverse();
    assert_eq!(refit(reversed, 3, &simulate).expect("fits"), refitted);
}

#[test]
fn what_runs_do_not_determine_keeps_its_value_and_is_told() {
    // Guests that write nothing have one round: its turn can't be told from what the log takes to start.
    let idle = |memory: u64, seed: u64| {
        let truth = scenario(memory, 0, "random");
        let (run, name) = (lab(&truth, seed), truth.spec.name.value.clone());
        LabRun {
            name,
            run,
            scenario: truth,
        }
    };
    let runs = vec![idle(128, 1), idle(128, 2), idle(128, 3)];
    let refitted = refit(runs, 0, &simulate).expect("fits");
    let untold: Vec<Parameter> = refitted
        .parameters
        .iter()
        .filter(|own| own.error.is_none())
        .map(|own| own.parameter)
        .collect();
    assert!(!untold.is_empty());
    for parameter in &untold {
        let fitted = refitted
            .parameters
            .iter()
            .find(|own| own.parameter == *parameter)
            .expect("told");
        assert_eq!(fitted.value, fitted.before);
        assert!(fitted.why.is_some());
    }
    assert!(untold.contains(&Parameter::LogStart), "{untold:?}");
    let yaml = profile::yaml(&refitted, "Test.");
    assert!(!yaml.contains("log_start"), "{yaml}");
}

#[test]
fn a_profile_of_a_fit_is_taken_by_a_scenario() {
    use twinrack_scenario::read::{Lookup, LookupError, read};
    struct One(String);
    impl Lookup for One {
        fn profile(
            &self,
            _: twinrack_scenario::profile::ProfileKind,
            _: &str,
        ) -> Result<String, LookupError> {
            Ok(self.0.clone())
        }
        fn trace(&self, _: &str) -> Result<Vec<u8>, LookupError> {
            unreachable!("no trace is named")
        }
    }
    let refitted = refit(runs(), 3, &simulate).expect("fits");
    let yaml = profile::yaml(&refitted, "Test.");
    let scenario =
        "name: a\nduration: 1s\nhosts: [{name: n, memory: 8GiB}]\npolicies: {profile: ./here.yaml}\n";
    let read =
        read("a", scenario, &One(yaml.clone()), &[]).unwrap_or_else(|rejected| panic!("{rejected}\n{yaml}"));
    for fitted in refitted.parameters.iter().filter(|own| own.error.is_some()) {
        let there = fitted.parameter.of(&read.spec);
        let near =
            1e-4 * fitted.value.abs() + 1.0_f64.min(if fitted.parameter.unit() == "B" { 1.0 } else { 1e-8 });
        assert!((there - fitted.value).abs() <= near, "{fitted:?}: {there}");
    }
}

#[test]
fn events_are_laid_side_by_side_and_the_clocks_compared() {
    let scenario = scenario(128, 10_000, "random");
    let lab = lab(&scenario, 1);
    let simulated = simulate(&scenario).expect("runs");
    let alignment = align(&simulated, &lab);
    assert_eq!(alignment.both(), alignment.events.len(), "{alignment:?}");
    let farthest = alignment.farthest().expect("some are apart");
    let apart = farthest.apart_s().expect("both have it").abs();
    assert!(apart > 0.0 && apart < 3e-3, "{farthest:?}");
    let mut fewer = lab.clone();
    fewer
        .events
        .retain(|event| word(event, "kind") != "migration_handed_over");
    let alignment = align(&simulated, &fewer);
    let alone: Vec<String> = alignment
        .events
        .iter()
        .filter(|event| event.measured_s.is_none())
        .map(Aligned::what)
        .collect();
    assert_eq!(alone, ["handed over: vm"]);
}
