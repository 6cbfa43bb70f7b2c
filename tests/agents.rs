//! Agents of the KVM body: one that hangs, what they say of their hosts and clocks, and guests that they keep in files.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use twinrack_hw::lab::handle::Starter;
use twinrack_scenario::Scenario;
use twinrack_scenario::record::Event;

use crate::command::{status, stderr, stdout, twinrack};
use crate::conformance::kvm_arm;

const LIMIT: Duration = Duration::from_secs(60);

const HEAD: &str = "
name: agents
duration: DURATION
hosts: [{name: n, count: 2, profile: hyperv-2009-16lp}]
networks: [{name: lan, speed: 1Gb/s}]
storage: [{name: csv1, kind: csv}]
clusters: [{name: c1}]
policies: {availability: {heartbeat: 250ms, missed: 1, regroup: 0s, online: 0s, guest_boot: 0s}}
";

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < LIMIT, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A virtual processor is among its open files.
fn has_a_guest(process: u32) -> bool {
    let Ok(files) = std::fs::read_dir(format!("/proc/{process}/fd")) else {
        return false;
    };
    let mut names = files
        .flatten()
        .filter_map(|file| std::fs::read_link(file.path()).ok());
    names.any(|name| name.to_string_lossy().contains("kvm-vcpu"))
}

/// A process that is stopped neither ends nor closes anything: it is told by its silence alone.
#[test]
fn an_agent_that_hangs_is_told_and_its_guest_starts_elsewhere() {
    if !kvm_arm::is_here() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let own = PathBuf::from(env!("CARGO_BIN_EXE_twinrack"));
    let note = folder.path().join("agent");
    let told = format!(
        "echo $$ > {}; exec {} agent --stdio",
        note.display(),
        own.display()
    );
    let noted = Starter {
        program: "sh".into(),
        arguments: vec!["-c".to_owned(), told],
        ..Starter::here(own.clone())
    };
    let hangs = std::thread::spawn(move || {
        let process: u32 = until("the agent runs", || {
            std::fs::read_to_string(&note).ok()?.trim().parse().ok()
        });
        until("its guest runs", || has_a_guest(process).then_some(()));
        // Time for the answer that says so.
        std::thread::sleep(Duration::from_secs(2));
        let signal = Command::new("sh")
            .args(["-c", &format!("kill -STOP {process}")])
            .status();
        assert!(signal.expect("a shell").success());
    });
    let yaml = HEAD.replace("DURATION", "20s") + "vms: [{name: a, host: n1, memory: 32MiB, cpu: 5%}]";
    let scenario = Scenario::from_yaml(&yaml).unwrap_or_else(|error| panic!("{error}"));
    let agents = vec![noted, Starter::here(own)];
    let record = kvm_arm::run_with(&scenario, agents, Duration::from_secs(5));
    hangs.join().expect("it was stopped");
    let of = |kind: fn(&Event) -> Option<u32>| -> Vec<u32> {
        record
            .events
            .iter()
            .filter_map(|record| kind(&record.event))
            .collect()
    };
    let crashed = of(|event| match event {
        Event::HostCrashed { host } => Some(host.0),
        _ => None,
    });
    let started = of(|event| match event {
        Event::VmStarted { host, .. } => Some(host.0),
        _ => None,
    });
    assert_eq!((crashed, started), (vec![0], vec![0, 1]));
    // Both processes read one clock, so whatever is seen of a drift is the trips' doing.
    let figure = |name: &str| record.summary.kpis[name].value;
    assert!(figure("lab.clock_drift_s.max") <= figure("lab.clock_error_s.max"));
}

#[test]
fn every_host_of_a_lab_says_what_it_can_do_and_one_that_does_not_answer_is_told() {
    if !kvm_arm::is_here() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let lab = folder.path().join("lab.yaml");
    let here = "  - {name: h1, address: 127.0.0.1}\n";
    std::fs::write(&lab, format!("hosts:\n{here}{here}")).expect("written");
    let lab = lab.to_str().expect("plain");
    let output = twinrack(&["lab", "doctor", "--lab", lab]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    for part in ["host 1 (127.0.0.1)", "host 2 (127.0.0.1)", "dirty bitmap"] {
        assert!(stdout(&output).contains(part), "{part} in\n{}", stdout(&output));
    }
    let json = twinrack(&["lab", "doctor", "--json", "--lab", lab]);
    let told: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert!(told["host 2 (127.0.0.1)"]["findings"].is_array(), "{told}");
    let gone = "  - {name: h2, address: 127.0.0.1, program: /nowhere/twinrack}\n";
    std::fs::write(lab, format!("hosts:\n{here}{gone}")).expect("written");
    let output = twinrack(&["lab", "doctor", "--lab", lab]);
    assert_eq!(status(&output), 3);
    assert!(
        stderr(&output).contains("host 2 (127.0.0.1): its agent"),
        "{}",
        stderr(&output)
    );
    assert!(stdout(&output).contains("host 1"));
}

/// A run whose guest is saved for maintenance; `harm` is done to its file while the run goes on.
fn run_with_a_saved_guest(harm: impl FnOnce(&Path)) -> std::process::Output {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = folder.path().join("saved.yaml");
    let rest = "vms: [{name: a, host: n1, memory: 32MiB, highly_available: false, disk: {size: 1MiB, writes: 100/s}}]
timeline: [{start_maintenance: {at: 500ms, host: n1}}]
";
    std::fs::write(&scenario, HEAD.replace("DURATION", "4s") + rest).expect("written");
    let child = Command::new(env!("CARGO_BIN_EXE_twinrack"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .env("TMPDIR", folder.path())
        .args(["run", "--backend", "kvm"])
        .arg(&scenario)
        .arg("--out")
        .arg(folder.path().join("record"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let file = until("the guest is saved", || {
        let scratch = std::fs::read_dir(folder.path()).ok()?.flatten();
        let mut files = scratch.filter_map(|entry| {
            let file = entry.path().join(format!("migration-{}.guest", u32::MAX));
            file.exists().then_some(file)
        });
        files.next()
    });
    // All of it is written when it has grown to the guest's memory.
    until("it is whole", || {
        (std::fs::metadata(&file).ok()?.len() > 32 << 20).then_some(())
    });
    harm(&file);
    child.wait_with_output().expect("it ends")
}

#[test]
fn a_guest_that_stays_in_its_file_is_looked_at_in_the_end() {
    if !kvm_arm::is_here() {
        return;
    }
    let whole = run_with_a_saved_guest(|_| {});
    assert_eq!(status(&whole), 0, "{}", stderr(&whole));
    let damaged = run_with_a_saved_guest(|file| {
        let mut bytes = std::fs::read(file).expect("read");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(file, bytes).expect("written");
    });
    assert_ne!(status(&damaged), 0);
    assert!(stderr(&damaged).contains("guest a"), "{}", stderr(&damaged));
}
