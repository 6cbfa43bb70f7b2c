//! Reads and writes blocks of the guest's disk, anywhere on it, by doorbell.
//!
//! *A write* fills the vCPU's page with the block's next generation, says which block and that it is a write, rings, then remembers the
//! generation, counts, and takes the request back. *A read* asks for the block in the same way and checks what has come: whose it is, which
//! block, the generation that was remembered, the checksum of the body. A guest that stands still in between is not harmed: what it had asked
//! for is served again before it goes on.

use super::super::asm::{Assembler, If, Op, Reg};
use super::super::disk::block::{HEAD, STEP, WORDS};
use super::super::layout::disk::{self as at, request};
use super::super::layout::word::PAGE_FACTOR as FACTOR;
use super::super::layout::{DOORBELL, bell};
use super::dirtying::draw;
use super::{CONTROL, due, repeat};

/// The page for the block.
const PAGE: Reg = Reg::Rdi;
/// The number of the block, and where its generation is remembered.
const NUMBER: Reg = Reg::Rsi;
const REMEMBERED: Reg = Reg::R9;
const GENERATION: Reg = Reg::R8;
/// Of the loop over the body.
const WORD: Reg = Reg::R10;
const CHECK: Reg = Reg::R11;
const LEFT: Reg = Reg::Rcx;

const OWNER: i32 = 0;
const BLOCK: i32 = 8;
const COUNT: i32 = 16;
const SUM: i32 = 24;
const BODY: i32 = 32;

/// Emits the writes of a period, then its reads.
pub(super) fn emit(asm: &mut Assembler) {
    due(asm, CONTROL, at::WRITE_RATE);
    repeat(asm, |asm| {
        choose(asm);
        write(asm);
    });
    due(asm, CONTROL, at::READ_RATE);
    repeat(asm, |asm| {
        choose(asm);
        read(asm);
    });
}

/// A block at random, what is remembered of it, and the page for it.
fn choose(asm: &mut Assembler) {
    draw(asm);
    asm.load(Reg::Rcx, CONTROL, at::BLOCKS);
    asm.multiply_wide(Reg::Rcx);
    asm.copy(REMEMBERED, Reg::Rdx);
    asm.shift_left(REMEMBERED, 3);
    asm.load(Reg::Rax, CONTROL, at::TABLE);
    asm.op(Op::Add, REMEMBERED, Reg::Rax);
    asm.load(NUMBER, CONTROL, at::FIRST);
    asm.op(Op::Add, NUMBER, Reg::Rdx);
    asm.load(GENERATION, REMEMBERED, 0);
    asm.load(PAGE, CONTROL, at::BUFFER);
}

fn write(asm: &mut Assembler) {
    asm.op_constant(Op::Add, GENERATION, 1);
    asm.load(Reg::Rax, CONTROL, at::OWNER);
    asm.store(PAGE, OWNER, Reg::Rax);
    asm.store(PAGE, BLOCK, NUMBER);
    asm.store(PAGE, COUNT, GENERATION);
    // The first word of the body: (owner + number) * FACTOR ^ generation * STEP.
    asm.op(Op::Add, Reg::Rax, NUMBER);
    asm.set(Reg::Rdx, FACTOR);
    asm.multiply(Reg::Rax, Reg::Rdx);
    asm.set(WORD, STEP);
    asm.multiply(WORD, GENERATION);
    asm.op(Op::Xor, WORD, Reg::Rax);
    asm.set(Reg::Rbp, STEP);
    body(asm, |asm| {
        asm.store(Reg::Rax, 0, WORD);
        asm.op(Op::Add, CHECK, WORD);
        asm.op(Op::Add, WORD, Reg::Rbp);
    });
    asm.store(PAGE, SUM, CHECK);
    ask(asm, request::WRITE);
    asm.count(REMEMBERED, 0);
    asm.count(CONTROL, at::WRITES);
    done(asm);
}

fn read(asm: &mut Assembler) {
    let (wrong, checked) = (asm.label(), asm.label());
    ask(asm, request::READ);
    asm.load(Reg::Rdx, CONTROL, at::OWNER);
    for (offset, expected) in [(OWNER, Reg::Rdx), (BLOCK, NUMBER), (COUNT, GENERATION)] {
        asm.load(Reg::Rax, PAGE, offset);
        asm.op(Op::Cmp, Reg::Rax, expected);
        asm.jump_if(If::NotEqual, wrong);
    }
    asm.set(Reg::Rdx, FACTOR);
    body(asm, |asm| {
        asm.load(WORD, Reg::Rax, 0);
        asm.op(Op::Add, CHECK, WORD);
    });
    asm.load(Reg::Rax, PAGE, SUM);
    asm.op(Op::Cmp, Reg::Rax, CHECK);
    asm.jump_if(If::Equal, checked);
    asm.place(wrong);
    asm.count(CONTROL, at::WRONG);
    asm.place(checked);
    asm.count(CONTROL, at::READS);
    done(asm);
}

/// Does `word` with each word of the body, whose address is in `rax`, and sums them up: `CHECK = (CHECK + word) * rdx`.
fn body(asm: &mut Assembler, word: impl FnOnce(&mut Assembler)) {
    const { assert!(HEAD * 8 == BODY as usize) };
    asm.address(Reg::Rax, PAGE, BODY);
    asm.set(CHECK, 0);
    asm.set(LEFT, (WORDS - HEAD) as u64);
    let next = asm.here();
    word(asm);
    asm.multiply(CHECK, Reg::Rdx);
    asm.op_constant(Op::Add, Reg::Rax, 8);
    asm.op_constant(Op::Sub, LEFT, 1);
    asm.jump_if(If::NotEqual, next);
}

/// Asks for the block and has the host serve it.
fn ask(asm: &mut Assembler, what: u64) {
    asm.store(CONTROL, at::BLOCK, NUMBER);
    asm.set(Reg::Rax, what);
    asm.store(CONTROL, at::REQUEST, Reg::Rax);
    asm.ring(DOORBELL, bell::DISK);
}

fn done(asm: &mut Assembler) {
    asm.set(Reg::Rax, request::NONE);
    asm.store(CONTROL, at::REQUEST, Reg::Rax);
}
