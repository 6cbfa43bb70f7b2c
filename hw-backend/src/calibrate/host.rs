//! What this host takes to start, stop, save and restore a guest, what memory one costs, and how fast it copies.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use twinrack_scenario::units::Bytes;

use super::costs::busy;
use super::figure::Figure;
use super::moved::{MeasureError, connection};
use crate::guest::layout::GuestPages;
use crate::guest::machine::{Machine, Shape};
use crate::guest::workload::Workload;
use crate::kvm::{Backing, DirtyMechanism, System};

/// The guest that is started and stopped.
const MEMORY: Bytes = Bytes(64 << 20);
/// What is copied.
const COPIED: usize = 128 << 20;
/// Skeletons whose memory is added up.
const SKELETONS: usize = 16;

fn shape(system: &System) -> Shape {
    Shape {
        memory: MEMORY,
        vcpus: 1,
        backing: Backing::Anonymous,
        pages: GuestPages::Small,
        mechanism: DirtyMechanism::best(system),
    }
}

/// All of it, each `times` times.
pub fn measure(system: &System, times: usize) -> Result<Vec<Figure>, MeasureError> {
    let mut figures = starts(system, times)?;
    figures.extend(pauses(system, times)?);
    figures.push(memory(system)?);
    figures.push(copies(times));
    figures.push(tcp(times)?);
    Ok(figures)
}

/// Until a guest has done its first period, from nothing.
fn starts(system: &System, times: usize) -> Result<Vec<Figure>, MeasureError> {
    const LIMIT: Duration = Duration::from_secs(10);
    let (mut skeletons, mut firsts) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let began = Instant::now();
        let cpuid = system.supported_cpuid()?;
        let skeleton = Machine::skeleton(system, shape(system), &cpuid)?;
        skeletons.push(began.elapsed().as_secs_f64());
        drop(skeleton);
        let mut machine = Machine::new(system, shape(system), &Workload::idle())?;
        let began = Instant::now();
        machine.run()?;
        while machine.counters(0)?.passes == 0 && began.elapsed() < LIMIT {
            std::hint::spin_loop();
        }
        firsts.push(began.elapsed().as_secs_f64());
    }
    Ok(vec![
        Figure::of(
            "create",
            "a guest of 64 MiB with its vCPU's thread, parked",
            "s",
            skeletons,
        ),
        Figure::of(
            "start",
            "from the order to run until the first period is done",
            "s",
            firsts,
        ),
    ])
}

fn pauses(system: &System, times: usize) -> Result<Vec<Figure>, MeasureError> {
    let mut machine = Machine::new(system, shape(system), &busy())?;
    let (mut stops, mut saves, mut restores) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..times {
        machine.run()?;
        thread::sleep(Duration::from_millis(2));
        stops.push(machine.pause()?.as_secs_f64());
        let began = Instant::now();
        let states = machine.save()?;
        saves.push(began.elapsed().as_secs_f64());
        let began = Instant::now();
        machine.restore(states)?;
        restores.push(began.elapsed().as_secs_f64());
    }
    Ok(vec![
        Figure::of("pause", "a busy guest stopped", "s", stops),
        Figure::of("save", "the state of a vCPU read", "s", saves),
        Figure::of("restore", "the state of a vCPU put back", "s", restores),
    ])
}

/// Memory of this process for a guest beyond what the guest has touched; what the kernel keeps for it is not told to a process.
fn memory(system: &System) -> Result<Figure, MeasureError> {
    let cpuid = system.supported_cpuid()?;
    let before = resident()?;
    let skeletons: Vec<Machine> = (0..SKELETONS)
        .map(|_| Machine::skeleton(system, shape(system), &cpuid))
        .collect::<Result<_, _>>()?;
    let each = (resident()? - before).max(0.0) / SKELETONS as f64;
    drop(skeletons);
    Ok(Figure::of(
        "memory",
        "of this process for a guest beyond what it has touched, the mean of 16",
        "B",
        vec![each],
    ))
}

/// Resident memory of this process in bytes (`/proc/self/statm`, second number, pages).
fn resident() -> Result<f64, MeasureError> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages: Option<u64> = text.split_whitespace().nth(1).and_then(|word| word.parse().ok());
    Ok(pages.unwrap_or(0) as f64 * Bytes::PAGE.as_f64())
}

fn copies(times: usize) -> Figure {
    let from = vec![1_u8; COPIED];
    let mut into = vec![2_u8; COPIED];
    let rates = (0..times.min(10)).map(|_| {
        let began = Instant::now();
        into.copy_from_slice(std::hint::black_box(&from));
        std::hint::black_box(&into);
        COPIED as f64 * 8.0 / began.elapsed().as_secs_f64()
    });
    Figure::of("copy", "memory to memory", "b/s", rates.collect())
}

/// What a plain copy from memory to memory over TCP on loopback reaches.
fn tcp(times: usize) -> Result<Figure, MeasureError> {
    let from = vec![1_u8; COPIED];
    let mut rates = Vec::new();
    for _ in 0..times.min(10) {
        let (mut near, mut far) = connection()?;
        let mut into = vec![2_u8; COPIED];
        let rate = thread::scope(|scope| {
            let began = Instant::now();
            let reader = scope.spawn(move || far.read_exact(&mut into).and_then(|()| far.write_all(&[1])));
            for piece in from.chunks(512 << 10) {
                near.write_all(piece)?;
            }
            near.read_exact(&mut [0])?;
            let rate = COPIED as f64 * 8.0 / began.elapsed().as_secs_f64();
            reader.join().map_err(|_| MeasureError::Panicked)??;
            Ok::<_, MeasureError>(rate)
        })?;
        rates.push(rate);
    }
    Ok(Figure::of(
        "tcp",
        "memory to memory over TCP on loopback",
        "b/s",
        rates,
    ))
}
