//! Commands that are killed while they write a file: it is absent or as it was, or whole; given again, the command goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use twinrack_reports::compare::Suite;
use twinrack_reports::history::History;

use crate::command::{status, stderr, twinrack};

const LIVE: &str = "scenarios/deck/live-migration.yaml";
/// How often each command is killed, and how much later each time: from before it has read anything until after it has ended.
const KILLS: u64 = 16;
const STEP: Duration = Duration::from_millis(3);

/// Starts the command and kills it after so long.
fn killed(arguments: &[&str], after: Duration) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_twinrack"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    std::thread::sleep(after);
    child.kill().expect("can be killed, or has ended");
    child.wait().expect("ends");
}

/// Kills the command at one moment after another; `whole` looks at what is under the final name. Then the command is given once more.
fn each_time(arguments: &[&str], whole: impl Fn()) {
    for kill in 0..KILLS {
        killed(arguments, STEP * u32::try_from(kill).expect("few"));
        whole();
    }
    let output = twinrack(arguments);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    whole();
}

fn path(folder: &tempfile::TempDir, name: &str) -> (PathBuf, String) {
    let path = folder.path().join(name);
    let text = path.to_str().expect("a plain path").to_owned();
    (path, text)
}

/// A folder with eight runs in it.
fn runs() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, runs) = path(&folder, "runs");
    let output = twinrack(&["run", LIVE, "--seeds", "0..8", "--out", &runs]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    (folder, runs)
}

fn text(path: &Path) -> Option<String> {
    path.exists().then(|| fs::read_to_string(path).expect("readable"))
}

#[test]
fn a_baseline_is_whole_or_absent() {
    let (folder, runs) = runs();
    let (baseline, name) = path(&folder, "baseline.json");
    each_time(&["bless", &runs, "--out", &name], || {
        if baseline.exists() {
            assert_eq!(Suite::read(&baseline).expect("a baseline").samples.len(), 8);
        }
    });
    assert!(baseline.exists());
}

#[test]
fn a_report_of_a_comparison_is_whole_or_absent() {
    let (folder, runs) = runs();
    for (format, end) in [("html", "</html>\n"), ("junit", "</testsuites>\n")] {
        let (report, name) = path(&folder, format);
        each_time(
            &["compare", &runs, &runs, "--format", format, "--out", &name],
            || {
                if let Some(text) = text(&report) {
                    assert!(text.ends_with(end), "{format}: {} bytes", text.len());
                }
            },
        );
        assert!(report.exists());
    }
}

#[test]
fn a_history_loses_nothing() {
    let (folder, runs) = runs();
    let (history, name) = path(&folder, "history.ndjson");
    let add = |commit: &str| twinrack(&["history", &name, "--add", &runs, "--commit", commit]);
    for commit in ["one", "two", "three"] {
        assert_eq!(status(&add(commit)), 0);
    }
    let commits = || {
        let history = History::read(&text(&history).expect("it is there at every moment")).expect("whole");
        history.commits().len()
    };
    each_time(&["history", &name, "--add", &runs, "--commit", "four"], || {
        assert!((3..=4).contains(&commits()), "{}", commits());
    });
    assert_eq!(commits(), 4);
}

/// Two jobs that add to one file at once: both are in it.
#[test]
fn nobody_who_adds_to_a_history_is_lost() {
    let (folder, runs) = runs();
    let (history, name) = path(&folder, "history.ndjson");
    let jobs: Vec<String> = (0..8).map(|job| format!("job-{job}")).collect();
    let children: Vec<_> = jobs
        .iter()
        .map(|commit| {
            Command::new(env!("CARGO_BIN_EXE_twinrack"))
                .args(["history", &name, "--add", &runs, "--commit", commit])
                .stdout(Stdio::null())
                .spawn()
                .expect("starts")
        })
        .collect();
    for mut child in children {
        assert!(child.wait().expect("ends").success());
    }
    let history = History::read(&text(&history).expect("there")).expect("whole");
    assert_eq!(history.commits().len(), 8);
}
