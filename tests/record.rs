//! Logs of a lab become records that appear whole or not at all, and profiles are fitted to them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::command::{status, stderr, stdout, twinrack};

const LOG: &str = "scenarios/lab/one-move.jsonl";

fn path(folder: &tempfile::TempDir, name: &str) -> String {
    folder
        .path()
        .join(name)
        .to_str()
        .expect("a plain path")
        .to_owned()
}

#[test]
fn the_example_log_becomes_a_record_that_reports_are_made_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = path(&folder, "run");
    let output = twinrack(&["record", LOG, "--out", &run]);
    assert_eq!((status(&output), stderr(&output)), (0, String::new()));
    assert!(
        stdout(&output).contains("12 events; record in "),
        "{}",
        stdout(&output)
    );
    let record = twinrack_reports::read_record(Path::new(&run)).expect("a record");
    let made_on = record.summary.made_on.expect("where it was made");
    assert!(made_on.imported.is_some() && made_on.hosts.len() == 2);
    // Figures are those of the run that the log was exported from.
    assert!((record.summary.kpis["migration.downtime_s.max"].value - 0.020_408_939).abs() < 1e-12);
    assert_eq!(status(&twinrack(&["report", &run, "--format", "log"])), 0);
    let again = path(&folder, "again");
    let log = path(&folder, "run/lab.jsonl");
    assert_eq!(status(&twinrack(&["record", &log, "--out", &again])), 0);
    let again = twinrack_reports::read_record(Path::new(&again)).expect("a record");
    assert_eq!(again.summary.digest, record.summary.digest);
}

#[test]
fn a_log_with_faults_is_status_2_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (log, run) = (path(&folder, "lab.jsonl"), path(&folder, "run"));
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(LOG)).expect("there");
    std::fs::write(&log, text.replace("migration_resumed", "migration_resumd")).expect("writes");
    let output = twinrack(&["record", &log, "--out", &run]);
    assert_eq!(status(&output), 2);
    let told = stderr(&output);
    assert!(
        told.contains("did you mean `migration_resumed`?") && told.contains("1 fault in"),
        "{told}"
    );
    assert!(!Path::new(&run).exists());
    assert_eq!(status(&twinrack(&["record", "no-such.jsonl", "--out", &run])), 2);
}

/// Starts a command and kills it after so long.
fn killed_after(millis: u64, arguments: &[&str]) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_twinrack"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    std::thread::sleep(Duration::from_millis(millis));
    child.kill().expect("can be killed, or has ended");
    child.wait().expect("ends");
}

#[cfg(unix)]
#[test]
fn a_killed_record_leaves_no_half_and_a_rerun_gives_it_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = path(&folder, "run");
    for delay in 0..16 {
        killed_after(delay, &["record", LOG, "--out", &run]);
        if Path::new(&run).exists() {
            twinrack_reports::read_record(Path::new(&run)).expect("a record that is there is whole");
        }
    }
    assert_eq!(status(&twinrack(&["record", LOG, "--out", &run])), 0);
    twinrack_reports::read_record(Path::new(&run)).expect("whole");
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("readable").collect();
    assert_eq!(left.len(), 1, "what killed ones left is swept away: {left:?}");
}

/// Records of the example log under names of their own.
fn records(folder: &tempfile::TempDir, names: &[&str]) -> Vec<String> {
    let record = |name: &&str| {
        let run = path(folder, name);
        assert_eq!(status(&twinrack(&["record", LOG, "--out", &run])), 0);
        run
    };
    names.iter().map(record).collect()
}

#[test]
fn a_wrong_pause_is_named_on_the_terminal_and_on_the_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = &records(&folder, &["run"])[0];
    let (page, wrong) = (path(&folder, "twin.html"), path(&folder, "wrong.yaml"));
    std::fs::write(&wrong, "migration:\n  timings:\n    pause: 50ms\n").expect("writes");
    let output = twinrack(&["twin", run, "--profile", &wrong, "--html", &page]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let told = stdout(&output);
    assert!(told.starts_with("REPLAY: one-move, "), "{told}");
    assert!(told.contains("off: pause (50 ms here, "), "{told}");
    let page = std::fs::read_to_string(page).expect("there");
    assert!(page.contains("pause (policies.migration.timings.pause)") && page.ends_with("</html>\n"));
    let simulated = path(&folder, "simulated");
    twinrack(&["run", "scenarios/deck/live-migration.yaml", "--out", &simulated]);
    let refused = twinrack(&["twin", &simulated]);
    assert_eq!(status(&refused), 2);
    assert!(
        stderr(&refused).contains("is a run of the sim body"),
        "{}",
        stderr(&refused)
    );
}

#[test]
fn a_profile_is_fitted_whole_or_not_at_all_and_the_next_replay_is_nearer() {
    let folder = tempfile::tempdir().expect("a folder");
    let runs = records(&folder, &["a", "b", "c"]);
    let profile = path(&folder, "here.yaml");
    let mut arguments = vec!["calibrate", "--out", &profile, "--from"];
    arguments.extend(runs.iter().map(String::as_str));
    for delay in (0..200).step_by(20) {
        killed_after(delay, &arguments);
        if let Ok(text) = std::fs::read_to_string(&profile) {
            assert!(
                text.starts_with("# What a host takes") && text.contains("\nmigration:\n"),
                "{text}"
            );
        }
    }
    let output = twinrack(&arguments);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let told = stdout(&output);
    assert!(
        told.contains("migration.bytes, held out") && told.contains("kept"),
        "{told}"
    );
    let first = std::fs::read(&profile).expect("there");
    assert_eq!(status(&twinrack(&arguments)), 0);
    assert_eq!(
        std::fs::read(&profile).expect("there"),
        first,
        "the same runs, the same profile"
    );
    let replay = twinrack(&["twin", &runs[0], "--profile", &profile]);
    assert!(stdout(&replay).contains("profile "), "{}", stdout(&replay));
    let few = twinrack(&["calibrate", "--from", &runs[0], "--out", &profile]);
    assert_eq!(status(&few), 2);
    assert!(stderr(&few).contains("three at least"), "{}", stderr(&few));
}
