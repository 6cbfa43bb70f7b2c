//! Pausing a guest, its state, and the log of its written pages.

use std::thread;
use std::time::{Duration, Instant};

use twinrack_hw::guest::machine::Machine;
use twinrack_hw::guest::workload::Workload;
use twinrack_hw::kvm::{Backing, DirtyMechanism, GuestMemory, PageSet, System};
use twinrack_scenario::units::{Bytes, Ratio};

use super::{MIB, shape, told};

pub fn pauses(system: &System, mechanism: DirtyMechanism) {
    let busy = Workload {
        cpu: Ratio::ONE,
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

pub fn logs(system: &System) {
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

pub fn zero_scan() {
    let memory = GuestMemory::new(Bytes(256 * MIB), Backing::Anonymous).expect("memory");
    memory.populate().expect("populated");
    let times = (0..10).map(|_| {
        let began = Instant::now();
        assert!((0..memory.pages()).all(|page| memory.page_is_zero(page)));
        began.elapsed()
    });
    told("256MiB of zeros scanned", times.collect());
}
