//! Loads the paging machinery: fills, rewrites, walks, switches.
//!
//! At CPL 3 a program can write its page tables, which lie in ordinary memory that it has mapped, but neither invalidate a translation nor
//! load CR3. So an entry only ever goes from *not present*, which no processor caches, to *present*; when the window is used up, all its entries are
//! emptied and the host is asked to forget them.

use super::super::asm::{Assembler, If, Op, Reg};
use super::super::layout::{DOORBELL, bell, word};
use super::{CONTROL, due, repeat};

/// Fills the next entries of the window and touches the pages behind them.
pub(super) fn fill(asm: &mut Assembler) {
    due(asm, CONTROL, word::FILL_RATE);
    repeat(asm, |asm| {
        let more = asm.label();
        asm.load(Reg::Rax, CONTROL, word::FILL_NEXT);
        asm.copy(Reg::Rcx, Reg::Rax);
        asm.shift_left(Reg::Rcx, 12);
        asm.load(Reg::Rdx, CONTROL, word::FILL_TARGET);
        asm.op(Op::Add, Reg::Rdx, Reg::Rcx);
        entry(asm, word::FILL_ENTRIES);
        asm.store(Reg::Rsi, 0, Reg::Rdx);
        asm.load(Reg::Rdx, CONTROL, word::FILL_WINDOW);
        asm.op(Op::Add, Reg::Rdx, Reg::Rcx);
        asm.load(Reg::Rdx, Reg::Rdx, 0);
        asm.count(CONTROL, word::FILLED);
        asm.op_constant(Op::Add, Reg::Rax, 1);
        asm.store(CONTROL, word::FILL_NEXT, Reg::Rax);
        asm.load(Reg::Rcx, CONTROL, word::FILL_COUNT);
        asm.op(Op::Cmp, Reg::Rax, Reg::Rcx);
        asm.jump_if(If::Below, more);
        empty(asm);
        asm.place(more);
    });
}

/// Empties the window's `rax` entries and has the host forget them.
fn empty(asm: &mut Assembler) {
    asm.set(Reg::Rcx, 0);
    let next = asm.here();
    asm.op_constant(Op::Sub, Reg::Rax, 1);
    entry(asm, word::FILL_ENTRIES);
    asm.store(Reg::Rsi, 0, Reg::Rcx);
    asm.op_constant(Op::Cmp, Reg::Rax, 0);
    asm.jump_if(If::NotEqual, next);
    asm.store(CONTROL, word::FILL_NEXT, Reg::Rcx);
    asm.ring(DOORBELL, bell::FLUSH);
}

/// Rewrites the next page-table entries: bit 9, which is software's own (Intel SDM 3A, table 4-20), changes.
pub(super) fn rewrite(asm: &mut Assembler) {
    due(asm, CONTROL, word::REWRITE_RATE);
    repeat(asm, |asm| {
        let more = asm.label();
        asm.load(Reg::Rax, CONTROL, word::REWRITE_NEXT);
        entry(asm, word::REWRITE_ENTRIES);
        asm.load(Reg::Rdx, Reg::Rsi, 0);
        asm.op_constant(Op::Xor, Reg::Rdx, 0x200);
        asm.store(Reg::Rsi, 0, Reg::Rdx);
        asm.count(CONTROL, word::REWRITTEN);
        asm.op_constant(Op::Add, Reg::Rax, 1);
        asm.load(Reg::Rcx, CONTROL, word::REWRITE_COUNT);
        asm.op(Op::Cmp, Reg::Rax, Reg::Rcx);
        asm.jump_if(If::Below, more);
        asm.set(Reg::Rax, 0);
        asm.place(more);
        asm.store(CONTROL, word::REWRITE_NEXT, Reg::Rax);
    });
}

/// Follows the chain from page to page.
pub(super) fn walk(asm: &mut Assembler) {
    due(asm, CONTROL, word::WALK_RATE);
    asm.add_to(CONTROL, word::WALKED, super::DUE);
    asm.load(Reg::Rsi, CONTROL, word::WALK_AT);
    repeat(asm, |asm| asm.load(Reg::Rsi, Reg::Rsi, word::PAGE_NEXT));
    asm.store(CONTROL, word::WALK_AT, Reg::Rsi);
}

/// Asks for the other address space.
pub(super) fn switch(asm: &mut Assembler) {
    due(asm, CONTROL, word::SWITCH_RATE);
    repeat(asm, |asm| {
        asm.count(CONTROL, word::SWITCHES);
        asm.ring(DOORBELL, bell::SWITCH);
    });
}

/// `rsi` = the address of entry `rax` of the table whose address is in the control block at `table`.
fn entry(asm: &mut Assembler, table: i32) {
    asm.copy(Reg::Rsi, Reg::Rax);
    asm.shift_left(Reg::Rsi, 3);
    asm.load(Reg::R9, CONTROL, table);
    asm.op(Op::Add, Reg::Rsi, Reg::R9);
}
