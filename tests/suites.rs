//! Suites of scenarios: what passes, what fails, what can't be run, and how each is told.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command::{status, stderr, stdout, twinrack};

/// Two scenarios of the library in a folder of their own.
fn suite(folder: &Path) {
    for name in ["live-migration", "quick-migration"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/deck/{name}.yaml"));
        fs::copy(from, folder.join(format!("{name}.yaml"))).expect("copied");
    }
}

/// The suite of a folder with more arguments; its records go to `runs` in the folder.
fn tested(folder: &Path, extra: &[&str]) -> std::process::Output {
    let out = folder.join("runs");
    let mut arguments = vec![
        "test",
        folder.to_str().expect("plain"),
        "--out",
        out.to_str().expect("plain"),
    ];
    arguments.extend(extra);
    twinrack(&arguments)
}

#[test]
fn a_suite_that_holds_is_status_0_and_leaves_its_records() {
    let folder = tempfile::tempdir().expect("a folder");
    suite(folder.path());
    let output = tested(folder.path(), &["--seeds", "3..5"]);
    assert_eq!((status(&output), stderr(&output)), (0, String::new()));
    assert!(stdout(&output).starts_with("PASS: 2 of 2 scenarios hold what they expect\n"));
    for run in [
        "live-migration-3",
        "live-migration-4",
        "quick-migration-3",
        "quick-migration-4",
    ] {
        twinrack_reports::read_record(&folder.path().join("runs").join(run)).expect("a record");
    }
}

#[test]
fn what_fails_and_what_can_not_be_run_is_told_and_the_rest_runs_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    suite(folder.path());
    let at = |name: &str| folder.path().join(name).to_str().expect("plain").to_owned();
    let slow = [
        "--set",
        "vms[0].memory=8GiB",
        "--junit",
        &at("junit.xml"),
        "--markdown",
        &at("comment.md"),
    ];
    let failed = tested(folder.path(), &slow);
    assert_eq!(status(&failed), 1, "{}", stderr(&failed));
    let read = |name: &str| fs::read_to_string(at(name)).expect("there");
    assert!(
        read("junit.xml").contains("<testsuite name=\"live-migration\" tests=\"7\" failures="),
        "{}",
        read("junit.xml")
    );
    assert!(
        read("comment.md").contains("**FAIL live-migration**"),
        "{}",
        read("comment.md")
    );

    fs::write(at("torn.yaml"), "name: torn\nduration: 1min\nhots: []\n").expect("writes");
    let broken = tested(folder.path(), &["--json"]);
    assert_eq!(status(&broken), 2);
    let told: Value = serde_json::from_str(&stdout(&broken)).expect("JSON alone");
    assert_eq!(told["verdict"], "broken");
    let scenarios = told["scenarios"].as_array().expect("a list");
    let broken = |item: &&Value| item["broken"].as_str().is_some_and(|why| why.contains("`hots`"));
    assert_eq!((scenarios.len(), scenarios.iter().filter(broken).count()), (3, 1));
    assert!(
        scenarios
            .iter()
            .filter(|item| !broken(item))
            .all(|item| item["runs"][0]["digest"].is_string())
    );
}

#[test]
fn scenarios_of_one_name_and_folders_without_any_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = tested(folder.path(), &[]);
    assert_eq!(status(&empty), 2);
    assert!(stderr(&empty).contains("holds no scenario"), "{}", stderr(&empty));
    suite(folder.path());
    let from = folder.path().join("live-migration.yaml");
    fs::copy(from, folder.path().join("another.yaml")).expect("copied");
    let twice = tested(folder.path(), &[]);
    assert_eq!(status(&twice), 2);
    assert!(
        stderr(&twice).contains("are both named live-migration"),
        "{}",
        stderr(&twice)
    );
}

/// What a scenario says of its own figures holds in a comparison, and a figure that does not exist is an error.
#[test]
fn limits_of_a_scenario_hold_in_a_comparison() {
    let folder = tempfile::tempdir().expect("a folder");
    suite(folder.path());
    let run = |name: &str, extra: &[&str]| {
        let out = folder.path().join(name).to_str().expect("plain").to_owned();
        let scenario = folder
            .path()
            .join("live-migration.yaml")
            .to_str()
            .expect("plain")
            .to_owned();
        let mut arguments = vec!["run", &scenario, "--out", &out];
        arguments.extend(extra);
        (twinrack(&arguments), out)
    };
    let rounds = "policies.migration.policy.hyperv-r2.max_rounds=4";
    let (_, was) = run("was", &[]);
    let (_, is) = run("is", &["--set", rounds]);
    assert_eq!(status(&twinrack(&["compare", &was, &is])), 1);
    let lenient = "limits=[{figure: migration.not_converged, better: neither}]";
    let (_, is) = run("lenient", &["--set", rounds, "--set", lenient]);
    assert_eq!(status(&twinrack(&["compare", &was, &is])), 0);
    assert_eq!(
        status(&twinrack(&["compare", &was, &is, "--error-on", "change"])),
        1
    );
    let explained = twinrack(&["compare", &was, &is, "--explain", "migration.not_converged"]);
    assert!(
        stdout(&explained).contains("neither way is better, so it never fails"),
        "{}",
        stdout(&explained)
    );
    let (wrong, _) = run("wrong", &["--set", "limits=[{figure: migration.not_convergd}]"]);
    assert_eq!(status(&wrong), 2);
    assert!(
        stderr(&wrong).contains("there is no figure `migration.not_convergd`"),
        "{}",
        stderr(&wrong)
    );
}
