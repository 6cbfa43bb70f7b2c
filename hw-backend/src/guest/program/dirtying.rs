//! Writes pages, class by class: the next in order, or one at random.
//!
//! A write counts the heartbeat, then, with the page's address in `INTENT`, the page's own count, stamp and checksum. A guest that
//! stands still in the middle of a write has told which page may be half written: only that one may be wrong.

use super::super::asm::{Assembler, If, Op, Reg};
use super::super::layout::word;
use super::{CONTROL, due, repeat};

const CLASS: Reg = Reg::R14;
const CLASSES_LEFT: Reg = Reg::R13;
const PAGE: Reg = Reg::Rdi;

/// Emits the loop over all classes.
pub(super) fn emit(asm: &mut Assembler) {
    let (next_class, done) = (asm.label(), asm.label());
    asm.address(CLASS, CONTROL, word::CLASS);
    asm.load(CLASSES_LEFT, CONTROL, word::CLASSES);
    asm.place(next_class);
    asm.op_constant(Op::Cmp, CLASSES_LEFT, 0);
    asm.jump_if(If::Equal, done);
    due(asm, CLASS, word::CLASS_RATE);
    repeat(asm, |asm| {
        choose(asm);
        write(asm);
    });
    asm.op_constant(Op::Add, CLASS, word::CLASS_SIZE);
    asm.op_constant(Op::Sub, CLASSES_LEFT, 1);
    asm.jump(next_class);
    asm.place(done);
}

/// `PAGE` = the address of the page to write.
fn choose(asm: &mut Assembler) {
    let (random, in_range, chosen) = (asm.label(), asm.label(), asm.label());
    asm.load(Reg::Rcx, CLASS, word::CLASS_PAGES);
    asm.load(Reg::Rax, CLASS, word::CLASS_PATTERN);
    asm.op_constant(Op::Cmp, Reg::Rax, 0);
    asm.jump_if(If::NotEqual, random);
    asm.load(PAGE, CLASS, word::CLASS_CURSOR);
    asm.copy(Reg::Rax, PAGE);
    asm.op_constant(Op::Add, Reg::Rax, 1);
    asm.op(Op::Cmp, Reg::Rax, Reg::Rcx);
    asm.jump_if(If::Below, in_range);
    asm.set(Reg::Rax, 0);
    asm.place(in_range);
    asm.store(CLASS, word::CLASS_CURSOR, Reg::Rax);
    asm.jump(chosen);
    asm.place(random);
    draw(asm);
    // The upper half of draw * pages: uniform over the pages to 1 in 2⁶⁴ / pages.
    asm.multiply_wide(Reg::Rcx);
    asm.copy(PAGE, Reg::Rdx);
    asm.place(chosen);
    asm.shift_left(PAGE, 12);
    asm.load(Reg::Rax, CLASS, word::CLASS_BASE);
    asm.op(Op::Add, PAGE, Reg::Rax);
}

/// `rax` = 64 random bits: xorshift with 13, 7, 17 (Marsaglia, Journal of Statistical Software 8(14), 2003). Changes `rdx`.
pub(super) fn draw(asm: &mut Assembler) {
    asm.load(Reg::Rax, CONTROL, word::RANDOM);
    for (left, bits) in [(true, 13), (false, 7), (true, 17)] {
        asm.copy(Reg::Rdx, Reg::Rax);
        if left {
            asm.shift_left(Reg::Rdx, bits);
        } else {
            asm.shift_right(Reg::Rdx, bits);
        }
        asm.op(Op::Xor, Reg::Rax, Reg::Rdx);
    }
    asm.store(CONTROL, word::RANDOM, Reg::Rax);
}

fn write(asm: &mut Assembler) {
    asm.store(CONTROL, word::INTENT, PAGE);
    asm.count(CONTROL, word::HEARTBEAT);
    asm.load(Reg::Rcx, CONTROL, word::HEARTBEAT);
    asm.load(Reg::Rax, PAGE, word::PAGE_COUNT);
    asm.op_constant(Op::Add, Reg::Rax, 1);
    asm.store(PAGE, word::PAGE_COUNT, Reg::Rax);
    asm.store(PAGE, word::PAGE_STAMP, Reg::Rcx);
    asm.set(Reg::Rdx, word::PAGE_FACTOR);
    asm.multiply(Reg::Rax, Reg::Rdx);
    asm.op(Op::Xor, Reg::Rax, Reg::Rcx);
    asm.op(Op::Xor, Reg::Rax, PAGE);
    asm.store(PAGE, word::PAGE_CHECK, Reg::Rax);
    asm.set(Reg::Rax, 0);
    asm.store(CONTROL, word::INTENT, Reg::Rax);
}
