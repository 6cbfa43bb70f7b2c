//! What the KVM body costs on this host, in one page: start, pause, state, logs, and migration beside a plain TCP copy.
//!
//! `cargo bench -p twinrack-hw` prints medians with the least and the greatest; other work on the machine shows in them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use twinrack_control::migration::Plan;
use twinrack_control::migration::plan::Subject;
use twinrack_hw::guest::layout::GuestPages;
use twinrack_hw::guest::machine::{Machine, Shape};
use twinrack_hw::guest::workload::{PageClass, Workload};
use twinrack_hw::kvm::{Backing, DirtyMechanism, PageSet, System};
use twinrack_hw::migrate::alone::{self, Ended};
use twinrack_hw::migrate::claim::Claim;
use twinrack_hw::migrate::source::Source;
use twinrack_hw::migrate::target::{Room, receive};
use twinrack_hw::migrate::wire::Secret;
use twinrack_scenario::decode::{Decoder, Field};
use twinrack_scenario::fault::SourceId;
use twinrack_scenario::spec::cluster::VolumeKind;
use twinrack_scenario::spec::guest::WritePattern;
use twinrack_scenario::spec::migration::MigrationPolicySpec;
use twinrack_scenario::units::{BitsPerSecond, Bytes, PerSecond};
use twinrack_scenario::{HostId, MigrationId};

const MIB: u64 = 1 << 20;

fn main() {
    let system = match System::open() {
        Ok(system) => system,
        Err(error) => return eprintln!("SKIPPED: needs KVM: {error}"),
    };
    let best = DirtyMechanism::best(&system);
    if let Ok(counted) = twinrack_hw::probe::paging::count(&system) {
        println!("{counted}");
    }
    starts(&system, best);
    pauses(&system, best);
    logs(&system);
    zero_scan();
    copies();
    let idle = Workload::idle();
    for (memory, runs) in [(512 * MIB, 5), (1024 * MIB, 5)] {
        moves(&system, shape(memory, best), &idle, None, runs, "idle, unshaped");
    }
    let writer = |rate| {
        let class = PageClass {
            size: Some(Bytes(64 * MIB)),
            rate: PerSecond(rate),
            pattern: WritePattern::Random,
        };
        Workload::dirtying(vec![class])
    };
    for rate in [10_000.0, 20_000.0] {
        let workload = writer(rate);
        let gigabit = Some(BitsPerSecond(1_000_000_000));
        moves(
            &system,
            shape(512 * MIB, best),
            &workload,
            gigabit,
            1,
            &format!("{rate} pages/s random in 64MiB, 1Gb/s"),
        );
    }
}

fn shape(memory: u64, mechanism: DirtyMechanism) -> Shape {
    Shape {
        memory: Bytes(memory),
        vcpus: 1,
        backing: Backing::Anonymous,
        pages: GuestPages::Small,
        mechanism,
    }
}

/// Median, least and greatest of some times.
fn told(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let [least, median, most] =
        [0, times.len() / 2, times.len() - 1].map(|at| times.get(at).copied().unwrap_or_default());
    println!(
        "{what:<58} {median:>10.1?}  ({least:.1?} to {most:.1?}, {} times)",
        times.len()
    );
}

fn starts(system: &System, mechanism: DirtyMechanism) {
    let times = (0..30).map(|_| {
        let began = Instant::now();
        let cpuid = system.supported_cpuid().expect("CPUID");
        let skeleton = Machine::skeleton(system, shape(64 * MIB, mechanism), &cpuid).expect("a skeleton");
        let time = began.elapsed();
        drop(skeleton);
        time
    });
    told("skeleton of 64MiB, vCPU thread parked", times.collect());
    let times = (0..30).map(|_| {
        let mut machine =
            Machine::new(system, shape(64 * MIB, mechanism), &Workload::idle()).expect("a guest");
        let began = Instant::now();
        machine.run().expect("it runs");
        while machine.counters(0).expect("counters").passes == 0 {
            std::hint::spin_loop();
        }
        began.elapsed()
    });
    told(
        "order to run until the guest's first period is done",
        times.collect(),
    );
}

fn pauses(system: &System, mechanism: DirtyMechanism) {
    let busy = Workload {
        cpu: twinrack_scenario::units::Ratio::ONE,
        ..Workload::dirtying(Vec::new())
    };
    let mut machine = Machine::new(system, shape(64 * MIB, mechanism), &busy).expect("a guest");
    let (mut stops, mut saves) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        machine.run().expect("it runs");
        thread::sleep(Duration::from_millis(2));
        stops.push(machine.pause().expect("paused"));
        let began = Instant::now();
        machine.save().expect("saved");
        saves.push(began.elapsed());
    }
    let mut sorted = stops.clone();
    sorted.sort();
    println!(
        "pause of a busy guest, 99th percentile: {:.1?}",
        sorted.get(197).copied().unwrap_or_default()
    );
    told("pause of a busy guest", stops);
    told("state of a vCPU saved", saves);
}

fn logs(system: &System) {
    for mechanism in [DirtyMechanism::Bitmap, DirtyMechanism::ManualProtect] {
        if mechanism.supported(system).is_err() {
            continue;
        }
        let mut machine =
            Machine::new(system, shape(512 * MIB, mechanism), &Workload::idle()).expect("a guest");
        let pages = machine.memory().pages();
        machine.log().start().expect("logging");
        machine
            .log()
            .rearm(0, pages, &PageSet::full(pages))
            .expect("watched");
        let mut set = PageSet::empty(pages);
        let times = (0..50).map(|_| {
            let began = Instant::now();
            machine.log().collect(&mut set).expect("collected");
            began.elapsed()
        });
        told(
            &format!("empty log of 512MiB read, {mechanism:?}"),
            times.collect(),
        );
    }
}

fn zero_scan() {
    let memory = twinrack_hw::kvm::GuestMemory::new(Bytes(256 * MIB), Backing::Anonymous).expect("memory");
    memory.populate().expect("populated");
    let times = (0..10).map(|_| {
        let began = Instant::now();
        assert!((0..memory.pages()).all(|page| memory.page_is_zero(page)));
        began.elapsed()
    });
    told("256MiB of zeros scanned", times.collect());
}

fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let near = TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
    (near, listener.accept().expect("accepted").0)
}

/// What a plain copy from memory to memory over TCP reaches.
fn copies() {
    const SIZE: usize = 512 << 20;
    let times = (0..5).map(|_| {
        let (mut near, mut far) = connection();
        let from = vec![1_u8; SIZE];
        let mut into = vec![0_u8; SIZE];
        into.fill(2);
        thread::scope(|scope| {
            let began = Instant::now();
            let reader = scope.spawn(move || {
                far.read_exact(&mut into).expect("read");
                far.write_all(&[1]).expect("answered");
            });
            for piece in from.chunks(512 << 10) {
                near.write_all(piece).expect("written");
            }
            near.read_exact(&mut [0]).expect("an answer");
            let time = began.elapsed();
            reader.join().expect("no panic");
            time
        })
    });
    told("plain copy of 512MiB over loopback TCP", times.collect());
}

fn moves(
    system: &System,
    shape: Shape,
    workload: &Workload,
    cap: Option<BitsPerSecond>,
    runs: usize,
    what: &str,
) {
    let (mut brownouts, mut downtimes) = (Vec::new(), Vec::new());
    let mut last = None;
    for _ in 0..runs {
        let ended = once(system, shape, workload, cap);
        brownouts.push(Duration::from_nanos(ended.report.brownout.as_nanos()));
        downtimes.push(Duration::from_nanos(ended.report.downtime.as_nanos()));
        last = Some(ended);
    }
    told(&format!("{} moved, {what}: brown-out", shape.memory), brownouts);
    told(&format!("{} moved, {what}: downtime", shape.memory), downtimes);
    if let Some(ended) = last {
        println!(
            "    {} rounds, {} sent; pause: {:.1?}",
            ended.report.rounds.len(),
            ended.report.sent,
            ended.parts
        );
    }
}

fn once(system: &System, shape: Shape, workload: &Workload, cap: Option<BitsPerSecond>) -> Ended {
    let mut machine = Machine::new(system, shape, workload).expect("a guest");
    machine.run().expect("it runs");
    let (near, far) = connection();
    let (secret, claim) = (Secret::new().expect("random numbers"), Claim::default());
    let room = Room {
        memory: shape.memory,
        backing: shape.backing,
        mechanism: shape.mechanism,
    };
    let plan = plan(shape.memory, cap);
    let source = Source::new(
        machine,
        near,
        secret,
        &plan,
        Arc::default(),
        Box::new(claim.clone()),
    )
    .expect("a source");
    let (ended, mut arrived) = thread::scope(|scope| {
        let target = scope.spawn(|| receive(system, far, secret, room, &claim));
        let ended = alone::migrate(system, source, plan, MigrationId(0), HostId(1)).expect("an end");
        (ended, target.join().expect("no panic").expect("it came"))
    });
    arrived.machine.pause().expect("paused");
    if !workload.classes.is_empty() {
        let counters = arrived.machine.counters(0).expect("counters");
        let left: Vec<u64> = ended
            .report
            .rounds
            .iter()
            .map(|round| round.left.pages())
            .collect();
        println!(
            "    {} writes, {} periods, {} late, {} set anew; pages left after each round: {left:?}",
            counters.heartbeat, counters.passes, counters.missed, counters.resyncs
        );
    }
    arrived.machine.audit(workload).expect("read").expect("whole");
    ended
}

/// At most ten rounds, stopping where 30 ms' worth is left.
fn plan(memory: Bytes, bandwidth: Option<BitsPerSecond>) -> Plan {
    let yaml = "{policy: {hyperv-r2: {threshold_time: 30ms}}}";
    let (node, _) = twinrack_scenario::yaml::parse(yaml, SourceId(0)).expect("valid YAML");
    let policy = MigrationPolicySpec::decode(&node, &mut Decoder::default()).expect("no faults");
    let subject = Subject {
        volume: VolumeKind::Local,
        ..Subject::of_size(memory)
    };
    Plan {
        bandwidth,
        ..Plan::live(&policy, subject)
    }
}
