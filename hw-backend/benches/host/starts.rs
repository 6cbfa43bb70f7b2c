//! Starting guests, and a thousand of them at once.

use std::thread;
use std::time::{Duration, Instant};

use twinrack_hw::guest::machine::Machine;
use twinrack_hw::guest::workload::Workload;
use twinrack_hw::kvm::{DirtyMechanism, System};
use twinrack_scenario::units::Bytes;

use super::{MIB, shape, told};

/// A guest of 64 MiB that does nothing and has touched none of its data.
fn idle() -> Workload {
    Workload {
        untouched: Bytes(64 * MIB),
        ..Workload::idle()
    }
}

pub fn starts(system: &System, mechanism: DirtyMechanism) {
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
    // From nothing to a guest that has run its first instructions, its tables and program laid out.
    let idle = idle();
    let times = (0..50).map(|_| {
        let began = Instant::now();
        let mut machine = Machine::new(system, shape(64 * MIB, mechanism), &idle).expect("a guest");
        machine.run().expect("it runs");
        while machine.counters(0).expect("counters").passes == 0 {
            std::hint::spin_loop();
        }
        began.elapsed()
    });
    told("nothing until a guest of 64MiB has begun", times.collect());
}

/// Many idle guests at once.
pub fn density(system: &System, mechanism: DirtyMechanism) {
    const GUESTS: u64 = 1000;
    let shape = shape(64 * MIB, mechanism);
    let idle = idle();
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
