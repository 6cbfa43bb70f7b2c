//! One scenario that holds, one that does not, one that can't be read.

use serde_json::json;
use twinrack_scenario::record::Summary;

use super::{Scenario, Tested, Verdict, junit, markdown, text};

fn run(name: &str, seed: u64, downtime_s: f64) -> Summary {
    serde_json::from_value(json!({
        "schema": "twinrack-record-1", "backend": "sim", "seed": seed, "digest": "", "span_s": 1.0, "wall_s": 0.25,
        "scenario": {"name": name, "title": null, "blake3": ""}, "versions": {},
        "kpis": {"migration.downtime_s.max": {"value": downtime_s, "unit": "s", "source": "modelled"}},
        "expectations": [
            {"kpi": "migration.downtime_s.max", "op": "<=", "limit": 0.4, "tolerance": 0.0,
                "value": downtime_s, "ok": downtime_s <= 0.4, "why": "clients | time out"},
            {"kpi": "migration.rounds.max", "op": "==", "limit": 6.0, "tolerance": 0.0,
                "value": null, "ok": false, "asked": false, "why": null}],
    }))
    .expect("a summary")
}

fn scenario(name: &str, runs: Vec<Summary>, broken: Option<&str>) -> Scenario {
    Scenario {
        file: format!("suite/{name}.yaml"),
        name: name.to_owned(),
        runs,
        broken: broken.map(ToOwned::to_owned),
    }
}

fn mixed() -> Tested {
    Tested::of(vec![
        scenario("calm", vec![run("calm", 1, 0.1)], None),
        scenario("busy", vec![run("busy", 1, 0.3), run("busy", 2, 0.5)], None),
        scenario(
            "torn",
            Vec::new(),
            Some("error: there is no key `hots`\n help: `hosts`\n"),
        ),
    ])
}

#[test]
fn the_verdict_first_and_then_what_did_not_hold() {
    assert_eq!(mixed().verdict, Verdict::Broken);
    insta::assert_snapshot!("text", text::written(&mixed(), 100));
}

#[test]
fn a_comment_folds_what_holds() {
    insta::assert_snapshot!("markdown", markdown::written(&mixed()));
}

#[test]
fn ci_servers_see_each_expectation() {
    insta::assert_snapshot!("junit", junit::written(&mixed()));
}

#[test]
fn nothing_tested_is_no_success() {
    assert_eq!(Tested::of(Vec::new()).verdict, Verdict::Broken);
    let calm = Tested::of(vec![scenario("calm", vec![run("calm", 1, 0.1)], None)]);
    assert_eq!(calm.line(), "PASS: 1 of 1 scenarios hold what they expect");
}
