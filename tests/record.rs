//! Logs of a lab become records that appear whole or not at all, and profiles are fitted to them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::command::{status, stderr, stdout, twinrack};

const LOG: &str = "scenarios/lab/one-move.jsonl";

fn path(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).to_str().expect("a plain path").to_owned()
}

#[test]
fn the_example_log_becomes_a_record_that_reports_are_made_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = path(&folder, "run");
    let output = twinrack(&["record", LOG, "--out", &run]);
    assert_eq!((status(&output), stderr(&output)), (0, String::new()));
    assert!(stdout(&output).contains("12 events; record in "), "{}", stdout(&output));
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
    assert!(told.contains("did you mean `migration_resumed`?") && told.contains("1 fault in"), "{told}");
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
