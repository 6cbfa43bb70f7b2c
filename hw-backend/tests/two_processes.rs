//! Migration between two processes: the target is this very test binary, started again with an environment variable.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use twinrack_control::migration::Plan;
use twinrack_control::migration::plan::Subject;
use twinrack_hw::guest::Devices;
use twinrack_hw::guest::layout::GuestPages;
use twinrack_hw::guest::machine::{Machine, Shape};
use twinrack_hw::guest::workload::{PageClass, Workload};
use twinrack_hw::kvm::{Backing, DirtyMechanism, System};
use twinrack_hw::migrate::alone;
use twinrack_hw::migrate::claim::{Claim, Nobody};
use twinrack_hw::migrate::source::Source;
use twinrack_hw::migrate::target::{Room, receive};
use twinrack_hw::migrate::wire::Secret;
use twinrack_scenario::decode::{Decoder, Field};
use twinrack_scenario::fault::SourceId;
use twinrack_scenario::record::Outcome;
use twinrack_scenario::spec::cluster::VolumeKind;
use twinrack_scenario::spec::guest::WritePattern;
use twinrack_scenario::spec::migration::MigrationPolicySpec;
use twinrack_scenario::units::{BitsPerSecond, Bytes, PerSecond};
use twinrack_scenario::{HostId, MigrationId};

const MEMORY: Bytes = Bytes(32 << 20);
/// Set for the process that is the target.
const TARGET: &str = "TWINRACK_TEST_TARGET";
/// Known to both processes; a real lab makes one for each migration.
const SECRET: Secret = Secret([42; 32]);
const LIMIT: Duration = Duration::from_secs(20);

fn workload() -> Workload {
    let class = PageClass {
        size: Some(Bytes(8 << 20)),
        rate: PerSecond(10_000.0),
        pattern: WritePattern::Random,
    };
    Workload::dirtying(vec![class])
}

/// KVM, or a loud word.
fn system() -> Option<System> {
    System::open()
        .inspect_err(|error| {
            let said = format!("SKIPPED two_processes: needs KVM: {error}\n");
            let _ = std::io::stderr().write_all(said.as_bytes());
        })
        .ok()
}

fn plan(bandwidth: Option<BitsPerSecond>) -> Plan {
    let yaml = "{policy: {hyperv-r2: {threshold_pages: 64}}}";
    let (node, _) = twinrack_scenario::yaml::parse(yaml, SourceId(0)).expect("valid YAML");
    let policy = MigrationPolicySpec::decode(&node, &mut Decoder::default()).expect("no faults");
    let subject = Subject {
        volume: VolumeKind::Local,
        ..Subject::of_size(MEMORY)
    };
    Plan {
        bandwidth,
        ..Plan::live(&policy, subject)
    }
}

fn guest(system: &System) -> Machine {
    let shape = Shape {
        memory: MEMORY,
        vcpus: 1,
        backing: Backing::Anonymous,
        pages: GuestPages::Small,
        mechanism: DirtyMechanism::best(system),
    };
    let mut machine = Machine::new(system, shape, &workload()).expect("a guest");
    machine.run().expect("it runs");
    machine
}

/// Waits for 100 more writes, stops the guest, looks at all its memory; gives the heartbeat.
fn goes_on_and_is_whole(mut machine: Machine) -> u64 {
    let before = machine.counters(0).expect("counters").heartbeat;
    let began = Instant::now();
    while machine.counters(0).expect("counters").heartbeat < before + 100 {
        assert!(began.elapsed() < LIMIT, "it stands still");
        thread::sleep(Duration::from_millis(1));
    }
    machine.pause().expect("paused");
    machine.audit(&workload()).expect("read").expect("whole");
    machine.counters(0).expect("counters").heartbeat
}

struct Target {
    process: Child,
    said: BufReader<std::process::ChildStdout>,
    stream: TcpStream,
}

/// Starts the other process and connects to it.
fn target() -> Target {
    let mut process = Command::new(env::current_exe().expect("this test"))
        .args(["--exact", "target_process", "--nocapture"])
        .env(TARGET, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("another process");
    let mut said = BufReader::new(process.stdout.take().expect("its output"));
    let address = line_after(&mut said, "LISTENING ");
    Target {
        process,
        said,
        stream: TcpStream::connect(address).expect("connected"),
    }
}

fn line_after(said: &mut impl BufRead, word: &str) -> String {
    for line in said.lines() {
        if let Some(rest) = line.expect("a line").strip_prefix(word) {
            return rest.to_owned();
        }
    }
    panic!("it never said {word}")
}

/// The target's side: only in a process that was started for it.
#[test]
fn target_process() {
    if env::var_os(TARGET).is_none() {
        return;
    }
    let system = system().expect("the parent had KVM");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    // The harness writes its own line first, without ending it.
    println!("\nLISTENING {}", listener.local_addr().expect("an address"));
    let (stream, _) = listener.accept().expect("a connection");
    let room = Room {
        memory: MEMORY,
        backing: Backing::Anonymous,
        mechanism: DirtyMechanism::best(&system),
        devices: Devices::default(),
    };
    let arrived = receive(&system, stream, SECRET, room, &Claim::default()).expect("a guest");
    println!("WHOLE {}", goes_on_and_is_whole(arrived.machine));
}

#[test]
fn a_guest_moves_to_another_process() {
    let Some(system) = system() else { return };
    let machine = guest(&system);
    let mut target = target();
    let plan = plan(None);
    let source = Source::new(
        machine,
        target.stream,
        SECRET,
        &plan,
        Arc::default(),
        Box::new(Nobody),
    )
    .expect("a source");
    let ended = alone::migrate(&system, source, plan, MigrationId(7), HostId(1)).expect("an end");
    // Whether it converged is a matter of the machine's speed.
    assert!(matches!(
        ended.report.outcome,
        Outcome::Completed | Outcome::CompletedNotConverged
    ));
    assert!(ended.machine.is_none());
    let heartbeat: u64 = line_after(&mut target.said, "WHOLE ").parse().expect("a number");
    assert!(heartbeat >= 100);
    assert!(target.process.wait().expect("it ended").success());
}

#[test]
fn a_target_that_is_killed_leaves_the_guest_at_the_source() {
    let Some(system) = system() else { return };
    for millis in [1, 40, 120] {
        let machine = guest(&system);
        let mut target = target();
        // 32 MiB at 800 Mb/s are 0.34 s.
        let plan = plan(Some(BitsPerSecond(800_000_000)));
        let killer = thread::spawn(move || {
            thread::sleep(Duration::from_millis(millis));
            target.process.kill().expect("killed");
            target.process.wait().expect("it ended");
        });
        let source = Source::new(
            machine,
            target.stream,
            SECRET,
            &plan,
            Arc::default(),
            Box::new(Nobody),
        )
        .expect("a source");
        let ended = alone::migrate(&system, source, plan, MigrationId(7), HostId(1)).expect("an end");
        killer.join().expect("no panic");
        assert_eq!(
            ended.report.outcome,
            Outcome::FailedAtSource,
            "killed after {millis} ms"
        );
        goes_on_and_is_whole(ended.machine.expect("it stayed"));
    }
}
