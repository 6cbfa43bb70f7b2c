//! Memories that are whole, and each kind of damage that is found.

use super::*;
use crate::guest::layout::GuestPages;
use crate::guest::workload::{PageClass, Workload};
use crate::kvm::Backing;
use twinrack_scenario::spec::guest::WritePattern;
use twinrack_scenario::units::PerSecond;

fn guest(untouched: Bytes) -> (GuestMemory, Ledger) {
    guest_of(untouched, 1)
}

fn guest_of(untouched: Bytes, vcpus: u32) -> (GuestMemory, Ledger) {
    let memory = GuestMemory::new(Bytes(8 << 20), Backing::Anonymous).expect("8 MiB");
    let everything = PageClass {
        size: None,
        rate: PerSecond(1.0),
        pattern: WritePattern::Random,
    };
    let workload = Workload {
        untouched,
        ..Workload::dirtying(vec![everything])
    };
    let ledger = Ledger::new(
        workload
            .place(memory.size(), GuestPages::Small, vcpus)
            .expect("it fits"),
    );
    ledger.fill(&memory).expect("filled");
    (memory, ledger)
}

/// Writes a page as the guest does.
fn write(memory: &GuestMemory, page: u64, heartbeat: u64) {
    write_by(memory, 0, page, heartbeat);
}

fn write_by(memory: &GuestMemory, vcpu: u32, page: u64, heartbeat: u64) {
    let count = memory.load(page).expect("a page") + 1;
    for (offset, value) in [(0, count), (8, heartbeat), (16, checksum(count, heartbeat, page))] {
        memory.store(page + offset, value).expect("a word");
    }
    memory
        .store(layout::control(vcpu) + word::HEARTBEAT as u64, heartbeat)
        .expect("a word");
}

#[test]
fn a_whole_memory_is_found_whole() {
    let (memory, ledger) = guest(Bytes(1 << 20));
    write(&memory, 4 << 20, 1);
    write(&memory, 5 << 20, 2);
    write(&memory, 4 << 20, 3);
    assert_eq!(
        ledger.audit(&memory).expect("read"),
        Ok(Audit {
            pages: 1024,
            writes: 3
        })
    );
}

#[test]
fn each_kind_of_damage_is_found() {
    let page = 4 << 20;
    let damage = |harm: &dyn Fn(&GuestMemory)| {
        let (memory, ledger) = guest(Bytes::ZERO);
        write(&memory, page, 1);
        harm(&memory);
        ledger.audit(&memory).expect("read").expect_err("damaged")
    };
    let lost = damage(&|memory| memory.write(page, &[0; 4096]).expect("written"));
    assert!(matches!(lost, Damage::Content { .. }), "{lost}");
    let torn = damage(&|memory| memory.store(page, 2).expect("written"));
    assert_eq!(torn, Damage::Torn { page });
    let future = damage(&|memory| {
        write(memory, page, 9);
        memory
            .store(layout::control(0) + word::HEARTBEAT as u64, 2)
            .expect("written");
    });
    assert_eq!(
        future,
        Damage::Future {
            page,
            stamp: 9,
            heartbeat: 2
        }
    );
    let stale = damage(&|memory| {
        memory
            .store(layout::control(0) + word::HEARTBEAT as u64, 2)
            .expect("written");
    });
    let (vcpu, written, begun) = (0, 1, 2);
    assert_eq!(stale, Damage::Sum { vcpu, written, begun });
}

#[test]
fn what_one_processor_lost_another_does_not_make_up_for() {
    for vcpus in [2, 4] {
        for loser in 0..vcpus {
            let (memory, ledger) = guest_of(Bytes::ZERO, vcpus);
            // Each has a part of the 1,024 pages from 4 MiB up, and has written the first two of it.
            let part = |vcpu: u32| (4 << 20) + u64::from(vcpu) * (4 << 20) / u64::from(vcpus);
            let mut before = [0; GuestMemory::PAGE];
            for vcpu in 0..vcpus {
                write_by(&memory, vcpu, part(vcpu), 1);
                memory.read(part(loser) + 4096, &mut before).expect("read");
                write_by(&memory, vcpu, part(vcpu) + 4096, 2);
            }
            let writes = u64::from(vcpus) * 2;
            let pages = 1024;
            assert_eq!(ledger.audit(&memory).expect("read"), Ok(Audit { pages, writes }));
            // The second page as it was before it was written; and another processor's page written once more than it told.
            let (vcpu, written, begun) = (loser, 1, 2);
            let second = part(loser) + 4096;
            let mut fresh = before;
            fresh[..24].copy_from_slice(&[0; 24]);
            fresh[16..24].copy_from_slice(&checksum(0, 0, second).to_le_bytes());
            memory.write(second, &fresh).expect("written");
            let other = (loser + 1) % vcpus;
            let count = 2_u64;
            for (offset, value) in [(0, count), (16, checksum(count, 1, part(other)))] {
                memory.store(part(other) + offset, value).expect("a word");
            }
            let found = ledger.audit(&memory).expect("read").expect_err("damaged");
            let lost = Damage::Sum { vcpu, written, begun };
            let gained = Damage::Sum {
                vcpu: other,
                written: 3,
                begun,
            };
            assert!(found == lost || found == gained, "{found}");
        }
    }
}

#[test]
fn a_page_that_is_nobodys_to_write_was_not_written() {
    let memory = GuestMemory::new(Bytes(8 << 20), Backing::Anonymous).expect("8 MiB");
    let placed = Workload::idle().place(memory.size(), GuestPages::Small, 1);
    let ledger = Ledger::new(placed.expect("it fits"));
    ledger.fill(&memory).expect("filled");
    write(&memory, 4 << 20, 0);
    let found = ledger.audit(&memory).expect("read");
    assert_eq!(
        found,
        Err(Damage::Nobodys {
            page: 4 << 20,
            count: 1
        })
    );
}

#[test]
fn the_page_under_way_may_be_torn_and_no_other() {
    let (memory, ledger) = guest(Bytes::ZERO);
    write(&memory, 4 << 20, 1);
    memory
        .store(layout::control(0) + word::HEARTBEAT as u64, 2)
        .expect("a word");
    memory
        .store(layout::control(0) + word::INTENT as u64, 4 << 20)
        .expect("a word");
    memory.store((4 << 20) + 8, 2).expect("a word");
    assert_eq!(
        ledger.audit(&memory).expect("read"),
        Ok(Audit {
            pages: 1024,
            writes: 1
        })
    );
    memory
        .store(layout::control(0) + word::INTENT as u64, 5 << 20)
        .expect("a word");
    assert_eq!(
        ledger.audit(&memory).expect("read"),
        Err(Damage::Torn { page: 4 << 20 })
    );
}

#[test]
fn the_walk_visits_every_page_once() {
    let mut seen = vec![false; 256];
    let mut at = 0;
    for _ in 0..256 {
        assert!(!std::mem::replace(&mut seen[at as usize], true));
        at = next(at, 256);
    }
    assert_eq!(at, 0);
}
