//! The page shows what it should, asks for nothing, and can be read on wide and narrow screens, light and dark.

use std::collections::BTreeSet;

use serde_json::Value;
use twinrack_reports::html::{page, replay};

use crate::browser::{Browser, DESKTOP, probed};
use crate::{SCENARIOS, replayed, simulated};

/// A page of each kind: of runs, and of a replay.
fn pages() -> Vec<(&'static str, String)> {
    let of_run = |scenario| (scenario, page(&simulated(scenario)));
    let runs = SCENARIOS.into_iter().map(of_run);
    runs.chain([("a replay", replay::page(&replayed()))]).collect()
}

#[test]
fn a_page_loads_without_a_complaint_and_asks_for_nothing() {
    let Some(browser) = Browser::of_this_machine("no page") else {
        return;
    };
    for (scenario, html) in pages() {
        let opened = browser.open(&html, DESKTOP);
        assert_eq!(opened.console, [""; 0], "{scenario}");
        assert_eq!(opened.requests, [""; 0], "{scenario}");
        let sections: Vec<_> = opened.dom.matches("<h2>").collect();
        assert!(
            sections.len() >= 4,
            "{scenario} has only {} sections",
            sections.len()
        );
    }
}

#[test]
fn a_page_that_does_ask_or_complain_is_found_out() {
    let Some(browser) = Browser::of_this_machine("no page") else {
        return;
    };
    let html =
        "<!doctype html><img src=\"http://example.invalid/a.png\"><script>console.error('boom')</script>";
    let opened = browser.open(html, DESKTOP);
    assert_eq!(opened.requests, ["http://example.invalid/a.png"]);
    assert!(
        opened.console.iter().any(|line| line.contains("boom")),
        "{:?}",
        opened.console
    );
}

/// The policy in the page holds even if a name of a scenario were to bring markup along.
#[test]
fn the_policy_of_a_page_lets_it_load_and_run_nothing() {
    let Some(browser) = Browser::of_this_machine("no page") else {
        return;
    };
    let smuggled = "<img src=\"http://example.invalid/a.png\"><script>document.title = 'ran'</script></body>";
    let html = page(&simulated(SCENARIOS[0])).replace("</body>", smuggled);
    let opened = browser.open(&html, DESKTOP);
    assert_eq!(opened.requests, [""; 0]);
    assert!(!opened.dom.contains("<title>ran</title>"), "a script ran");
    assert!(!opened.console.is_empty(), "the browser says what it forbade");
}

#[test]
fn a_page_can_be_read_on_screens_of_all_widths() {
    let Some(browser) = Browser::of_this_machine("no page") else {
        return;
    };
    let mut widths = BTreeSet::new();
    for (scenario, html) in pages() {
        for found in probed(&browser, &html, false, &[400, 840, 1200]) {
            let width = &found["width"];
            assert_eq!(
                found["overflow"], 0,
                "{scenario} is wider than a screen of {width}"
            );
            assert_eq!(found["faults"], Value::Array(Vec::new()), "{scenario} at {width}");
            assert_ne!(found["charts"], 0, "{scenario} shows no chart at {width}");
            widths.insert(width.as_u64());
        }
    }
    assert_eq!(
        widths,
        BTreeSet::from([400, 840, 1200].map(Some)),
        "frames had other widths"
    );
}

#[test]
fn a_page_follows_the_reader_into_the_dark() {
    let Some(browser) = Browser::of_this_machine("no page") else {
        return;
    };
    let html = page(&simulated(SCENARIOS[0]));
    let ground = |dark| probed(&browser, &html, dark, &[1200])[0]["ground"].clone();
    assert_eq!(ground(false), "rgb(255, 255, 255)");
    assert_eq!(ground(true), "rgb(22, 23, 26)");
    for colour in ["#1C1C1E", "#0072B2"] {
        assert!(
            !html.contains(&format!("\"{colour}\"")),
            "{colour} stays as it is in the dark"
        );
    }
}

/// What the probe looks for it finds.
#[test]
fn a_page_with_text_on_text_or_too_wide_is_found_out() {
    let Some(browser) = Browser::of_this_machine("no page") else {
        return;
    };
    let html = page(&simulated(SCENARIOS[0]));
    let found = |style: &str| {
        probed(
            &browser,
            &html.replace("</style>", &format!("{style}</style>")),
            false,
            &[400],
        )
    };
    let broken = found(
        "main { width: 500px } svg text { font-size: 30px } svg.narrow { max-width: 200px !important }",
    );
    assert_ne!(broken[0]["overflow"], 0);
    let faults = broken[0]["faults"].to_string();
    for fault in ["lies on", "is cut"] {
        assert!(faults.contains(fault), "{faults}");
    }
    let small = found("svg text { font-size: 8px }");
    assert!(small[0]["faults"].to_string().contains("pixels high"));
}

#[test]
fn every_chart_has_its_data_and_a_file_of_them() {
    for (scenario, html) in pages() {
        let figures: Vec<&str> = html.split("<figure>").skip(1).collect();
        assert!(!figures.is_empty(), "{scenario}");
        for figure in figures {
            let (figure, _) = figure.split_once("</figure>").expect("it ends");
            let (title, _) = figure.split_once("</h3>").expect("it has a title");
            for wanted in [
                "<svg class=\"wide\"",
                "<svg class=\"narrow\"",
                "<table>",
                ".csv\" href=\"data:text/csv",
            ] {
                assert!(figure.contains(wanted), "{scenario}: {title} has no {wanted}");
            }
        }
    }
}

/// The order of the page, and that what it says of hundreds of migrations leaves none out.
#[test]
fn a_page_says_first_how_the_run_came_out() {
    let run = simulated("planning/planetlab-thr-mmt.yaml");
    let html = page(&run);
    let at = |what: &str| html.find(what).unwrap_or_else(|| panic!("no {what}"));
    let order = [
        "class=\"verdict pass\">PASS: ",
        "<h2>Expectations",
        "<h2>Summary",
        "<h2>Over time",
        "<h2>Migrations",
        "<h2>Events of note",
        "<h2>Figures",
        "<h2>Assumptions and provenance",
    ];
    assert!(order.map(at).is_sorted(), "{:?}", order.map(at));
    let count = run.migrations().len();
    assert!(count > 60, "{count} migrations are too few for this test");
    assert!(html.contains(&format!("All {count} migrations, a line each")));
    assert!(html.contains(&run.summary.digest));
    assert!(html.contains("24 h of simulated time"));
}

/// The page of a replay says first what is off, then what that rests on, and from which hosts the lab's numbers are.
#[test]
fn a_replay_says_first_what_is_off() {
    let html = replay::page(&replayed());
    let at = |what: &str| html.find(what).unwrap_or_else(|| panic!("no {what}"));
    let order = [
        ">REPLAY: one-move, ",
        "<h2>What is off",
        "<h2>Figures",
        "<h2>Events",
        "Rounds of vm from n1 to n2, measured",
        "<h2>Steps and rounds",
        "<h2>What the simulator was given",
        "<h2>Where the lab&#39;s numbers",
    ];
    let order = order.map(|what| at(&what.replace("&#39;", "'")));
    assert!(order.is_sorted(), "{order:?}");
    for told in [
        "nested: the host is itself",
        "Linux 6.",
        "unavailable: power.*",
        "some avg10=",
        "migration.downtime_s",
    ] {
        at(told);
    }
}
