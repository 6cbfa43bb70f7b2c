//! What a kernel would set up: descriptor tables, page tables, a handler for exceptions, and the registers to start with.
//!
//! Values are chosen so that every kind of KVM takes them: Linux' own selectors, accessed and dirty bits set beforehand, a TSS whose
//! I/O bitmap permits every port (AMD-V checks it at CPL 3 even where shadow-paged hosts don't), `IOPL` 3 on top. Numbers are
//! those of the Intel SDM, volume 3A: 3.4.5 (descriptors), 4.5 (paging), 6.14 (64-bit IDT), 7.7 (TSS).

use kvm_bindings::{kvm_dtable, kvm_regs, kvm_segment, kvm_sregs};
use twinrack_scenario::units::Bytes;

use super::asm::Assembler;
use super::layout::{self, GuestPages};
use crate::kvm::state::IOPL_3;
use crate::kvm::{Error, GuestMemory};

/// A present, writable, user page, accessed and dirty.
pub(super) const ENTRY: u64 = 0x67;
const LARGE: u64 = 0x80;

const KERNEL_CODE: u16 = 0x10;
const USER_DATA: u16 = 0x2b;
const USER_CODE: u16 = 0x33;
const TASK: u16 = 0x40;
/// TSS and its I/O bitmap of 65,536 ports with the byte of ones behind it.
const TSS_FIXED: u64 = 0x68;
const TSS_LIMIT: u32 = (TSS_FIXED + 8192) as u32;

const CR0: u64 = 0x8005_0033; // PG AM WP NE ET MP PE
const CR4: u64 = 0x620; // PAE OSFXSR OSXMMEXCPT
const EFER: u64 = 0x501; // LMA LME SCE

/// Writes everything but data and control blocks. Memory must be of a size that [`layout`] allows, and zero.
pub fn lay_out(memory: &GuestMemory, pages: GuestPages, program: &[u8]) -> Result<(), Error> {
    descriptors(memory)?;
    handlers(memory)?;
    page_tables(memory, pages)?;
    assert!(program.len() <= layout::CODE_MAX, "the program fits its place");
    memory.write(layout::CODE, program)
}

/// The registers a vCPU starts with: at the program's first instruction, at CPL 3, `r15` its control block.
pub fn registers(vcpu: u32) -> kvm_regs {
    kvm_regs {
        rip: layout::CODE,
        r15: layout::control(vcpu),
        rflags: 0x2 | IOPL_3,
        ..Default::default()
    }
}

/// The segments and control registers a vCPU starts with, made from those it has after reset.
pub fn segments(reset: &kvm_sregs) -> kvm_sregs {
    let segment = |selector: u16, kind: u8| kvm_segment {
        selector,
        type_: kind,
        limit: u32::MAX,
        present: 1,
        dpl: (selector & 3) as u8,
        s: 1,
        g: 1,
        db: 1,
        ..Default::default()
    };
    let data = segment(USER_DATA, 3);
    kvm_sregs {
        cs: kvm_segment {
            l: 1,
            db: 0,
            ..segment(USER_CODE, 11)
        },
        ss: data,
        ds: data,
        es: data,
        fs: data,
        gs: data,
        tr: kvm_segment {
            base: layout::TSS,
            limit: TSS_LIMIT,
            selector: TASK,
            type_: 11, // 64-bit TSS, busy
            present: 1,
            ..Default::default()
        },
        ldt: kvm_segment {
            unusable: 1,
            ..Default::default()
        },
        gdt: kvm_dtable {
            base: layout::GDT,
            limit: 10 * 8 - 1,
            ..Default::default()
        },
        idt: kvm_dtable {
            base: layout::IDT,
            limit: 256 * 16 - 1,
            ..Default::default()
        },
        cr0: CR0,
        cr3: layout::PML4[0],
        cr4: CR4,
        efer: EFER,
        ..*reset
    }
}

fn descriptors(memory: &GuestMemory) -> Result<(), Error> {
    // Access byte and flags: 0x9b kernel code, 0x93 kernel data, 0xf3 user data, 0xfb user code; 0xa long mode, 0xc 32 bits.
    let flat = |access: u64, flags: u64| 0x000f_0000_0000_ffff | access << 40 | flags << 52;
    let task = TSS_LIMIT as u64 & 0xffff | layout::TSS << 16 | 0x8b << 40;
    let table = [
        (KERNEL_CODE, flat(0x9b, 0xa)),
        (KERNEL_CODE + 8, flat(0x93, 0xc)),
        (USER_DATA, flat(0xf3, 0xc)),
        (USER_CODE, flat(0xfb, 0xa)),
        (TASK, task),
    ];
    for (selector, descriptor) in table {
        memory.store(layout::GDT + u64::from(selector & !7), descriptor)?;
    }
    // RSP0, and where the I/O bitmap begins; its 8 KiB are zero: every port is permitted. They end in a byte of ones.
    memory.write(layout::TSS + 4, &layout::STACK_TOP.to_le_bytes())?;
    memory.write(layout::TSS + 0x66, &(TSS_FIXED as u16).to_le_bytes())?;
    memory.write(layout::TSS + u64::from(TSS_LIMIT), &[0xff])
}

/// For each vector: `mov al, vector`, `jmp common`; there: `movzx eax, al`, `out EXCEPTION, eax`, `hlt`.
fn handlers(memory: &GuestMemory) -> Result<(), Error> {
    const STUB: u64 = 7;
    let mut code = Assembler::new();
    let common = code.label();
    for vector in 0..=255 {
        code.bytes(&[0xb0, vector]);
        code.jump(common);
    }
    code.place(common);
    code.bytes(&[0x0f, 0xb6, 0xc0, 0xe7, layout::EXCEPTION]);
    let halt = code.here();
    code.bytes(&[0xf4]);
    code.jump(halt);
    memory.write(layout::HANDLERS, &code.finish())?;
    for vector in 0..256 {
        let at = layout::HANDLERS + vector * STUB;
        // Interrupt gate, DPL 0; the address is below 64 KiB.
        let gate = at & 0xffff | u64::from(KERNEL_CODE) << 16 | 0x8e00 << 32;
        memory.store(layout::IDT + vector * 16, gate)?;
    }
    Ok(())
}

fn page_tables(memory: &GuestMemory, pages: GuestPages) -> Result<(), Error> {
    let large_pages = memory.size().0.div_ceil(2 << 20);
    for top in layout::PML4 {
        memory.store(top, layout::PDPT | ENTRY)?;
    }
    for gib in 0..large_pages.div_ceil(512) {
        memory.store(
            layout::PDPT + gib * 8,
            (layout::DIRECTORIES + gib * 0x1000) | ENTRY,
        )?;
    }
    for index in 0..large_pages {
        let entry = match pages {
            GuestPages::Large => index << 21 | ENTRY | LARGE,
            GuestPages::Small => (layout::TABLES + index * 0x1000) | ENTRY,
        };
        memory.store(layout::DIRECTORIES + index * 8, entry)?;
    }
    if pages == GuestPages::Small {
        for page in 0..memory.size().pages() {
            memory.store(layout::TABLES + page * 8, page << 12 | ENTRY)?;
        }
    }
    // The windows: tables in place, no page present.
    memory.store(
        layout::PDPT + (layout::WINDOWS >> 30) * 8,
        layout::WINDOW_PD | ENTRY,
    )?;
    let tables = u64::from(layout::VCPUS_MAX) * layout::WINDOW_PAGES / 512;
    for index in 0..tables {
        memory.store(
            layout::WINDOW_PD + index * 8,
            (layout::WINDOW_TABLES + index * 0x1000) | ENTRY,
        )?;
    }
    Ok(())
}

/// Whether a guest can have such a size.
pub fn size_fits(memory: Bytes) -> bool {
    (layout::MEMORY_MIN..=layout::MEMORY_MAX).contains(&memory) && memory.0.is_multiple_of(2 << 20)
}
