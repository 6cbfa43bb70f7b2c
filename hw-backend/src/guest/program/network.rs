//! Sends the bytes that are due of each stream, a chunk at a time, by doorbell.
//!
//! A chunk is filled with the words that follow from the stream and the position; then the guest says which stream, where it is, how many bytes,
//! rings, and goes on from the position that it is told. When its bytes were not taken, what else is due in this period is let go.

use super::super::asm::{Assembler, If, Op, Reg};
use super::super::layout::net as at;
use super::super::layout::word::PAGE_FACTOR as FACTOR;
use super::super::layout::{DOORBELL, bell};
use super::super::network::CHUNK;
use super::{CONTROL, DUE, due};

const STREAM: Reg = Reg::R14;
const STREAMS_LEFT: Reg = Reg::R13;
const POSITION: Reg = Reg::R8;
const WORDS: Reg = Reg::Rcx;

/// Emits the loop over all streams.
pub(super) fn emit(asm: &mut Assembler) {
    let (next_stream, more, sent, done) = (asm.label(), asm.label(), asm.label(), asm.label());
    asm.address(STREAM, CONTROL, at::STREAM);
    asm.load(STREAMS_LEFT, CONTROL, at::COUNT);
    asm.place(next_stream);
    asm.op_constant(Op::Cmp, STREAMS_LEFT, 0);
    asm.jump_if(If::Equal, done);
    due(asm, STREAM, at::RATE);
    asm.place(more);
    asm.op_constant(Op::Cmp, DUE, 0);
    asm.jump_if(If::Equal, sent);
    take(asm);
    fill(asm);
    ask(asm);
    // Whether all of it was taken: it is told to go on behind it.
    asm.load(WORDS, CONTROL, at::LENGTH);
    asm.op(Op::Add, POSITION, WORDS);
    asm.op(Op::Cmp, Reg::Rsi, POSITION);
    asm.jump_if(If::Equal, more);
    asm.place(sent);
    asm.op_constant(Op::Add, STREAM, at::STREAM_SIZE);
    asm.op_constant(Op::Sub, STREAMS_LEFT, 1);
    asm.jump(next_stream);
    asm.place(done);
}

/// `WORDS` = as many of those that are due as fit into the page.
fn take(asm: &mut Assembler) {
    let fits = asm.label();
    asm.copy(WORDS, DUE);
    asm.op_constant(Op::Cmp, WORDS, (CHUNK / 8) as i32);
    asm.jump_if(If::Below, fits);
    asm.set(WORDS, CHUNK / 8);
    asm.place(fits);
    asm.op(Op::Sub, DUE, WORDS);
}

/// Fills the page: `(seed + position) * FACTOR`, and from word to word 8 positions on.
fn fill(asm: &mut Assembler) {
    asm.load(POSITION, STREAM, at::POSITION);
    asm.load(Reg::Rax, STREAM, at::SEED);
    asm.op(Op::Add, Reg::Rax, POSITION);
    asm.set(Reg::Rdx, FACTOR);
    asm.multiply(Reg::Rax, Reg::Rdx);
    asm.shift_left(Reg::Rdx, 3);
    asm.load(Reg::Rdi, CONTROL, at::BUFFER);
    asm.copy(Reg::R9, WORDS);
    let next = asm.here();
    asm.store(Reg::Rdi, 0, Reg::Rax);
    asm.op(Op::Add, Reg::Rax, Reg::Rdx);
    asm.op_constant(Op::Add, Reg::Rdi, 8);
    asm.op_constant(Op::Sub, Reg::R9, 1);
    asm.jump_if(If::NotEqual, next);
}

/// Offers the page; `rsi` = the position that is wanted next, which is the stream's from then on.
fn ask(asm: &mut Assembler) {
    asm.shift_left(WORDS, 3);
    asm.store(CONTROL, at::LENGTH, WORDS);
    asm.store(CONTROL, at::AT, POSITION);
    asm.load(Reg::Rax, STREAM, at::INDEX);
    asm.store(CONTROL, at::REQUEST, Reg::Rax);
    asm.ring(DOORBELL, bell::NETWORK);
    asm.load(Reg::Rsi, CONTROL, at::REPLY);
    asm.store(STREAM, at::POSITION, Reg::Rsi);
    asm.set(Reg::Rax, 0);
    asm.store(CONTROL, at::REQUEST, Reg::Rax);
}
