//! Runs made of numbers: what is called a regression, and what is not.

mod noise;

use std::collections::BTreeMap;

use serde_json::json;
use twinrack_scenario::record::figure::{Figure, Source};

use super::suite::{Events, NamedEvent, Sample};
use super::{Comparison, Exactly, FigureVerdict, Outcome, Rules, Suite, Verdict, compare, text};

/// Figures of a run, better lower.
const FIGURES: [&str; 8] = [
    "migration.total_s.mean",
    "migration.downtime_s.mean",
    "migration.brownout_s.mean",
    "migration.bytes.mean",
    "cpu.ready_s.mean",
    "power.watts.mean",
    "maintenance.drain_s.mean",
    "ha.outage_s.mean",
];

fn sample(backend: &str, seed: u64, figures: &[(&str, f64)]) -> Sample {
    let figure = |(name, value): &(&str, f64)| {
        let figure = Figure {
            value: *value,
            unit: "s".to_owned(),
            source: Source::Measured,
        };
        ((*name).to_owned(), figure)
    };
    Sample {
        from: format!("{backend}-{seed}"),
        name: "case".to_owned(),
        blake3: "0".to_owned(),
        backend: backend.to_owned(),
        seed,
        digest: format!("{figures:?}"),
        figures: figures.iter().map(figure).collect::<BTreeMap<_, _>>(),
        limits: Vec::new(),
        expected: Vec::new(),
        events: Events::Kept(Vec::new()),
    }
}

fn suite(samples: Vec<Sample>) -> Suite {
    Suite {
        from: "made".to_owned(),
        samples,
    }
}

/// Simulated runs at the seeds from 0 on, with one figure.
fn simulated(figure: &str, values: &[f64]) -> Suite {
    let run = |(seed, value): (u64, &f64)| sample("sim", seed, &[(figure, *value)]);
    suite((0..).zip(values).map(run).collect())
}

fn compared(base: &Suite, new: &Suite) -> Comparison {
    compare(base, new, &Rules::default()).expect("can be compared")
}

fn only(comparison: &Comparison) -> &FigureVerdict {
    let [scenario] = &comparison.scenarios[..] else {
        panic!("one scenario: {comparison:?}");
    };
    &scenario.figures[0]
}

#[test]
fn one_simulated_seed_is_compared_exactly() {
    let base = simulated("migration.downtime_s.max", &[1.0]);
    for (value, verdict) in [
        (1.0, Verdict::Unchanged),
        (1.005, Verdict::Unchanged),
        (1.02, Verdict::Warned),
        (1.04, Verdict::Failed),
        (0.9, Verdict::Improved),
    ] {
        let comparison = compared(&base, &simulated("migration.downtime_s.max", &[value]));
        assert_eq!(
            only(&comparison).verdict,
            verdict,
            "{value}: {:?}",
            only(&comparison).why
        );
    }
    let more = compared(
        &simulated("vms.running.min", &[4.0]),
        &simulated("vms.running.min", &[3.0]),
    );
    assert_eq!(only(&more).verdict, Verdict::Failed, "higher is better");
    let neither = compared(
        &simulated("migration.count", &[4.0]),
        &simulated("migration.count", &[9.0]),
    );
    assert_eq!(
        (only(&neither).verdict, neither.outcome),
        (Verdict::Changed, Outcome::Passed)
    );
}

/// What one seed made worse and the next made better is no regression when there are seeds enough to tell.
#[test]
fn over_seeds_a_difference_must_stand_out() {
    let name = "migration.downtime_s.max";
    let values =
        |shift: &dyn Fn(u32) -> f64| -> Vec<f64> { (0..20).map(|seed| 10.0 + shift(seed)).collect() };
    let base = simulated(name, &values(&|_| 0.0));
    let mixed = simulated(name, &values(&|seed| if seed % 2 == 0 { 3.0 } else { -2.5 }));
    let figure = compared(&base, &mixed);
    assert_eq!(
        only(&figure).verdict,
        Verdict::Unchanged,
        "{:?}",
        only(&figure).why
    );
    assert_eq!(only(&figure).because, "may be chance");
    let steady = simulated(name, &values(&|seed| if seed % 5 == 0 { 0.0 } else { 0.5 }));
    let figure = compared(&base, &steady);
    assert_eq!(only(&figure).verdict, Verdict::Failed, "{:?}", only(&figure).why);
    assert_eq!(
        only(&figure).why,
        [
            "p = 0.0001 by permutation of 20 pairs at the same seeds, 0.0001 corrected for 1 tested: at most 0.05, so not chance",
            "1.949 times the spread of 205.2 ms: at least 0.5, so out of the noise",
            "lower is better, and 3 % worse fails",
        ]
    );
}

#[test]
fn nothing_compared_is_never_green() {
    let one = |value| suite(vec![sample("kvm", 1, &[("migration.total_s.mean", value)])]);
    let comparison = compared(&one(10.0), &one(20.0));
    assert_eq!(
        only(&comparison).verdict,
        Verdict::Undecided,
        "two measurements prove nothing"
    );
    assert_eq!(comparison.outcome, Outcome::Nothing);
    let other = Suite {
        samples: vec![Sample {
            name: "other".to_owned(),
            ..sample("sim", 1, &[("migration.total_s.mean", 1.0)])
        }],
        ..one(1.0)
    };
    let comparison = compared(&one(10.0), &other);
    assert_eq!(comparison.outcome, Outcome::Nothing);
    assert!(text::written(&comparison, 100, false).starts_with("NOTHING COMPARED"));
}

#[test]
fn what_is_gone_or_missing_warns() {
    let both = [("migration.total_s.mean", 1.0), ("power.watts.mean", 2.0)];
    let base = suite(vec![sample("sim", 1, &both), sample("sim", 2, &both)]);
    let new = suite(vec![sample("sim", 1, &both[..1])]);
    let comparison = compared(&base, &new);
    assert_eq!(comparison.missing, ["case at seed 2 (sim)"]);
    assert_eq!(comparison.count(Verdict::Gone), 1);
    assert_eq!(comparison.outcome, Outcome::Warned);
}

#[test]
fn the_first_difference_is_told_with_what_follows() {
    let event = |t_ns: u64, kind: &str, host: &str| -> NamedEvent {
        let event = json!({"t_ns": t_ns, "kind": kind, "vm": "web", "host": host});
        event.as_object().expect("an object").clone()
    };
    let with = |host: &str, value: f64| {
        let mut run = sample("sim", 1, &[("migration.total_s.mean", value)]);
        run.events = Events::Kept(vec![
            event(0, "vm_started", "n1"),
            event(41_300_000_000, "vm_started", host),
            event(50_000_000_000, "vm_stopped", "n1"),
        ]);
        suite(vec![run])
    };
    let comparison = compared(&with("n1", 1.0), &with("n2", 1.1));
    let Exactly::Event(first) = &comparison.scenarios[0].differing[0].exactly else {
        panic!("{comparison:?}");
    };
    assert_eq!((first.number, &first.keys[..]), (2, &["host".to_owned()][..]));
    assert_eq!((first.following, first.base_alone, first.new_alone), (1, 1, 1));
    let told = |side: &Option<super::exact::Told>| side.as_ref().map(|told| (told.t_s, told.words.clone()));
    assert_eq!(
        told(&first.base),
        Some((41.3, "vm started: host n1, vm web".to_owned()))
    );
    assert_eq!(
        told(&first.new),
        Some((41.3, "vm started: host n2, vm web".to_owned()))
    );
    let alike = compared(&with("n1", 1.0), &with("n1", 1.1));
    assert_eq!(
        alike.scenarios[0].differing[0].exactly,
        Exactly::EventsAlike { events: 3 }
    );
}

#[test]
fn two_records_of_one_simulated_run_are_refused() {
    let twice = tempfile::tempdir().expect("a folder");
    let path = twice.path().join("baseline.json");
    let one = simulated("power.watts.mean", &[1.0]);
    std::fs::write(&path, super::bless(&one).expect("can be written")).expect("writes");
    assert_eq!(
        Suite::read(&path).expect("a baseline").samples[0].figures,
        one.samples[0].figures
    );
    let error = Suite::read_all(&[&path, &path]).expect_err("the same run twice");
    assert!(error.to_string().contains("are both case at seed 0"), "{error}");
    std::fs::write(&path, "{}").expect("writes");
    let error = Suite::read(&path).expect_err("no baseline");
    assert!(error.to_string().contains("is no baseline"), "{error}");
}

/// One figure that fails, one that warns, one better, one too small to count, one gone.
fn mixed() -> Comparison {
    let base = [
        ("migration.downtime_s.max", 0.2),
        ("migration.total_s.max", 50.0),
        ("power.watts.mean", 80.0),
        ("cpu.ready_s.mean", 1.0),
        ("ha.outage_s.max", 9.0),
    ];
    let new = [
        ("migration.downtime_s.max", 0.26),
        ("migration.total_s.max", 51.0),
        ("power.watts.mean", 70.0),
        ("cpu.ready_s.mean", 1.001),
    ];
    compared(
        &suite(vec![sample("sim", 1, &base)]),
        &suite(vec![sample("sim", 1, &new)]),
    )
}

#[test]
fn a_comment_tells_the_verdict_first_and_ends_with_its_mark() {
    let comparison = Comparison {
        repeat: "twinrack test suite --out runs && twinrack compare baseline.json runs".to_owned(),
        bless: Some("twinrack bless runs --out baseline.json".to_owned()),
        ..mixed()
    };
    insta::assert_snapshot!("markdown", super::markdown::written(&comparison));
}

/// However much there is to tell, the platform takes the comment, says what was left out, and finds it again.
#[test]
fn a_comment_is_never_longer_than_the_platform_takes() {
    let mut comparison = mixed();
    comparison.scenarios = vec![comparison.scenarios[0].clone(); 200];
    let text = super::markdown::written(&comparison);
    assert!((60_000..=65_000).contains(&text.len()), "{}", text.len());
    assert!(text.contains("lines are left out here"));
    assert_eq!(text.lines().last(), Some(super::markdown::MARK));
}

#[test]
fn ci_servers_see_what_failed_and_why() {
    insta::assert_snapshot!("junit", super::junit::written(&mixed(), false));
    let strict = super::junit::written(&mixed(), true);
    assert!(strict.contains("tests=\"5\" failures=\"3\""), "{strict}");
}

#[test]
fn dashboards_get_the_new_values() {
    use twinrack_scenario::record::Better;
    let smaller = super::dashboards::action_benchmark(&mixed(), Better::Lower);
    let entry = &smaller[0];
    assert_eq!(
        (&entry["name"], &entry["value"], &entry["unit"]),
        (
            &json!("case: migration.downtime_s.max"),
            &json!(0.26),
            &json!("s")
        )
    );
    assert_eq!(
        smaller.as_array().map(Vec::len),
        Some(4),
        "what is gone has no value"
    );
    assert_eq!(
        super::dashboards::action_benchmark(&mixed(), Better::Higher),
        json!([])
    );
    let bencher = super::dashboards::bencher(&mixed());
    assert_eq!(
        bencher["case"]["power.watts.mean"],
        json!({"value": 70.0, "lower_value": 70.0, "upper_value": 70.0})
    );
}

/// What the scenario says of a figure holds for it: its limits, and which way is better.
#[test]
fn limits_stand_in_the_scenario() {
    use twinrack_scenario::record::{Better, Limit};
    let name = "migration.downtime_s.max";
    let base = simulated(name, &[1.0]);
    let with = |warn, fail, better| {
        let mut new = simulated(name, &[1.1]);
        new.samples[0].limits = vec![Limit {
            figure: "migration.downtime_s".to_owned(),
            warn,
            fail,
            floor: None,
            better,
        }];
        let comparison = compared(&base, &new);
        let figure = only(&comparison);
        (figure.verdict, figure.why.last().cloned().unwrap_or_default())
    };
    assert_eq!(
        with(0.05, 0.2, None),
        (
            Verdict::Warned,
            "lower is better, and 5 % worse warns by the scenario's limits".to_owned()
        )
    );
    assert_eq!(with(0.2, 0.3, None).0, Verdict::Unchanged);
    assert_eq!(with(0.01, 0.02, Some(Better::Higher)).0, Verdict::Improved);
}

#[test]
fn every_verdict_is_explained_and_a_figure_that_nobody_has_is_an_error() {
    let explained = |name| super::explain::written(&mixed(), name);
    insta::assert_snapshot!("explained", explained("migration.downtime_s").expect("there"));
    let unchanged = explained("cpu.ready_s.mean").expect("there");
    assert!(
        unchanged.contains("- a difference of 1 ms is below 1 ms, which is none"),
        "{unchanged}"
    );
    let error = explained("migration.downtme_s.max")
        .expect_err("no such figure")
        .to_string();
    assert!(error.contains("migration.downtime_s.max"), "{error}");
}

/// For the better or not, in the smallest: what is to be blessed is told apart from what is not.
#[test]
fn anything_that_is_otherwise_differs() {
    let base = simulated("migration.count", &[4.0]);
    assert!(!compared(&base, &base).differs());
    assert!(compared(&base, &simulated("migration.count", &[4.000_01])).differs());
    let more = simulated("migration.count", &[4.0, 4.0]);
    assert!(compared(&base, &more).differs(), "a run that is new");
    assert!(compared(&more, &base).differs(), "a run that is gone");
}
