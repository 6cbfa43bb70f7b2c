//! The workflows of the manual, `docs/ci/`, tried by carrying out their steps: on a change that is fine, and on one that is not.
//!
//! What a CI service would do is stood in for: actions by what they would leave, `gh` by `tests/ci/gh`, and the build of
//! `cargo install` by the program that this test was built with; `.ci/run` carries that build out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_yaml::Value;

use crate::command::{status, twinrack};

/// Few and quick scenarios in place of all.
const SUITE: &str = "scenarios/deck/live-migration.yaml scenarios/deck/quick-migration.yaml";

/// A copy of what the workflows touch, with programs that stand in for others.
struct Checkout {
    folder: tempfile::TempDir,
}

impl Checkout {
    fn new() -> Self {
        let checkout = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for part in ["docs/ci", "scenarios/deck"] {
            copy(&root.join(part), &checkout.at(part));
        }
        fs::create_dir_all(checkout.at("bin")).expect("made");
        fs::copy(root.join("tests/ci/gh"), checkout.at("bin/gh")).expect("copied");
        let cargo = format!(
            "#!/bin/sh\ncase \"$*\" in \"install --path . --locked\"*) ;; *) exit 1 ;; esac\n\
             root=${{6:-$HOME/.cargo}}\nmkdir -p \"$root/bin\" && cp '{}' \"$root/bin/twinrack\"\n",
            env!("CARGO_BIN_EXE_twinrack")
        );
        checkout.program("bin/cargo", &cargo);
        fs::write(
            checkout.at("comments.json"),
            "[{\"id\": 1, \"body\": \"Looks good.\"}]",
        )
        .expect("writes");
        checkout.bless();
        checkout
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap_or_default()
    }

    fn program(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        fs::write(self.at(name), text).expect("writes");
        fs::set_permissions(self.at(name), fs::Permissions::from_mode(0o755)).expect("set");
    }

    fn bless(&self) {
        let runs = self.at("blessed");
        let runs = runs.to_str().expect("a plain path");
        let test: Vec<&str> = ["test"]
            .into_iter()
            .chain(SUITE.split(' '))
            .chain(["--out", runs])
            .collect();
        assert_eq!(status(&twinrack(&test)), 0);
        let baseline = self.at("scenarios/baseline.json");
        let bless = ["bless", runs, "--out", baseline.to_str().expect("a plain path")];
        assert_eq!(status(&twinrack(&bless)), 0);
    }

    /// Somebody changes a constant of a policy.
    fn change(&self) {
        let path = self.at("scenarios/deck/live-migration.yaml");
        let text = fs::read_to_string(&path).expect("there");
        let policy = "policies: {migration: {policy: {hyperv-r2: {max_rounds: 4}}}}\n";
        fs::write(path, text.replace("expect:\n", &format!("{policy}expect:\n"))).expect("writes");
    }

    /// Runs a script as a CI service does: by `bash -e`, in the checkout. Whether it succeeded.
    fn bash(&self, script: &str, environment: &[(String, String)]) -> bool {
        let added = self.read("path");
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{}:{path}", added.trim(), self.at("bin").display());
        let output = Command::new("bash")
            .args(["-e", "-c", script])
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env("HOME", self.at("home"))
            .env("SCENARIOS", SUITE)
            .env("NO_COLOR", "1")
            .env("COMMENTS", self.at("comments.json"))
            .env("GITHUB_PATH", self.at("path"))
            .env("GITHUB_STEP_SUMMARY", self.at("summary.md"))
            .env("GITHUB_REPOSITORY", "acme/datacenter")
            .env("CI_PROJECT_DIR", self.folder.path())
            .envs(environment.iter().cloned())
            .output()
            .expect("bash starts");
        if !output.status.success() {
            eprintln!("{script}\n{}{}", text(&output.stdout), text(&output.stderr));
        }
        output.status.success()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("readable") {
        let path = entry.expect("readable").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
    }
}

fn workflow(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci").join(name);
    serde_yaml::from_str(&fs::read_to_string(path).expect("there")).expect("YAML")
}

fn word(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// A text with the values of its expressions; one that this test knows no value of is a fault of the test.
fn evaluated(text: &str) -> String {
    let known = [
        ("${{ github.token }}", "secret"),
        ("${{ github.event.number }}", "7"),
    ];
    let text = known
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
    assert!(!text.contains("${{"), "no value for an expression in {text}");
    text
}

/// Carries the steps of the job for GitHub out. Whether the job succeeds.
fn on_github(checkout: &Checkout) -> bool {
    // Every job begins on a machine of its own.
    let _ = fs::remove_file(checkout.at("path"));
    let workflow = workflow("github-actions.yml");
    let steps = workflow["jobs"]["regressions"]["steps"]
        .as_sequence()
        .expect("a list")
        .clone();
    let mut succeeded = true;
    for step in steps {
        let asked = match step.get("if").map(word).as_deref() {
            None => succeeded,
            Some(
                "always()" | "always() && github.event.pull_request.head.repo.full_name == github.repository",
            ) => true,
            Some(other) => panic!("when is {other}?"),
        };
        if !asked {
            continue;
        }
        if let Some(script) = step.get("run") {
            let entries = step
                .get("env")
                .and_then(Value::as_mapping)
                .cloned()
                .unwrap_or_default();
            let environment: Vec<(String, String)> = entries
                .iter()
                .map(|(name, value)| (word(name), evaluated(&word(value))))
                .collect();
            succeeded &= checkout.bash(&evaluated(&word(script)), &environment);
            continue;
        }
        match word(&step["uses"]).as_str() {
            "actions/checkout@v4" | "actions/cache@v4" => {}
            "actions/upload-artifact@v4" => {
                let path = word(&step["with"]["path"]);
                assert!(
                    checkout.at(&path).join("report.html").is_file(),
                    "nothing to keep in {path}"
                );
            }
            other => panic!("what does {other} leave?"),
        }
    }
    succeeded
}

/// Carries the script of the job for GitLab out, and looks for what it keeps. Whether the job succeeds.
fn on_gitlab(checkout: &Checkout) -> bool {
    let job = workflow("gitlab-ci.yml")["regressions"].clone();
    let lines: Vec<String> = job["script"]
        .as_sequence()
        .expect("a list")
        .iter()
        .map(word)
        .collect();
    let succeeded = checkout.bash(&lines.join("\n"), &[]);
    let junit = word(&job["artifacts"]["reports"]["junit"]);
    assert!(checkout.bash(&format!("ls {junit}"), &[]), "no {junit}");
    assert!(checkout.at(&word(&job["artifacts"]["paths"][0])).is_dir());
    succeeded
}

#[test]
fn a_workflow_passes_what_is_as_it_was_and_fails_what_is_not() {
    if Command::new("jq").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no jq on this machine, so the workflows were not tried");
        return;
    }
    let checkout = Checkout::new();
    let comments =
        || -> serde_json::Value { serde_json::from_str(&checkout.read("comments.json")).expect("JSON") };
    assert!(on_github(&checkout));
    assert!(on_gitlab(&checkout));
    assert!(
        checkout.read("summary.md").contains("NO REGRESSION"),
        "{}",
        checkout.read("summary.md")
    );
    let first = comments();
    assert_eq!(first.as_array().map(Vec::len), Some(2), "{first}");

    checkout.change();
    assert!(!on_github(&checkout));
    assert!(!on_gitlab(&checkout));
    let second = comments();
    assert_eq!(
        second.as_array().map(Vec::len),
        Some(2),
        "the comment is written anew: {second}"
    );
    assert_eq!((&second[0], &second[1]["id"]), (&first[0], &first[1]["id"]));
    let body = second[1]["body"].as_str().expect("a text");
    for wanted in [
        "REGRESSED",
        "first difference at event 8",
        "repeat: `twinrack test scenarios/deck/live-migration.yaml",
        "if this is meant: `twinrack bless twinrack-report/runs --out scenarios/baseline.json`",
        "<!-- twinrack-report v1 -->",
    ] {
        assert!(body.contains(wanted), "{wanted}:\n{body}");
    }
    let junit = checkout.read("twinrack-report/junit-compare.xml");
    assert!(
        junit.contains("<testcase classname=\"live-migration\"") && junit.contains("<failure"),
        "{junit}"
    );
}
