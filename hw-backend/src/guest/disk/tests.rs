//! A guest that uses its disk: what it wrote is what it reads, wherever it runs; and what is lost or damaged is found.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::guest::devices::Devices;
use crate::guest::layout::GuestPages;
use crate::guest::machine::{Machine, Shape};
use crate::guest::workload::Workload;
use crate::kvm::{Backing, DirtyMechanism, System};
use crate::require_kvm;
use block::content;

const LIMIT: Duration = Duration::from_secs(20);
const BLOCKS: u64 = 64;

fn label(number: u64, generation: u64) -> Label {
    Label {
        owner: 7,
        number,
        generation,
    }
}

fn workload(reads: f64, writes: f64) -> Workload {
    Workload {
        disk: Some(DiskLoad {
            size: Bytes(BLOCKS * BLOCK.0),
            reads: PerSecond(reads),
            writes: PerSecond(writes),
        }),
        ..Workload::dirtying(Vec::new())
    }
}

/// A guest with a disk of its own.
struct Guest {
    machine: Machine,
    workload: Workload,
    path: PathBuf,
    folder: tempfile::TempDir,
}

impl Guest {
    fn new(system: &System, vcpus: u32, workload: Workload) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::on(system, vcpus, workload, folder)
    }

    fn on(system: &System, vcpus: u32, workload: Workload, folder: tempfile::TempDir) -> Self {
        let path = folder.path().join("disk");
        let shape = Shape {
            memory: Bytes(16 << 20),
            vcpus,
            backing: Backing::Anonymous,
            pages: GuestPages::Small,
            mechanism: DirtyMechanism::Bitmap,
        };
        let machine = Machine::with(system, shape, &workload, &devices(&path)).expect("a guest");
        Self {
            machine,
            workload,
            path,
            folder,
        }
    }

    fn done(&self) -> Blocks {
        Blocks::of(self.machine.memory(), self.machine.shape().vcpus).expect("counters")
    }

    /// Runs until it has read and written so many blocks more, and stands still then.
    fn goes_on(&mut self, more: u64) {
        let before = self.done();
        let began = Instant::now();
        self.machine.run().expect("it runs");
        while self.done().read < before.read + more || self.done().written < before.written + more {
            assert!(
                began.elapsed() < LIMIT,
                "it stands still: {:?}",
                self.machine.pause()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        self.machine.pause().expect("paused");
    }

    fn audit(&self) -> Result<DiskAudit, DiskDamage> {
        self.machine.audit_disk(&self.workload).expect("read")
    }

    fn block(&self, number: u64) -> [u8; 4096] {
        let disk = Disk::open(&self.path, 1).expect("there");
        disk.read(number).expect("read")
    }

    fn put(&self, number: u64, bytes: &[u8; 4096]) {
        let file = OpenOptions::new().write(true).open(&self.path).expect("there");
        file.write_all_at(bytes, number * BLOCK.0).expect("written");
    }
}

fn devices(path: &Path) -> Devices {
    Devices {
        disk: Some(Arc::new(Disk::open(path, 1).expect("a disk"))),
        ..Devices::default()
    }
}

#[test]
fn what_a_guest_writes_it_reads_and_the_host_finds_the_same() {
    let system = require_kvm!();
    for vcpus in [1, 2, 4] {
        let mut guest = Guest::new(&system, vcpus, workload(4000.0, 4000.0));
        guest.goes_on(300);
        let audit = guest.audit().expect("whole");
        assert_eq!((audit.blocks, audit.done), (BLOCKS, guest.done()));
        // Nothing happens to a guest that stands still, and its memory is as whole as without a disk.
        assert_eq!(guest.audit().expect("whole"), audit);
        guest
            .machine
            .audit(&guest.workload)
            .expect("read")
            .expect("whole");
    }
}

#[test]
fn a_lost_a_doubled_a_swapped_and_a_damaged_block_are_found() {
    let system = require_kvm!();
    let mut guest = Guest::new(&system, 1, workload(4000.0, 4000.0));
    guest.goes_on(500);
    let [first, second] = [0, 1].map(|number| guest.block(number));
    let found = |guest: &Guest| guest.audit().expect_err("damaged");
    let generation = Label::of(&first).generation;
    let at = |generation| {
        content(Label {
            owner: 1,
            number: 0,
            generation,
        })
    };
    guest.put(0, &at(generation - 1));
    let lost = DiskDamage::Generation {
        number: 0,
        found: generation - 1,
        expected: generation,
    };
    assert_eq!(found(&guest), lost);
    guest.put(0, &at(generation + 1));
    assert!(matches!(found(&guest), DiskDamage::Generation { .. }));
    guest.put(0, &[0; 4096]);
    assert!(matches!(found(&guest), DiskDamage::Generation { found: 0, .. }));
    // Another block's content under this one's number; one bit of the body.
    let mut bytes = second;
    bytes[16..24].copy_from_slice(&generation.to_le_bytes());
    guest.put(0, &bytes);
    assert!(matches!(
        found(&guest),
        DiskDamage::Content { number: 0, at: 1, .. }
    ));
    bytes = first;
    bytes[4000] ^= 1;
    guest.put(0, &bytes);
    assert!(matches!(
        found(&guest),
        DiskDamage::Content {
            number: 0,
            at: 500,
            ..
        }
    ));
    guest.put(0, &first);
    guest.audit().expect("whole again");
    // A generation that the guest forgot, as with a page of its table that did not move with it.
    let table = guest
        .machine
        .place(&guest.workload)
        .expect("placed")
        .disk
        .expect("one")
        .table;
    let remembered = guest.machine.memory().load(table).expect("a word");
    guest
        .machine
        .memory()
        .store(table, remembered - 1)
        .expect("a word");
    assert!(matches!(found(&guest), DiskDamage::Generation { .. }));
    guest.put(0, &at(generation - 1));
    assert!(
        matches!(found(&guest), DiskDamage::Sum { .. }),
        "{}",
        found(&guest)
    );
}

#[test]
fn the_guest_itself_sees_a_block_that_is_not_what_it_wrote() {
    let system = require_kvm!();
    let harms: [fn(&mut [u8; 4096]); 3] = [
        |bytes| bytes[16] ^= 1,
        |bytes| bytes[24] ^= 1,
        |bytes| bytes[4095] ^= 0x80,
    ];
    for harm in harms {
        let mut guest = Guest::new(&system, 1, workload(4000.0, 0.0));
        for number in 0..BLOCKS {
            let mut bytes = guest.block(number);
            harm(&mut bytes);
            guest.put(number, &bytes);
        }
        let before = guest.done();
        let began = Instant::now();
        guest.machine.run().expect("it runs");
        while guest.done().read < before.read + 10 && began.elapsed() < LIMIT {
            std::thread::sleep(Duration::from_millis(1));
        }
        guest.machine.pause().expect("paused");
        let found = guest.audit().expect_err("damaged");
        assert!(
            matches!(found, DiskDamage::Seen { vcpu: 0, wrong } if wrong >= 10),
            "{found}"
        );
    }
}

#[test]
fn a_request_that_a_pause_fell_into_is_served_again_and_none_is_lost() {
    let system = require_kvm!();
    let mut guest = Guest::new(&system, 2, workload(20_000.0, 20_000.0));
    let (mut open, mut moves) = (0, 0);
    let cpuid = system.supported_cpuid().expect("CPUID");
    let began = Instant::now();
    while moves < 40 || (open < 3 && began.elapsed() < LIMIT) {
        guest.goes_on(20);
        guest.audit().expect("whole");
        let memory = guest.machine.memory();
        let control = layout::control(0);
        let asked = memory.load(control + word::REQUEST as u64).expect("a word");
        open += u32::from(asked != request::NONE);
        // Into another VM, as a migration does; the pages that the host wrote are not in a dirty log, so they stay behind.
        let mut bytes = vec![0; 16 << 20];
        memory.read(0, &mut bytes).expect("read");
        let placed = guest
            .machine
            .place(&guest.workload)
            .expect("placed")
            .disk
            .expect("one");
        if asked == request::READ {
            bytes[placed.buffer(0) as usize..][..4096].fill(0xa5);
        }
        let states = guest.machine.save().expect("saved");
        let shape = *guest.machine.shape();
        let target = Machine::skeleton_with(&system, shape, &cpuid, &devices(&guest.path));
        let target = target.expect("a skeleton");
        target.memory().write(0, &bytes).expect("written");
        target.restore(states).expect("restored");
        guest.machine = target;
        moves += 1;
    }
    guest.goes_on(20);
    guest.audit().expect("whole");
    assert!(open > 0, "no pause fell into a request: the test held nothing");
}

#[test]
fn a_guest_that_is_made_anew_finds_its_disk_as_it_was() {
    let system = require_kvm!();
    let mut guest = Guest::new(&system, 2, workload(4000.0, 4000.0));
    guest.goes_on(200);
    let before = guest.block(3);
    // It is lost: nothing of it is left but the disk.
    let Guest { workload, folder, .. } = guest;
    let mut anew = Guest::on(&system, 2, workload, folder);
    assert_eq!(anew.done(), Blocks::default());
    anew.goes_on(200);
    assert!(Label::of(&anew.block(3)).generation >= Label::of(&before).generation);
    anew.audit().expect("whole");
}

#[test]
fn a_disk_that_leaves_no_memory_is_refused() {
    let mut large = workload(1.0, 1.0);
    large.disk = large.disk.map(|disk| DiskLoad {
        size: Bytes(8 << 30),
        ..disk
    });
    let error = large
        .place(Bytes(16 << 20), GuestPages::Small, 1)
        .expect_err("refused");
    assert!(
        error.to_string().contains("a disk of 8GiB in a guest of 16MiB"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn every_bit_of_a_block_counts(number in 0..u64::MAX, generation in 1..u64::MAX, bit in 0..4096_usize * 8) {
        let whole = content(label(number, generation));
        let mut harmed = whole;
        harmed[bit / 8] ^= 1 << (bit % 8);
        prop_assert_ne!(harmed, content(Label::of(&harmed)));
        prop_assert_eq!(Label::of(&whole), label(number, generation));
    }
}
