//! The guest's program: a paced loop of what a workload consists of.
//!
//! ```text
//! ring READY; deadline = now
//! loop {
//!     for each class: write its pages that are due      dirtying.rs    count, stamp and checksum in each page
//!     fill window entries and touch them                paging.rs      what a fork or a page fault does
//!     rewrite page-table entries                        paging.rs      what a kernel does to entries it does not use at once
//!     walk from page to page                            paging.rs      one TLB miss a step, in a set that is large enough
//!     write and read blocks of the disk                 disk.rs        by doorbell
//!     send the bytes that are due of each stream        network.rs     by doorbell
//!     switch address spaces                             paging.rs      by doorbell: CPL 3 may not load CR3
//!     burn until its share of the period is over
//!     sleep until the deadline, by doorbell; deadline += period
//! }
//! ```
//!
//! *Registers.* `r15` is the control block, `rbx` the start of the period, `r14` the class, `r13` the classes left, `r12` how
//! much is due; the others are scratch. There is no stack.
//!
//! *Rates* are 32.32 fixed-point numbers for each period, their fractions carried over, so that a rate holds over time to one
//! event whatever the period.
//!
//! *Time* is the guest's own time-stamp counter. All comparisons are of unsigned differences: a counter that jumps, backwards or
//! forwards, as after a migration, makes a difference out of all bounds, and the deadline is set anew.

mod dirtying;
mod disk;
mod network;
mod paging;

use super::asm::{Assembler, If, Op, Reg};
use super::layout::{DOORBELL, bell, word};

const CONTROL: Reg = Reg::R15;
const PERIOD_START: Reg = Reg::Rbx;
const DUE: Reg = Reg::R12;

/// The program's code; it runs wherever it is put.
pub fn assemble() -> Vec<u8> {
    let mut asm = Assembler::new();
    asm.ring(DOORBELL, bell::READY);
    asm.read_clock();
    asm.store(CONTROL, word::DEADLINE, Reg::Rax);
    let period = asm.here();
    begin(&mut asm);
    dirtying::emit(&mut asm);
    paging::fill(&mut asm);
    paging::rewrite(&mut asm);
    paging::walk(&mut asm);
    disk::emit(&mut asm);
    network::emit(&mut asm);
    paging::switch(&mut asm);
    asm.count(CONTROL, word::PASSES);
    burn(&mut asm);
    wait(&mut asm, period);
    asm.finish()
}

/// Notes when the period began, and the longest time between two.
fn begin(asm: &mut Assembler) {
    let (forwards, keep) = (asm.label(), asm.label());
    asm.read_clock();
    asm.copy(PERIOD_START, Reg::Rax);
    asm.load(Reg::Rcx, CONTROL, word::LAST);
    asm.store(CONTROL, word::LAST, Reg::Rax);
    asm.op_constant(Op::Cmp, Reg::Rcx, 0);
    asm.jump_if(If::Equal, keep);
    asm.op(Op::Cmp, Reg::Rax, Reg::Rcx);
    asm.jump_if(If::AtLeast, forwards);
    asm.count(CONTROL, word::BACKWARDS);
    asm.jump(keep);
    asm.place(forwards);
    asm.op(Op::Sub, Reg::Rax, Reg::Rcx);
    asm.load(Reg::Rcx, CONTROL, word::LONGEST);
    asm.op(Op::Cmp, Reg::Rcx, Reg::Rax);
    asm.jump_if(If::AtLeast, keep);
    asm.store(CONTROL, word::LONGEST, Reg::Rax);
    asm.place(keep);
}

/// `DUE` = the whole events of this period; the fraction stays behind the rate.
fn due(asm: &mut Assembler, base: Reg, rate: i32) {
    asm.load(Reg::Rax, base, rate + 8);
    asm.load(Reg::Rcx, base, rate);
    asm.op(Op::Add, Reg::Rax, Reg::Rcx);
    asm.copy(DUE, Reg::Rax);
    asm.shift_right(DUE, 32);
    asm.shift_left(Reg::Rax, 32);
    asm.shift_right(Reg::Rax, 32);
    asm.store(base, rate + 8, Reg::Rax);
}

/// Does `body` as often as is due.
fn repeat(asm: &mut Assembler, body: impl FnOnce(&mut Assembler)) {
    let (top, done) = (asm.label(), asm.label());
    asm.place(top);
    asm.op_constant(Op::Cmp, DUE, 0);
    asm.jump_if(If::Equal, done);
    body(asm);
    asm.op_constant(Op::Sub, DUE, 1);
    asm.jump(top);
    asm.place(done);
}

/// Reads the clock until the period's busy share is over, and counts how often: the measure of what is left of a busy processor. The
/// difference is unsigned: a counter that went back ends it.
fn burn(asm: &mut Assembler) {
    let (again, done) = (asm.label(), asm.label());
    asm.load(Reg::Rcx, CONTROL, word::BURN);
    asm.place(again);
    asm.read_clock();
    asm.op(Op::Sub, Reg::Rax, PERIOD_START);
    asm.op(Op::Cmp, Reg::Rax, Reg::Rcx);
    asm.jump_if(If::AtLeast, done);
    asm.count(CONTROL, word::BURNED);
    asm.jump(again);
    asm.place(done);
}

/// Waits for the deadline and sets the next. Late by up to the slack: the next period begins at once. Early by up to two
/// periods: sleep. Anything else: the clock has jumped, the deadline is a period from now.
fn wait(asm: &mut Assembler, period: super::asm::Label) {
    let (early, on_time, adrift) = (asm.label(), asm.label(), asm.label());
    let again = asm.here();
    asm.read_clock();
    asm.load(Reg::Rcx, CONTROL, word::DEADLINE);
    asm.load(Reg::Rsi, CONTROL, word::PERIOD);
    asm.copy(Reg::R8, Reg::Rax);
    asm.op(Op::Sub, Reg::R8, Reg::Rcx);
    asm.load(Reg::Rdi, CONTROL, word::SLACK);
    asm.op(Op::Cmp, Reg::R8, Reg::Rdi);
    asm.jump_if(If::Above, early);
    asm.op(Op::Add, Reg::Rcx, Reg::Rsi);
    asm.store(CONTROL, word::DEADLINE, Reg::Rcx);
    asm.op(Op::Cmp, Reg::R8, Reg::Rsi);
    asm.jump_if(If::Below, on_time);
    asm.count(CONTROL, word::MISSED);
    asm.place(on_time);
    asm.jump(period);

    asm.place(early);
    asm.copy(Reg::R8, Reg::Rcx);
    asm.op(Op::Sub, Reg::R8, Reg::Rax);
    asm.copy(Reg::Rdi, Reg::Rsi);
    asm.shift_left(Reg::Rdi, 1);
    asm.op(Op::Cmp, Reg::R8, Reg::Rdi);
    asm.jump_if(If::Above, adrift);
    asm.store(CONTROL, word::SLEEP, Reg::R8);
    asm.ring(DOORBELL, bell::SLEEP);
    asm.jump(again);

    asm.place(adrift);
    asm.op(Op::Add, Reg::Rax, Reg::Rsi);
    asm.store(CONTROL, word::DEADLINE, Reg::Rax);
    asm.count(CONTROL, word::RESYNCS);
    asm.jump(period);
}
