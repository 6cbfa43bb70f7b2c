//! Sweeps: the same table to the byte with any number of threads, in any shards in any order, after any interruption.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{status, stderr, stdout, twinrack};

/// 24 points: three counts of hosts, eight seeds.
fn sweep(out: &Path, extra: &[&str]) -> std::process::Output {
    let mut arguments = vec!["sweep", "scenarios/deck/density.yaml", "--seeds", "0..8"];
    arguments.extend(["--axis", "vms[0].count=20,40,60", "--set", "expect=[]", "--out"]);
    arguments.push(out.to_str().expect("a plain path"));
    arguments.extend(extra);
    twinrack(&arguments)
}

fn table(out: &Path) -> String {
    fs::read_to_string(out.join("merged.csv")).expect("merged")
}

fn points(out: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(out.join("points")).expect("readable");
    let mut points: Vec<PathBuf> = entries.map(|entry| entry.expect("one").path()).collect();
    points.sort();
    points
}

#[test]
fn shards_in_any_order_merge_to_what_one_run_gives() {
    let folder = tempfile::tempdir().expect("a folder");
    let (whole, cut) = (folder.path().join("whole"), folder.path().join("cut"));
    let output = sweep(&whole, &["--threads", "1"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    assert!(
        stdout(&output).starts_with("24 of 24 points hold"),
        "{}",
        stdout(&output)
    );
    assert_eq!((points(&whole).len(), table(&whole).lines().count()), (24, 25));
    for shard in [7, 1, 4, 2, 6, 3, 5] {
        let output = sweep(&cut, &["--threads", "2", "--shard", &format!("{shard}/7")]);
        assert_eq!(status(&output), 0, "{}", stderr(&output));
    }
    let merge = twinrack(&["sweep", "merge", cut.to_str().expect("a plain path")]);
    assert_eq!(status(&merge), 0, "{}", stderr(&merge));
    assert_eq!(table(&cut), table(&whole));
    for (one, other) in points(&cut).iter().zip(points(&whole)) {
        assert_eq!(fs::read(one).expect("there"), fs::read(other).expect("there"));
    }
}

#[test]
fn a_sweep_that_was_killed_goes_on_and_a_merge_says_what_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("sweep");
    assert_eq!(status(&sweep(&out, &[])), 0);
    let whole = table(&out);
    let all = points(&out);
    let kept = fs::metadata(&all[0]).expect("there").modified().expect("a time");
    fs::remove_file(&all[3]).expect("removed");
    fs::write(&all[5], "{\"summary\": {").expect("torn");
    let merge = twinrack(&["sweep", "merge", out.to_str().expect("a plain path")]);
    assert_eq!(status(&merge), 1);
    assert!(
        stderr(&merge).contains("2 of 24 points are missing"),
        "{}",
        stderr(&merge)
    );
    assert_eq!(status(&sweep(&out, &[])), 0);
    assert_eq!(table(&out), whole);
    let still = fs::metadata(&all[0]).expect("there").modified().expect("a time");
    assert_eq!(kept, still, "what was there was not run again");
}

#[test]
fn a_folder_of_another_sweep_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("sweep");
    assert_eq!(status(&sweep(&out, &[])), 0);
    let other = sweep(&out, &["--set", "duration=90s"]);
    assert_eq!(status(&other), 2);
    assert!(
        stderr(&other).contains("is of another sweep"),
        "{}",
        stderr(&other)
    );
    let wrong = sweep(&out, &["--shard", "8/7"]);
    assert_eq!(status(&wrong), 2);
    assert!(stderr(&wrong).contains("expected I/N"), "{}", stderr(&wrong));
}
