//! Guests that run: paced, paused, saved, restored, logged; and the three portability traps.

use super::*;
use crate::guest::workload::{PageClass, Paging};
use crate::kvm::PageSet;
use crate::require_kvm;
use twinrack_scenario::spec::guest::WritePattern;
use twinrack_scenario::units::{PerSecond, Ratio};

/// For a guest that stands still: emulated processors on a busy machine are a hundred times slower than real ones.
const LIMIT: Duration = Duration::from_secs(60);

fn shape() -> Shape {
    Shape {
        memory: Bytes(16 << 20),
        vcpus: 1,
        backing: Backing::Anonymous,
        pages: GuestPages::Small,
        mechanism: DirtyMechanism::Bitmap,
    }
}

fn dirtying(rate: f64, pattern: WritePattern) -> Workload {
    Workload::dirtying(vec![PageClass {
        size: Some(Bytes(4 << 20)),
        rate: PerSecond(rate),
        pattern,
    }])
}

/// Waits, by looking, until a guest that runs has got somewhere.
fn until(machine: &mut Machine, what: &str, reached: impl Fn(&Counters) -> bool) {
    let began = Instant::now();
    loop {
        if (0..machine.shape.vcpus).all(|vcpu| reached(&machine.counters(vcpu).expect("counters"))) {
            return;
        }
        if began.elapsed() > LIMIT {
            let counters = machine.counters(0);
            panic!("never: {what}; {counters:?}, pause says {:?}", machine.pause());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_guest_writes_pages_and_its_ledger_balances() {
    let system = require_kvm!();
    for pattern in [WritePattern::Sequential, WritePattern::Random] {
        let workload = dirtying(50_000.0, pattern);
        let mut machine = Machine::new(&system, shape(), &workload).expect("a guest");
        machine.run().expect("it runs");
        until(&mut machine, "3000 writes", |counters| counters.heartbeat >= 3000);
        machine.pause().expect("paused");
        let stopped = machine.counters(0).expect("counters");
        let audit = machine.audit(&workload).expect("read").expect("whole");
        assert!(audit.writes >= 2999 && audit.writes <= stopped.heartbeat);
        assert_eq!(machine.counters(0).expect("counters"), stopped, "it stands still");
    }
}

#[test]
fn several_processors_write_their_own_parts() {
    let system = require_kvm!();
    let workload = dirtying(20_000.0, WritePattern::Random);
    let mut machine = Machine::new(&system, Shape { vcpus: 3, ..shape() }, &workload).expect("a guest");
    machine.run().expect("it runs");
    until(&mut machine, "500 writes each", |counters| {
        counters.heartbeat >= 500
    });
    machine.pause().expect("paused");
    machine.audit(&workload).expect("read").expect("whole");
}

#[test]
fn one_page_that_one_of_two_or_four_processors_lost_is_found() {
    let system = require_kvm!();
    for vcpus in [2, 4] {
        let workload = dirtying(40_000.0, WritePattern::Sequential);
        let shape = Shape { vcpus, ..shape() };
        let mut machine = Machine::new(&system, shape, &workload).expect("a guest");
        let parts = machine.place(&workload).expect("placed").parts();
        for (part, loser) in parts {
            machine.run().expect("it runs");
            // Each has 1,024 pages or fewer, one after the other: every one of them has been written.
            until(&mut machine, "a turn", |counters| counters.heartbeat >= 1100);
            machine.pause().expect("paused");
            machine.audit(&workload).expect("read").expect("whole");
            // Not one that it was stopped at: that may be wrong.
            let under_way = machine.counters(loser).expect("counters").intent == part.start;
            let lost = part.start + 4096 * u64::from(under_way);
            let memory = machine.memory();
            let mut page = [0; 4096];
            memory.read(lost, &mut page).expect("read");
            // As it was before its last write: whole in itself, and one write short.
            let mut stale = page;
            let count = u64::from_le_bytes(page[..8].try_into().expect("a word")) - 1;
            let check = count.wrapping_mul(word::PAGE_FACTOR) ^ lost;
            for (at, value) in [count, 0, check].into_iter().enumerate() {
                stale[at * 8..at * 8 + 8].copy_from_slice(&value.to_le_bytes());
            }
            memory.write(lost, &stale).expect("written");
            let found = machine
                .audit(&workload)
                .expect("read")
                .expect_err("a write is lost");
            assert!(
                matches!(found, Damage::Sum { vcpu, .. } if vcpu == loser),
                "vCPU {loser} of {vcpus}: {found}"
            );
            memory.write(lost, &[0; 4096]).expect("written");
            let found = machine
                .audit(&workload)
                .expect("read")
                .expect_err("a page is lost");
            assert!(
                matches!(found, Damage::Content { page, .. } if page == lost),
                "{found}"
            );
            memory.write(lost, &page).expect("written");
        }
    }
}

#[test]
fn trap_1_ports_work_though_a_kernel_drops_iopl() {
    let system = require_kvm!();
    let workload = dirtying(10_000.0, WritePattern::Sequential);
    let mut machine = Machine::new(&system, shape(), &workload).expect("a guest");
    machine.run().expect("it runs");
    until(&mut machine, "a few passes", |counters| counters.passes >= 3);
    machine.pause().expect("paused");
    let states = machine.save().expect("saved");
    assert_eq!(
        states[0].regs.rflags & crate::kvm::state::IOPL_3,
        crate::kvm::state::IOPL_3
    );
    // A TSS whose bitmap of 65,536 zeros permits every port: the way that AMD-V checks where IOPL is gone.
    assert_eq!(
        (states[0].sregs.tr.base, states[0].sregs.tr.limit),
        (layout::TSS, 0x2068)
    );
    let mut bitmap = [0xff_u8; 8193];
    machine
        .memory()
        .read(layout::TSS + 0x68, &mut bitmap)
        .expect("read");
    assert!(bitmap[..8192].iter().all(|byte| *byte == 0) && bitmap[8192] == 0xff);
}

#[test]
fn trap_2_an_out_is_never_run_twice() {
    let system = require_kvm!();
    // A counter before each OUT: `inc rbx; mov eax, 9; out 0x12, eax; jmp` stops at the port with each turn.
    let mut asm = crate::guest::asm::Assembler::new();
    let top = asm.here();
    asm.op_constant(crate::guest::asm::Op::Add, crate::guest::asm::Reg::Rbx, 1);
    asm.ring(0x12, 9);
    asm.jump(top);
    let code = asm.finish();
    let mut source = Machine::new(&system, shape(), &Workload::idle()).expect("a guest");
    source.memory().write(layout::CODE, &code).expect("its program");
    let turn = |machine: &mut Machine| {
        machine.run().expect("it runs");
        let stopped = machine.thread(0).wait(LIMIT).expect("alive").expect("it rang");
        assert!(
            matches!(stopped, Stopped::Rung { port: 0x12, value: 9 }),
            "{stopped:?}"
        );
    };
    for expected in 1..=20 {
        turn(&mut source);
        let states = source.save().expect("saved");
        assert_eq!(states[0].regs.rbx, expected, "each OUT once");
        // Kernels that have advanced the instruction pointer already would pass without: it must have been settled.
        assert!(
            source
                .thread(0)
                .with(|vcpu| vcpu.kicker().is_held())
                .expect("alive"),
            "settled"
        );
        let target = Machine::skeleton(&system, shape(), &system.supported_cpuid().expect("CPUID"))
            .expect("a skeleton");
        let mut bytes = vec![0; 16 << 20];
        source.memory().read(0, &mut bytes).expect("read");
        target.memory().write(0, &bytes).expect("written");
        target.restore(states).expect("restored");
        source = target;
    }
}

#[test]
fn trap_3_a_clock_that_jumps_stalls_nothing() {
    let system = require_kvm!();
    let workload = Workload {
        cpu: Ratio(0.3),
        ..dirtying(10_000.0, WritePattern::Sequential)
    };
    let mut machine = Machine::new(&system, shape(), &workload).expect("a guest");
    machine.run().expect("it runs");
    until(&mut machine, "a few passes", |counters| counters.passes >= 3);
    for jump in [1_u64 << 60, (1_u64 << 60).wrapping_neg()] {
        machine.pause().expect("paused");
        let before = machine.counters(0).expect("counters");
        // As if the clock had gone back, or on, by a million seconds: deadline and memory of the last period are far off.
        for offset in [word::DEADLINE, word::LAST] {
            let at = layout::control(0) + offset as u64;
            let value = machine.memory().load(at).expect("a word");
            machine
                .memory()
                .store(at, value.wrapping_add(jump))
                .expect("a word");
        }
        machine.run().expect("it runs");
        until(&mut machine, "passes after the jump", |now| {
            now.passes >= before.passes + 10
        });
        assert!(machine.counters(0).expect("counters").resyncs > before.resyncs);
    }
}

#[test]
fn a_saved_guest_goes_on_in_another_vm() {
    let system = require_kvm!();
    let workload = dirtying(20_000.0, WritePattern::Random);
    let mut source = Machine::new(&system, shape(), &workload).expect("a guest");
    source.run().expect("it runs");
    until(&mut source, "1000 writes", |counters| counters.heartbeat >= 1000);
    source.pause().expect("paused");
    let states: Vec<VcpuState> = source
        .save()
        .expect("saved")
        .iter()
        .map(|state| VcpuState::decode(&state.encode()).expect("it comes back"))
        .collect();
    let cpuid = system.supported_cpuid().expect("CPUID");
    let mut target = Machine::skeleton(&system, shape(), &cpuid).expect("a skeleton");
    let mut bytes = vec![0; 16 << 20];
    source.memory().read(0, &mut bytes).expect("read");
    target.memory().write(0, &bytes).expect("written");
    let restored = target.restore(states).expect("restored");
    assert_eq!(restored[0].tsc_changed, None);
    let before = target.counters(0).expect("counters").heartbeat;
    target.run().expect("it runs");
    until(&mut target, "1000 more", |counters| {
        counters.heartbeat >= before + 1000
    });
    target.pause().expect("paused");
    target.audit(&workload).expect("read").expect("whole");
}

#[test]
fn every_dirty_log_tells_every_page_that_was_written() {
    let system = require_kvm!();
    let mut mechanisms = vec![DirtyMechanism::Bitmap];
    for other in [
        DirtyMechanism::ManualProtect,
        DirtyMechanism::Ring { entries: 1024 },
    ] {
        match other.supported(&system) {
            Ok(()) => mechanisms.push(other),
            Err(error) => eprintln!("SKIPPED {other:?}: {error}"),
        }
    }
    for mechanism in mechanisms {
        let workload = dirtying(100_000.0, WritePattern::Random);
        let mut machine = Machine::new(&system, Shape { mechanism, ..shape() }, &workload).expect("a guest");
        let pages = machine.memory().pages();
        machine.run().expect("it runs");
        machine.log().start().expect("logging");
        let all = PageSet::full(pages);
        machine.log().rearm(0, pages, &all).expect("watched");
        let mut copy = vec![0; 16 << 20];
        machine.memory().read(0, &mut copy).expect("read");
        for round in 1..=4_u64 {
            // Counted from here: on a slow machine the guest may be far ahead before the log is on.
            let before = machine.counters(0).expect("counters").heartbeat;
            until(&mut machine, "a round", |counters| {
                counters.heartbeat >= before + 4000
            });
            if round == 4 {
                machine.pause().expect("paused");
            }
            let mut dirty = PageSet::empty(pages);
            machine.log().collect(&mut dirty).expect("collected");
            assert!(!dirty.is_empty());
            machine.log().rearm(0, pages, &dirty).expect("watched");
            for run in dirty.runs(64) {
                let (start, end) = (run.start * 4096, run.end * 4096);
                machine
                    .memory()
                    .read(start as u64, &mut copy[start..end])
                    .expect("read");
            }
        }
        let mut now = vec![0; 16 << 20];
        machine.memory().read(0, &mut now).expect("read");
        let stale: Vec<usize> = (0..pages)
            .filter(|p| copy[p * 4096..][..4096] != now[p * 4096..][..4096])
            .collect();
        assert_eq!(stale, Vec::<usize>::new(), "{mechanism:?}");
        machine.log().stop().expect("stopped");
    }
}

#[test]
fn an_exception_is_told_by_its_number() {
    let system = require_kvm!();
    let mut machine = Machine::new(&system, shape(), &Workload::idle()).expect("a guest");
    // UD2: an invalid opcode by design, vector 6.
    machine
        .memory()
        .write(layout::CODE, &[0x0f, 0x0b])
        .expect("its program");
    let began = Instant::now();
    let error = loop {
        // A pause may come before the guest's first instruction.
        machine.run().expect("it runs");
        std::thread::sleep(Duration::from_millis(1));
        match machine.pause() {
            Err(error) => break error,
            Ok(_) => assert!(began.elapsed() < LIMIT, "it never broke"),
        }
    };
    assert!(error.to_string().contains("exception 6"), "{error}");
}

#[test]
fn paging_is_loaded_as_asked() {
    let system = require_kvm!();
    let per_second = PerSecond(20_000.0);
    let paging = Paging {
        fills: per_second,
        page_table_writes: per_second,
        context_switches: PerSecond(200.0),
        tlb_misses: PerSecond(100_000.0),
        mapped: Bytes(4 << 20),
    };
    for pages in [GuestPages::Small, GuestPages::Large] {
        let workload = Workload {
            paging,
            ..dirtying(1000.0, WritePattern::Sequential)
        };
        let mut machine = Machine::new(&system, Shape { pages, ..shape() }, &workload).expect("a guest");
        machine.run().expect("it runs");
        until(&mut machine, "two windows", |counters| {
            counters.filled > 2 * layout::WINDOW_PAGES
        });
        machine.pause().expect("paused");
        let counters = machine.counters(0).expect("counters");
        // All rates are per period, carried over: their ratios hold whatever the clock did.
        let per_pass = |events: u64| events as f64 / counters.passes as f64;
        assert!((per_pass(counters.filled) - 20.0).abs() < 1.0, "{counters:?}");
        assert!((per_pass(counters.rewritten) - 20.0).abs() < 1.0, "{counters:?}");
        assert!((per_pass(counters.switches) - 0.2).abs() < 0.1, "{counters:?}");
        assert!((per_pass(counters.walked) - 100.0).abs() < 2.0, "{counters:?}");
        machine.audit(&workload).expect("read").expect("whole");
    }
}
