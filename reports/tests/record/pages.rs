//! The pages of comparisons, histories and sweeps: they show what they should, ask for nothing, and can be read on any screen.

use serde_json::Value;
use twinrack_reports::Run;
use twinrack_reports::compare::suite::{Events, Sample};
use twinrack_reports::compare::{Rules, Suite, compare};
use twinrack_reports::history::{Chosen, History};
use twinrack_reports::html;
use twinrack_reports::html::sweep::{Point, Sweep};

use crate::browser::{Browser, DESKTOP, probed};
use crate::simulated_with;

const LIVE: &str = "deck/live-migration.yaml";
const ROUNDS: &str = "policies.migration.policy.hyperv-r2.max_rounds";
const BUSY: &str = "deck/density.yaml";
const COUNT: &str = "vms[0].count";

fn suite(from: &str, runs: Vec<Run>) -> Suite {
    let sample = |run: Run| Sample::of(run.summary, from.to_owned(), Events::Kept(run.events));
    Suite {
        from: from.to_owned(),
        samples: runs.into_iter().map(sample).collect(),
    }
}

/// One scenario with a policy changed, one as it was, one that is gone.
fn comparison() -> String {
    let run = |scenario, sets: &[(&str, &str)]| simulated_with(scenario, sets, None);
    let was = suite(
        "was",
        vec![
            run(LIVE, &[]),
            run(BUSY, &[]),
            run("deck/quick-migration.yaml", &[]),
        ],
    );
    let is = suite("is", vec![run(LIVE, &[(ROUNDS, "4")]), run(BUSY, &[])]);
    let mut comparison = compare(&was, &is, &Rules::default()).expect("can be compared");
    comparison.bless = Some("twinrack bless is --out was".to_owned());
    html::compare::page(&comparison)
}

/// Ten commits, with a policy changed at the seventh.
fn history() -> String {
    let mut history = History::default();
    for commit in 0..10 {
        let rounds = if commit < 6 { "8" } else { "4" };
        let run = simulated_with(LIVE, &[(ROUNDS, rounds)], None);
        let (name, when) = (
            format!("{commit}af9c0ffee"),
            format!("2026-11-{}T12:00:00Z", 10 + commit),
        );
        history.add(&suite("made", vec![run]), (&name, &when), &Chosen::default());
    }
    html::history::page(&history)
}

/// Three counts of VMs on two counts of hosts, at four seeds.
fn sweep() -> String {
    let axes = [
        (COUNT, ["20", "40", "60"].as_slice()),
        ("hosts[0].count", &["1", "2"]),
    ];
    let mut points = Vec::new();
    for (vms, count) in axes[0].1.iter().enumerate() {
        for (hosts, machines) in axes[1].1.iter().enumerate() {
            for seed in 0..4 {
                let run = simulated_with(BUSY, &[(COUNT, count), (axes[1].0, machines)], Some(seed));
                points.push(Point {
                    setting: vec![vms, hosts],
                    passed: run.summary.passed(),
                    expected: Vec::new(),
                    figures: run
                        .summary
                        .kpis
                        .into_iter()
                        .map(|(name, figure)| (name, figure.value))
                        .collect(),
                });
            }
        }
    }
    let owned =
        |(path, values): (&str, &[&str])| (path.to_owned(), values.iter().map(ToString::to_string).collect());
    html::sweep::page(&Sweep {
        name: "density".to_owned(),
        axes: axes.map(owned).into(),
        seeds: 4,
        points,
        also: Vec::new(),
    })
}

fn pages() -> [(&'static str, String); 3] {
    [
        ("comparison", comparison()),
        ("history", history()),
        ("sweep", sweep()),
    ]
}

#[test]
fn every_page_says_first_how_it_came_out_and_what_can_be_seen_can_be_taken_away() {
    let [(_, comparison), (_, history), (_, sweep)] = pages();
    for (page, wanted) in [
        (&comparison, "class=\"verdict fail\">REGRESSED: "),
        (&comparison, "first difference at event 8"),
        (&comparison, "compare-live-migration.csv\" href=\"data:text/csv"),
        (&comparison, "quick-migration at seed 1 (sim)"),
        (&comparison, "twinrack bless is --out was"),
        (&history, "class=\"verdict pass\">HISTORY: "),
        (
            &history,
            "<title>6af9c0ffee 2026-11-16T12:00:00Z: 4, -33.33 %</title>",
        ),
        (&history, "history-live-migration.csv\" href=\"data:text/csv"),
        (&sweep, "of 24 points hold what is expected"),
        (&sweep, "<h3>hosts[0].count = 2</h3>"),
        (&sweep, "sweep-density.csv\" href=\"data:text/csv"),
    ] {
        assert!(page.contains(wanted), "{wanted}");
        assert!(!page.contains("could not be drawn"));
    }
}

#[test]
fn every_page_loads_without_a_complaint_and_can_be_read_on_screens_of_all_widths() {
    let Some(browser) = Browser::of_this_machine("no page") else {
        return;
    };
    for (name, page) in pages() {
        let opened = browser.open(&page, DESKTOP);
        assert_eq!(opened.console, [""; 0], "{name}");
        assert_eq!(opened.requests, [""; 0], "{name}");
        for dark in [false, true] {
            for found in probed(&browser, &page, dark, &[400, 840, 1200]) {
                let width = &found["width"];
                assert_eq!(found["overflow"], 0, "{name} is wider than a screen of {width}");
                assert_eq!(found["faults"], Value::Array(Vec::new()), "{name} at {width}");
                assert_ne!(found["charts"], 0, "{name} shows no chart at {width}");
            }
        }
    }
}

/// The pointer over a point of a small chart finds the words of that point.
#[test]
fn the_commit_is_under_the_pointer() {
    let Some(browser) = Browser::of_this_machine("no page") else {
        return;
    };
    let (head, rest) = history()
        .split_once("<meta http-equiv=")
        .map(|(head, rest)| (head.to_owned(), rest.to_owned()))
        .expect("a policy");
    let (_, rest) = rest.split_once('>').expect("which ends");
    let look = "<script>addEventListener('load', () => {\
        const chart = document.querySelector('svg.small'), box = chart.getBoundingClientRect();\
        chart.scrollIntoView(); const at = chart.getBoundingClientRect();\
        const found = document.elementFromPoint(at.right - 20, at.top + box.height / 2);\
        document.title = 'found ' + found.querySelector('title').textContent; })</script></body>";
    let opened = browser.open(&format!("{head}{rest}").replace("</body>", look), DESKTOP);
    assert!(
        opened
            .dom
            .contains("<title>found 9af9c0ffee 2026-11-19T12:00:00Z"),
        "{:?}",
        opened.console
    );
}
