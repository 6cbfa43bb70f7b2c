//! The command as a user meets it: exit statuses, what goes to which stream, and records that appear whole or not at all.

use std::path::Path;
use std::process::{Command, Output};

const LIVE: &str = "scenarios/deck/live-migration.yaml";

pub fn twinrack(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twinrack"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .args(arguments);
    command.output().expect("the command starts")
}

/// Who was to read what went wrong has gone: the status still tells.
#[test]
fn nobody_has_to_read_an_error() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let status = Command::new(env!("CARGO_BIN_EXE_twinrack"))
        .args(["run", "/nowhere.yaml"])
        .stderr(writer)
        .status()
        .expect("the command starts");
    assert_eq!(status.code(), Some(2));
}

/// The path of a name in a folder, as an argument.
fn within(folder: &tempfile::TempDir, name: &str) -> String {
    let path = folder.path().join(name);
    path.to_str().expect("a plain path").to_owned()
}

pub fn status(output: &Output) -> i32 {
    output.status.code().expect("it ends by itself")
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

#[test]
fn a_run_writes_its_record_and_reports_are_made_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = folder.path().join("run");
    let run = run.to_str().expect("a plain path");
    let output = twinrack(&["run", LIVE, "--out", run]);
    assert_eq!((status(&output), stderr(&output)), (0, String::new()));
    assert!(stdout(&output).starts_with("PASS: live-migration, 6 of 6 expectations hold\n"));
    for name in ["summary.json", "events.jsonl", "series.parquet", "scenario.yaml"] {
        assert!(Path::new(run).join(name).is_file(), "{name}");
    }
    let text = twinrack(&["report", run, "--format", "text"]);
    assert!(
        stdout(&output).starts_with(stdout(&text).trim_end()),
        "read back, it says the same"
    );
    assert_eq!(status(&twinrack(&["report", run])), 0);
    let page = std::fs::read_to_string(Path::new(run).join("report.html")).expect("there");
    for wanted in [
        "PASS: live-migration",
        "<svg",
        "Rounds of sql01 from n1 to n2",
        "</html>",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name: &str| {
            let file = std::fs::metadata(Path::new(run).join(name)).expect("there");
            file.permissions().mode() & 0o644
        };
        std::fs::write(Path::new(run).join("plain"), "").expect("writes");
        assert_eq!(mode("report.html"), mode("plain"), "as readable as any file");
    }
    assert!(!page.contains("<script") && !page.contains("could not be drawn"));
    assert_eq!(status(&twinrack(&["report", run, "--format", "trace"])), 0);
    let trace = std::fs::read(Path::new(run).join("trace.json")).expect("there");
    let trace: serde_json::Value = serde_json::from_slice(&trace).expect("JSON");
    assert!(
        trace["traceEvents"]
            .as_array()
            .is_some_and(|events| events.len() > 20)
    );
}

#[test]
fn the_resolved_scenario_runs_again_to_the_same_digest() {
    let folder = tempfile::tempdir().expect("a folder");
    let [first, second] = ["a", "b"].map(|name| folder.path().join(name));
    let digest = |scenario: &str, out: &Path| -> String {
        let output = twinrack(&["run", scenario, "--json", "--out", out.to_str().expect("plain")]);
        let summary: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON alone");
        summary["digest"].as_str().expect("a digest").to_owned()
    };
    let original = digest(LIVE, &first);
    let resolved = first.join("scenario.yaml");
    assert_eq!(digest(resolved.to_str().expect("plain"), &second), original);
}

#[test]
fn a_failed_expectation_is_status_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("run");
    let output = twinrack(&[
        "run",
        LIVE,
        "--set",
        "vms.sql01.memory=8GiB",
        "--out",
        out.to_str().expect("plain"),
    ]);
    assert_eq!(status(&output), 1);
    assert!(stdout(&output).starts_with("FAIL: live-migration, "));
}

#[test]
fn a_known_miss_is_told_in_the_verdict_and_one_that_holds_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = within(&folder, "run");
    let clark = "scenarios/validation/v01-clark-specweb99.yaml";
    let missed = twinrack(&["run", clark, "--out", &run]);
    assert_eq!(status(&missed), 0, "{}", stderr(&missed));
    let text = stdout(&missed);
    assert!(
        text.starts_with("PASS with 3 known misses: v01-clark-specweb99, 1 of 4 expectations hold\n"),
        "{text}"
    );
    assert_eq!(
        text.lines().filter(|line| line.starts_with(" missed ")).count(),
        3,
        "{text}"
    );
    assert_eq!(status(&twinrack(&["report", &run])), 0);
    let page = std::fs::read_to_string(Path::new(&run).join("report.html")).expect("there");
    assert!(page.contains(">PASS with 3 known misses: "));
    assert_eq!(page.matches("<td class=\"missed\">missed</td>").count(), 3);

    let held = twinrack(&[
        "run",
        clark,
        "--set",
        "expect[0].known=it was too long",
        "--out",
        &run,
    ]);
    assert_eq!(status(&held), 1);
    assert!(stdout(&held).starts_with("FAIL: "), "{}", stdout(&held));
    let words = stdout(&held).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("it holds: take `known` out"), "{words}");
}

#[test]
fn bad_input_is_status_2_with_place_and_mend() {
    let output = twinrack(&["check", "scenarios/invalid/unknown-key-of-a-vm.yaml"]);
    assert_eq!(status(&output), 2, "{}", stderr(&output));
    let text = stderr(&output);
    assert!(
        text.contains("help:") && text.contains("-->") && text.contains("1 fault in"),
        "{text}"
    );
    assert_eq!(status(&twinrack(&["run", "no-such-file.yaml"])), 2);
    assert_eq!(status(&twinrack(&["run", LIVE, "--seeds", "5..5"])), 2);
    assert_eq!(status(&twinrack(&["report", "scenarios"])), 2);
}

#[test]
fn a_missing_backend_is_status_3_and_says_what_serves() {
    // No KVM body counts packets, so that this holds on a machine with KVM too.
    let output = twinrack(&["run", "scenarios/deck/jumbo-frames.yaml", "--backend", "kvm"]);
    assert_eq!(status(&output), 3);
    let text = stderr(&output);
    assert!(
        text.contains("tell net.packets_per_s.max") && text.contains("--allow-modelled"),
        "{text}"
    );
}

#[test]
fn what_is_no_record_is_not_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("precious"), "data").expect("writes");
    let output = twinrack(&["run", LIVE, "--out", folder.path().to_str().expect("plain")]);
    assert_eq!(status(&output), 2);
    assert!(folder.path().join("precious").is_file());
    assert!(stderr(&output).contains("is no record of a run"));
}

/// Writes the live migration's record to `out`, with files of at most so many blocks of 512 bytes: the system kills the writer at the
/// byte beyond. Whether it was killed.
#[cfg(target_os = "linux")]
fn is_killed_while_writing(out: &str, blocks: u32) -> bool {
    use std::os::unix::process::ExitStatusExt;
    // The number is the same on every Linux that Rust runs on but MIPS.
    const FILE_TOO_LARGE: i32 = 25;
    let command = format!("ulimit -c 0; ulimit -f {blocks}; exec \"$0\" run {LIVE} --json --out \"$1\"");
    let ended = Command::new("sh")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["-c", &command, env!("CARGO_BIN_EXE_twinrack"), out])
        .stdout(std::process::Stdio::null())
        .status()
        .expect("starts");
    assert!(
        ended.signal() == Some(FILE_TOO_LARGE) || ended.success(),
        "{ended}"
    );
    ended.signal().is_some()
}

/// A run that is killed while it writes, at any of its files, leaves nothing under the final name, or the record that was there.
#[cfg(target_os = "linux")]
#[test]
fn a_run_killed_while_it_writes_leaves_no_half_record() {
    let folder = tempfile::tempdir().expect("a folder");
    let earlier = within(&folder, "earlier");
    assert!(!is_killed_while_writing(&earlier, 1 << 20));
    let before = twinrack_reports::read_record(Path::new(&earlier)).expect("whole");
    let largest = std::fs::read_dir(&earlier)
        .expect("a folder")
        .map(|file| file.and_then(|file| file.metadata()).expect("readable").len())
        .max();
    // One less: the digits of the wall time make no two records of quite the same length.
    let blocks = u32::try_from(largest.expect("files") / 512 - 1).expect("small");
    assert!(blocks > 16, "the largest file has only {blocks} blocks");
    for limit in 0..=blocks {
        let new = within(&folder, &format!("new-{limit}"));
        assert!(is_killed_while_writing(&new, limit), "{limit} blocks are enough");
        assert!(!Path::new(&new).exists(), "half a record after {limit} blocks");
        assert!(is_killed_while_writing(&earlier, limit));
        let after = twinrack_reports::read_record(Path::new(&earlier)).expect("still whole");
        assert_eq!(after.summary, before.summary);
    }
    let partial = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert!(
        partial > usize::try_from(blocks).expect("small"),
        "kills fell before the writing"
    );
    assert!(!is_killed_while_writing(&within(&folder, "new-0"), blocks + 4));
}

#[test]
fn traces_are_made_and_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("small.csv.gz");
    let output = twinrack(&[
        "import",
        "synthetic",
        "--vms",
        "20",
        "--out",
        trace.to_str().expect("plain"),
    ]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    assert!(stdout(&output).contains("20 VMs, 288 samples each"));
    let bytes = std::fs::read(&trace).expect("there");
    assert_eq!(
        twinrack_scenario::Trace::from_csv(&bytes).expect("a trace").len(),
        20
    );
}

#[test]
fn the_schema_is_printed() {
    let schema: serde_json::Value = serde_json::from_str(&stdout(&twinrack(&["schema"]))).expect("JSON");
    assert!(schema["properties"]["hosts"].is_object());
}

#[test]
fn what_a_killed_writer_left_is_swept_away_and_what_a_living_one_writes_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let partial = |process: u32| folder.path().join(format!(".run.{process}.partial"));
    // No process has the greatest number; this test has its own.
    let (dead, living) = (partial(u32::MAX), partial(std::process::id()));
    for left in [&dead, &living] {
        std::fs::create_dir(left).expect("made");
    }
    let out = folder.path().join("run");
    let run = ["run", LIVE, "--out", out.to_str().expect("a plain path")];
    assert_eq!(status(&twinrack(&run)), 0);
    assert_eq!((dead.exists(), living.exists()), (false, true));
    std::fs::remove_dir(&living).expect("still there, still empty");
    assert_eq!(status(&twinrack(&run)), 0, "an earlier record is replaced");
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("readable").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_plan_is_answered_kept_and_answered_again_alike() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("day.csv");
    let trace = trace.to_str().expect("a plain path");
    let made = twinrack(&["import", "synthetic", "--vms", "40", "--out", trace]);
    assert_eq!(status(&made), 0);
    let out = folder.path().join("plan");
    let trace = format!("trace={trace}");
    let plan = |extra: &[&str]| {
        let mut arguments = vec!["plan", "scenarios/planning/right-size.yaml", "--set", &trace];
        for small in [
            "vms.high-cpu.count=30",
            "vms.extra-large.count=30",
            "plan.replications.least=3",
            "plan.replications.most=3",
        ] {
            arguments.extend(["--set", small]);
        }
        arguments.extend(["--out", out.to_str().expect("a plain path")]);
        arguments.extend(extra);
        twinrack(&arguments)
    };
    let first = plan(&["--threads", "1"]);
    assert_eq!(status(&first), 0, "{}", stderr(&first));
    assert!(
        stdout(&first).starts_with("FITS with N+1: "),
        "{}",
        stdout(&first)
    );
    for name in ["plan.html", "plan.json", "placement.csv", "actions.csv", "trials"] {
        assert!(out.join(name).exists(), "{name}");
    }
    let again = plan(&["--threads", "2"]);
    assert_eq!(stdout(&again), stdout(&first));
    let nothing = plan(&["--set", "plan.to=2"]);
    assert_eq!(status(&nothing), 1);
    assert!(
        stdout(&nothing).starts_with("DOES NOT FIT"),
        "{}",
        stdout(&nothing)
    );
    let saved = folder.path().join("more.yaml");
    let saved = saved.to_str().expect("a plain path");
    let more = plan(&[
        "--with",
        "add-vms=30:micro",
        "--with",
        "growth=3%/month",
        "--save",
        saved,
    ]);
    assert_eq!(status(&more), 0, "{}", stderr(&more));
    assert!(
        stdout(&more).starts_with("FITS: 12 hosts for "),
        "{}",
        stdout(&more)
    );
    let changed = std::fs::read_to_string(saved).expect("saved");
    assert!(
        changed.contains("count: 293") && changed.contains("monthly: 3%"),
        "{changed}"
    );
    let misspelt = plan(&["--with", "add-vms=30:mikro"]);
    assert_eq!(status(&misspelt), 2);
    assert!(
        stderr(&misspelt).contains("did you mean `micro`?"),
        "{}",
        stderr(&misspelt)
    );
    let none = twinrack(&["plan", LIVE]);
    assert_eq!(status(&none), 2);
    assert!(
        stderr(&none).contains("has no section `plan`"),
        "{}",
        stderr(&none)
    );
}

/// A policy constant that somebody changed shows by its first event, in words, and by the figures that got worse.
#[test]
fn a_changed_policy_is_caught_with_its_first_differing_event() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| within(&folder, name);
    let (was, is, blessed) = (at("was"), at("is"), at("blessed.json"));
    assert_eq!(status(&twinrack(&["run", LIVE, "--out", &was])), 0);
    let bug = "policies.migration.policy.hyperv-r2.max_rounds=4";
    twinrack(&["run", LIVE, "--set", bug, "--out", &is]);
    assert_eq!(status(&twinrack(&["bless", &was, "--out", &blessed])), 0);
    for base in [&was, &blessed] {
        let found = twinrack(&["compare", base, &is]);
        assert_eq!(status(&found), 1, "{}", stderr(&found));
        let text = stdout(&found);
        for wanted in [
            "REGRESSED: ",
            "the scenario itself differs",
            "first difference at event 8",
            "baseline  54.19 s  migration round: ",
            "new       54.19 s  migration paused: migration 0, pages left 32, reason max rounds",
            "migration.not_converged",
        ] {
            assert!(text.contains(wanted), "{wanted}:\n{text}");
        }
        let same = twinrack(&["compare", base, &was]);
        assert_eq!(status(&same), 0);
        assert!(
            stdout(&same).contains("identical to the last byte"),
            "{}",
            stdout(&same)
        );
    }
    let never = ["compare", &was, &is, "--error-on", "never"];
    assert_eq!(status(&twinrack(&never)), 0);
    let json = twinrack(&["compare", &was, &is, "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&json)).expect("JSON");
    assert_eq!(json["outcome"], "failed");
    assert_eq!(json["scenarios"][0]["differing"][0]["number"], 8);
}

#[test]
fn what_can_not_be_compared_is_status_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| within(&folder, name);
    let (one, other) = (at("one"), at("other"));
    twinrack(&["run", LIVE, "--out", &one]);
    twinrack(&["run", "scenarios/deck/density.yaml", "--out", &other]);
    for (new, limit, what) in [
        (&other, "power.watts=1%,2%", "nothing was compared"),
        (&at("nothing"), "power.watts=1%,2%", "No such file"),
        (&one, "power.wats=1%,2%", "there is no figure `power.wats`"),
    ] {
        let output = twinrack(&["compare", &one, new, "--limit", limit, "--error-on", "never"]);
        assert_eq!(status(&output), 2, "{what}");
        assert!(stderr(&output).contains(what), "{}", stderr(&output));
    }
}
