//! Migrations beside a plain copy, and at the rate of a link.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use twinrack_control::migration::Plan;
use twinrack_control::migration::plan::Subject;
use twinrack_hw::guest::machine::{Machine, Shape};
use twinrack_hw::guest::workload::{PageClass, Workload};
use twinrack_hw::kvm::{DirtyMechanism, System};
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

use super::{MIB, shape, told};

/// Idle guests as fast as it goes, tagged and encrypted, each beside a plain copy of as much: in turns, so that what else the
/// machine does strikes all alike.
pub fn beside_copies(system: &System, mechanism: DirtyMechanism) {
    const TURNS: usize = 9;
    for memory in [512 * MIB, 1024 * MIB] {
        let (mut copies, mut moves) = (
            Vec::new(),
            [(false, Vec::new(), Vec::new()), (true, Vec::new(), Vec::new())],
        );
        for _ in 0..TURNS {
            copies.push(copy(memory as usize));
            for (encrypt, brownouts, downtimes) in &mut moves {
                let plan = plan(Bytes(memory), None, *encrypt);
                let report = once(system, shape(memory, mechanism), &Workload::idle(), &plan).report;
                brownouts.push(Duration::from_nanos(report.brownout.as_nanos()));
                downtimes.push(Duration::from_nanos(report.downtime.as_nanos()));
            }
        }
        let size = Bytes(memory);
        let (copied, least) = of(&copies);
        told(&format!("{size} copied over loopback TCP"), copies);
        for (encrypt, brownouts, downtimes) in moves {
            let how = if encrypt { "encrypted" } else { "tagged" };
            let (median, quickest) = of(&brownouts);
            told(&format!("{size} moved, {how}: brown-out"), brownouts);
            told(&format!("{size} moved, {how}: downtime"), downtimes);
            println!(
                "    {:.0} % of the plain copy's speed at the medians, {:.0} % at the least",
                100.0 * copied / median,
                100.0 * least / quickest
            );
        }
    }
}

/// Median and least in seconds.
fn of(times: &[Duration]) -> (f64, f64) {
    let mut sorted: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    (at(sorted.len() / 2), at(0))
}

/// Guests that write, at the rate of a link.
pub fn paced(system: &System, mechanism: DirtyMechanism) {
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
        let gigabit = plan(Bytes(512 * MIB), Some(BitsPerSecond(1_000_000_000)), true);
        moves(
            system,
            shape(512 * MIB, mechanism),
            &workload,
            &gigabit,
            1,
            &format!("{rate} pages/s random in 64MiB, 1Gb/s"),
        );
    }
}

fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let near = TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
    (near, listener.accept().expect("accepted").0)
}

/// What a plain copy from memory to memory over TCP takes; both have been written to before.
fn copy(size: usize) -> Duration {
    let (mut near, mut far) = connection();
    let from = vec![1_u8; size];
    let mut into = vec![0_u8; size];
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
}

fn moves(system: &System, shape: Shape, workload: &Workload, plan: &Plan, runs: usize, what: &str) {
    let (mut brownouts, mut downtimes) = (Vec::new(), Vec::new());
    let mut last = None;
    for _ in 0..runs {
        let ended = once(system, shape, workload, plan);
        brownouts.push(Duration::from_nanos(ended.report.brownout.as_nanos()));
        downtimes.push(Duration::from_nanos(ended.report.downtime.as_nanos()));
        last = Some(ended);
    }
    brownouts.sort();
    if let Some(median) = brownouts.get(runs / 2) {
        let gib = shape.memory.as_f64() / Bytes::GIB.as_f64();
        println!("    at the median {:.2} GiB/s", gib / median.as_secs_f64());
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

fn once(system: &System, shape: Shape, workload: &Workload, plan: &Plan) -> Ended {
    let mut machine = Machine::new(system, shape, workload).expect("a guest");
    if workload.classes.is_empty() {
        touch(&machine);
    }
    machine.run().expect("it runs");
    let (near, far) = connection();
    let (secret, claim) = (Secret::new().expect("random numbers"), Claim::default());
    let room = Room::of(&shape);
    let source = Source::new(
        machine,
        near,
        secret,
        plan,
        Arc::default(),
        Box::new(claim.clone()),
    )
    .expect("a source");
    let (ended, mut arrived) = thread::scope(|scope| {
        let target = scope.spawn(|| receive(system, far, secret, room, &claim));
        let ended = alone::migrate(system, source, plan.clone(), MigrationId(0), HostId(1)).expect("an end");
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
    if workload.classes.is_empty() {
        let mut last = [0];
        let end = arrived.machine.memory().pages() as u64 * 4096;
        arrived
            .machine
            .memory()
            .read(end - 1, &mut last)
            .expect("within memory");
        assert_eq!(last, [1], "what was written before came along");
    } else {
        arrived.machine.audit(workload).expect("read").expect("whole");
    }
    ended
}

/// Writes to all memory that an idle guest does not use: what was never written is one page of zeros, which stays in the cache.
fn touch(machine: &Machine) {
    const PROGRAM: u64 = 8 * MIB;
    let piece = vec![1_u8; MIB as usize];
    for at in (PROGRAM..machine.memory().pages() as u64 * 4096).step_by(piece.len()) {
        machine.memory().write(at, &piece).expect("within memory");
    }
}

/// At most ten rounds, stopping where 30 ms' worth is left.
fn plan(memory: Bytes, bandwidth: Option<BitsPerSecond>, encrypt: bool) -> Plan {
    let yaml = "{policy: {hyperv-r2: {threshold_time: 30ms}}}";
    let (node, _) = twinrack_scenario::yaml::parse(yaml, SourceId(0)).expect("valid YAML");
    let policy = MigrationPolicySpec::decode(&node, &mut Decoder::default()).expect("no faults");
    let subject = Subject {
        volume: VolumeKind::Local,
        ..Subject::of_size(memory)
    };
    Plan {
        bandwidth,
        encrypt,
        ..Plan::live(&policy, subject)
    }
}
