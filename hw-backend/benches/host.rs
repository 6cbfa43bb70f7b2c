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
    // `cargo bench -p twinrack-hw -- start move` measures what has one of these words in it.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let wanted = |section: &str| words.is_empty() || words.iter().any(|word| section.contains(word.as_str()));
    if wanted("start") {
        starts(&system, best);
    }
    if wanted("density") {
        density(&system, best);
    }
    if wanted("pause") {
        pauses(&system, best);
    }
    if wanted("log") {
        logs(&system);
        zero_scan();
    }
    if wanted("copy") {
        copies();
        unshaped(&system, best);
    }
    if wanted("paced") {
        paced(&system, best);
    }
}

/// Idle guests beside a plain copy, without and with encryption.
fn unshaped(system: &System, mechanism: DirtyMechanism) {
    let idle = Workload::idle();
    for encrypt in [false, true] {
        let what = if encrypt {
            "idle, unshaped, encrypted"
        } else {
            "idle, unshaped, tagged"
        };
        for memory in [512 * MIB, 1024 * MIB] {
            let plan = plan(Bytes(memory), None, encrypt);
            moves(system, shape(memory, mechanism), &idle, &plan, 7, what);
        }
    }
}

/// Guests that write, at the rate of a link.
fn paced(system: &System, mechanism: DirtyMechanism) {
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

/// From nothing to a guest that has run its first instructions, its tables and program laid out; and many idle guests at once.
fn density(system: &System, mechanism: DirtyMechanism) {
    const GUESTS: u64 = 1000;
    let shape = shape(64 * MIB, mechanism);
    let idle = Workload {
        untouched: shape.memory,
        ..Workload::idle()
    };
    let times = (0..50).map(|_| {
        let began = Instant::now();
        let mut machine = Machine::new(system, shape, &idle).expect("a guest");
        machine.run().expect("it runs");
        while machine.counters(0).expect("counters").passes == 0 {
            std::hint::spin_loop();
        }
        began.elapsed()
    });
    told("nothing until a guest of 64MiB has begun", times.collect());
    let Some(group) = MemoryGroup::enter() else {
        return println!("1,000 idle guests: no memory controller of cgroup 1 to count in");
    };
    let before = group.used();
    let began = Instant::now();
    let guests: Vec<Machine> = (0..GUESTS)
        .map(|_| {
            let mut machine = Machine::new(system, shape, &idle).expect("a guest");
            machine.run().expect("it runs");
            machine
        })
        .collect();
    let took = began.elapsed();
    while guests
        .iter()
        .any(|guest| guest.counters(0).expect("counters").passes == 0)
    {
        thread::sleep(Duration::from_millis(10));
    }
    let each = group.used().saturating_sub(before) / GUESTS / 1024;
    // Resident pages of guest memory are touched by it or laid out for it; the rest is what a guest costs.
    let touched = touched(&guests) / GUESTS / 1024;
    println!(
        "{GUESTS} idle guests of 64MiB begun in {took:.1?}: {each} KiB each, of which {touched} KiB are touched guest memory and {} KiB beyond",
        each.saturating_sub(touched)
    );
}

/// Bytes of guest memory that are there (`mincore`, by way of the kernel's own count of each mapping).
fn touched(guests: &[Machine]) -> u64 {
    let starts: std::collections::BTreeSet<u64> =
        guests.iter().map(|guest| guest.memory().host_address()).collect();
    let maps = std::fs::read_to_string("/proc/self/smaps").expect("smaps");
    let (mut inside, mut bytes) = (0, 0);
    for line in maps.lines() {
        if let Some((from, to)) = line
            .split_whitespace()
            .next()
            .and_then(|range| range.split_once('-'))
        {
            let number = |text| u64::from_str_radix(text, 16);
            if let (Ok(from), Ok(to)) = (number(from), number(to)) {
                // Neighbouring mappings of guests are one to the kernel.
                inside = starts.range(from..to).count();
            }
        } else if let Some(rest) = line.strip_prefix("Rss:").filter(|_| inside > 0) {
            let kib = rest.trim().trim_end_matches(" kB").trim();
            bytes += kib.parse::<u64>().unwrap_or(0) * 1024;
        }
    }
    bytes
}

/// A memory group of this process alone, so that what others use does not count; it goes when it is dropped.
struct MemoryGroup(&'static str);

impl MemoryGroup {
    const ROOT: &'static str = "/sys/fs/cgroup/memory/cgroup.procs";

    fn enter() -> Option<Self> {
        const GROUP: &str = "/sys/fs/cgroup/memory/twinrack-bench";
        std::fs::create_dir_all(GROUP).ok()?;
        let group = Self(GROUP);
        std::fs::write(format!("{GROUP}/cgroup.procs"), std::process::id().to_string()).ok()?;
        Some(group)
    }

    /// Memory of processes and of the kernel on their behalf.
    fn used(&self) -> u64 {
        let read = |file: &str| {
            let text = std::fs::read_to_string(format!("{}/{file}", self.0)).unwrap_or_default();
            text.trim().parse::<u64>().unwrap_or(0)
        };
        read("memory.usage_in_bytes")
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // A group that stays behind is empty and does no harm.
        let _ = std::fs::write(Self::ROOT, std::process::id().to_string());
        let _ = std::fs::remove_dir(self.0);
    }
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
    arrived.machine.audit(workload).expect("read").expect("whole");
    ended
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
