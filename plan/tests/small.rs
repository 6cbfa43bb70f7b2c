//! A small plan, answered by the simulator: the search finds what trying every number finds, whatever the threads, and goes on
//! where it was stopped.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering};

use twinrack_plan::store::Store;
use twinrack_plan::trial::{Candidate, Situation, carry_out};
use twinrack_plan::{Answer, Means, PlanError, Question, plan, text};
use twinrack_scenario::Scenario;
use twinrack_scenario::read::NoFiles;
use twinrack_scenario::record::RunRecord;
use twinrack_sim::RunOptions;

/// Thirty bursty VMs of 2 GiB; hosts of 4 processors and 16 GiB, 14 of them for VMs: six VMs each by memory, which their overhead takes too.
const SMALL: &str = "
name: small
duration: 10min
edition: modern
hosts:
  - {name: node, count: 5, sockets: 1, cores: 4, memory: 16GiB, nics: [{speed: 10Gb/s}]}
networks: [{name: lan, speed: 10Gb/s}]
storage: [{name: array, kind: csv}]
workloads:
  - name: bursts
    demand: {bursty: {states: [{cpu: 5%, stay: 60s}, {cpu: 100%, stay: 20s}]}}
vms:
  - {name: v, count: 30, memory: 2GiB, vcpus: 1, workload: bursts}
policies: {placement: worst-fit, migration: {per_host: 2}}
plan:
  hosts: node
  to: 12
  axes: [{set: hosts.node.cores, to: ['4', '2']}]
  spare: 1
  drain: {within: 60s}
  require: [{kpi: cpu.ready_s.p95, op: '<=', limit: 30}]
  replications: {least: 6, most: 6}
  growth: {monthly: 5%}
";

fn question() -> Question {
    Question::read("small", SMALL, &NoFiles, &[]).expect("a question")
}

fn simulate(scenario: &Scenario, seed: u64) -> Result<RunRecord, PlanError> {
    twinrack_sim::run(scenario, RunOptions { seed }, &mut |_| ControlFlow::Continue(()))
        .map_err(|error| PlanError::Run(error.to_string()))
}

/// The answer on so many threads, and how many runs it took.
fn answered(folder: &std::path::Path, threads: usize) -> (Answer, u32) {
    let question = question();
    let store = Store::open(folder, "test".to_owned()).expect("a store");
    let runs = AtomicU32::new(0);
    let run = |scenario: &Scenario, seed: u64| {
        runs.fetch_add(1, Ordering::SeqCst);
        simulate(scenario, seed)
    };
    let means = Means {
        run: &run,
        store: &store,
        tried: &|| (),
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a pool");
    let answer = pool.install(|| plan(&question, &means)).expect("an answer");
    (answer, runs.load(Ordering::SeqCst))
}

#[test]
fn the_search_finds_what_trying_every_number_finds() {
    let folder = tempfile::tempdir().expect("a folder");
    let (answer, _) = answered(folder.path(), 2);
    let question = question();
    for (alternative, sized) in question.alternatives.iter().zip(&answer.alternatives) {
        for (index, needed) in sized.needed.iter().enumerate() {
            let seed = alternative.scenario.spec.seed + index as u64;
            let holds = |hosts: &u32| {
                let candidate = Candidate::of(*hosts, seed);
                carry_out(&alternative.scenario, &question.plan, candidate, &simulate)
                    .expect("runs")
                    .holds
            };
            assert_eq!((1..=12).find(holds), *needed, "{} at seed {seed}", sized.name);
        }
    }
    // Fewer processors take more hosts, and by memory alone five carry thirty VMs: N+1 is six.
    let [four, two] = [0, 1].map(|index| answer.alternatives[index].hosts.expect("fits"));
    assert!(two > four && four >= 6, "{four} and {two}");
    assert_eq!(answer.best, Some(0));
}

#[test]
fn the_answer_is_the_same_with_any_number_of_threads_and_kept_trials_are_not_made_again() {
    let folders = [1, 2].map(|_| tempfile::tempdir().expect("a folder"));
    let (alone, runs) = answered(folders[0].path(), 1);
    let (together, _) = answered(folders[1].path(), 2);
    let json = |answer: &Answer| serde_json::to_string(answer).expect("JSON");
    assert_eq!(json(&alone), json(&together));
    assert!(runs > 0);
    // What a killed plan leaves: some trials whole, one torn.
    let mut kept: Vec<_> = std::fs::read_dir(folders[0].path())
        .expect("readable")
        .map(|entry| entry.expect("one").path())
        .collect();
    kept.sort();
    let half = kept.len() / 2;
    for path in &kept[..half] {
        std::fs::remove_file(path).expect("removed");
    }
    std::fs::write(&kept[half], "{\"holds\": tr").expect("torn");
    let (resumed, again) = answered(folders[0].path(), 1);
    assert_eq!(json(&resumed), json(&alone));
    assert!(again > 0 && again < runs, "{again} of {runs} runs");
    assert_eq!(answered(folders[0].path(), 1).1, 0, "all are kept now");
}

#[test]
fn a_spare_host_is_one_that_may_be_missing() {
    let question = question();
    let alternative = &question.alternatives[0];
    let trial = |hosts: u32| {
        let candidate = Candidate::of(hosts, 1);
        carry_out(&alternative.scenario, &question.plan, candidate, &simulate).expect("runs")
    };
    // Five hosts hold thirty VMs by memory; with one missing, 24.
    let five = trial(5);
    let broken = five.broken().expect("too few");
    assert_eq!(
        (broken.situation, broken.item.kpi.as_str(), broken.item.value),
        (Situation::Short, "vms.refused", Some(6.0))
    );
    assert!(!trial(1).holds, "nothing is left without the spare host");
}

#[test]
fn the_verdict_comes_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let (answer, _) = answered(folder.path(), 2);
    let written = text::written(&answer, 120);
    let first = written.lines().next().expect("a line");
    let hosts = answer.alternatives[0].hosts.expect("fits");
    assert!(
        first.starts_with(&format!("FITS with N+1: {hosts} hosts of 4, least hosts (")),
        "{first}"
    );
    for wanted in [
        "breaks first, with one host less",
        "VMs remaining, same mix",
        "time remaining",
        "of the nearest limit",
        "what fails",
        "from what there is to this: add host 1",
        "confidence: ★",
    ] {
        assert!(written.contains(wanted), "{wanted}\n{written}");
    }
}

#[test]
fn what_fits_nowhere_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let sets = [("plan.to".to_owned(), "4".to_owned())];
    let question = Question::read("small", SMALL, &NoFiles, &sets).expect("a question");
    let store = Store::open(folder.path(), "test".to_owned()).expect("a store");
    let means = Means {
        run: &simulate,
        store: &store,
        tried: &|| (),
    };
    let answer = plan(&question, &means).expect("an answer");
    assert_eq!(answer.best, None);
    assert!(text::verdict(&answer).starts_with("DOES NOT FIT: small"));
    assert_eq!(answer.alternatives[0].breaks[0].0.item.kpi, "vms.refused");
}

#[test]
fn where_a_host_more_does_worse_every_number_is_tried() {
    // A body in which five hosts do and any even number does not: a search by halving may pass five over.
    let odd = |scenario: &Scenario, seed: u64| {
        let mut record = simulate(scenario, seed)?;
        let hosts = scenario.hosts.len();
        if let Some(first) = record.summary.expectations.first_mut() {
            first.ok = hosts >= 5 && !hosts.is_multiple_of(2);
        }
        Ok(record)
    };
    let folder = tempfile::tempdir().expect("a folder");
    let sets = [
        ("plan.spare", "0"),
        ("plan.axes", "[]"),
        ("plan.require", "[]"),
        ("plan.growth", "{monthly: 0%}"),
    ];
    let sets = sets.map(|(path, value)| (path.to_owned(), value.to_owned()));
    let question = Question::read("small", SMALL, &NoFiles, &sets).expect("a question");
    let store = Store::open(folder.path(), "test".to_owned()).expect("a store");
    let means = Means {
        run: &odd,
        store: &store,
        tried: &|| (),
    };
    let answer = plan(&question, &means).expect("an answer");
    let sized = &answer.alternatives[0];
    assert_eq!((sized.search, sized.hosts), ("scan", Some(5)));
}
