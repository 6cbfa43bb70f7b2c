//! A small assembler for x86-64: the two dozen instructions that the guests use, labels, and nothing clever.
//!
//! Every instruction has one encoding here, the longest: 64-bit operands, 32-bit displacements and branches. Opcodes are
//! those of the Intel SDM, volume 2; the tests hold each against bytes that GNU `as` made.

/// A general register, by its number in an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the processor's own names")]
#[repr(u8)]
pub enum Reg {
    Rax = 0,
    Rcx,
    Rdx,
    Rbx,
    Rsp,
    Rbp,
    Rsi,
    Rdi,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
}

impl Reg {
    const fn low(self) -> u8 {
        self as u8 & 7
    }

    const fn high(self) -> u8 {
        self as u8 >> 3
    }
}

/// A condition of a jump, by its number in the opcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum If {
    /// Unsigned less.
    Below = 0x2,
    /// Unsigned greater or equal.
    AtLeast = 0x3,
    /// Zero.
    Equal = 0x4,
    /// Not zero.
    NotEqual = 0x5,
    /// Unsigned greater.
    Above = 0x7,
}

/// An operation of two operands: the register-register opcode, and the digit of its form with a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the processor's own names")]
pub enum Op {
    Add,
    Or,
    And,
    Sub,
    Xor,
    Cmp,
}

impl Op {
    const fn digit(self) -> u8 {
        match self {
            Self::Add => 0,
            Self::Or => 1,
            Self::And => 4,
            Self::Sub => 5,
            Self::Xor => 6,
            Self::Cmp => 7,
        }
    }
}

/// A place in the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label(usize);

/// Code under construction.
#[derive(Debug, Default)]
pub struct Assembler {
    code: Vec<u8>,
    labels: Vec<Option<usize>>,
    /// Where a 32-bit distance to a label is to be filled in.
    distances: Vec<(usize, Label)>,
}

impl Assembler {
    /// No code.
    pub fn new() -> Self {
        Self::default()
    }

    /// A label that is not placed yet.
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Places a label here.
    pub fn place(&mut self, label: Label) {
        assert!(self.labels[label.0].is_none(), "a label has one place");
        self.labels[label.0] = Some(self.code.len());
    }

    /// A label placed here.
    pub fn here(&mut self) -> Label {
        let label = self.label();
        self.place(label);
        label
    }

    /// The code, with all distances filled in.
    pub fn finish(mut self) -> Vec<u8> {
        for (at, label) in &self.distances {
            let target = self.labels[label.0].expect("every label is placed");
            // Modulo 2³², as the processor adds it.
            let distance = (target as u32).wrapping_sub(*at as u32 + 4);
            self.code[*at..*at + 4].copy_from_slice(&distance.to_le_bytes());
        }
        self.code
    }

    /// Bytes as they are: an instruction that is used in one place.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.code.extend(bytes);
    }

    /// `mov reg, constant`
    pub fn set(&mut self, reg: Reg, constant: u64) {
        self.code.extend([0x48 | reg.high(), 0xb8 | reg.low()]);
        self.code.extend(constant.to_le_bytes());
    }

    /// `mov to, from`
    pub fn copy(&mut self, to: Reg, from: Reg) {
        self.registers(0x89, from, to);
    }

    /// `mov reg, [base + offset]`
    pub fn load(&mut self, reg: Reg, base: Reg, offset: i32) {
        self.memory(0x8b, reg as u8, base, offset);
    }

    /// `mov [base + offset], reg`
    pub fn store(&mut self, base: Reg, offset: i32, reg: Reg) {
        self.memory(0x89, reg as u8, base, offset);
    }

    /// `lea reg, [base + offset]`
    pub fn address(&mut self, reg: Reg, base: Reg, offset: i32) {
        self.memory(0x8d, reg as u8, base, offset);
    }

    /// `add qword [base + offset], reg`
    pub fn add_to(&mut self, base: Reg, offset: i32, reg: Reg) {
        self.memory(0x01, reg as u8, base, offset);
    }

    /// `inc qword [base + offset]`
    pub fn count(&mut self, base: Reg, offset: i32) {
        self.memory(0xff, 0, base, offset);
    }

    /// `op to, from`
    pub fn op(&mut self, op: Op, to: Reg, from: Reg) {
        self.registers(op.digit() << 3 | 1, from, to);
    }

    /// `op reg, constant`
    pub fn op_constant(&mut self, op: Op, reg: Reg, constant: i32) {
        self.code
            .extend([0x48 | reg.high(), 0x81, 0xc0 | op.digit() << 3 | reg.low()]);
        self.code.extend(constant.to_le_bytes());
    }

    /// `shl reg, bits`
    pub fn shift_left(&mut self, reg: Reg, bits: u8) {
        self.code
            .extend([0x48 | reg.high(), 0xc1, 0xe0 | reg.low(), bits]);
    }

    /// `shr reg, bits`
    pub fn shift_right(&mut self, reg: Reg, bits: u8) {
        self.code
            .extend([0x48 | reg.high(), 0xc1, 0xe8 | reg.low(), bits]);
    }

    /// `imul to, from`: the lower half of the product.
    pub fn multiply(&mut self, to: Reg, from: Reg) {
        self.code
            .extend([0x48 | to.high() << 2 | from.high(), 0x0f, 0xaf]);
        self.code.push(0xc0 | to.low() << 3 | from.low());
    }

    /// `mul reg`: `rdx:rax = rax * reg`.
    pub fn multiply_wide(&mut self, reg: Reg) {
        self.code.extend([0x48 | reg.high(), 0xf7, 0xe0 | reg.low()]);
    }

    /// `rdtsc`, put together: `rax` = the time-stamp counter. Changes `rdx`.
    pub fn read_clock(&mut self) {
        self.code.extend([0x0f, 0x31]);
        self.shift_left(Reg::Rdx, 32);
        self.op(Op::Or, Reg::Rax, Reg::Rdx);
    }

    /// `mov eax, value` and `out port, eax`. Changes `rax`.
    pub fn ring(&mut self, port: u8, value: u32) {
        self.code.push(0xb8);
        self.code.extend(value.to_le_bytes());
        self.code.extend([0xe7, port]);
    }

    /// `jmp label`
    pub fn jump(&mut self, label: Label) {
        self.code.push(0xe9);
        self.distance(label);
    }

    /// `jcc label`
    pub fn jump_if(&mut self, condition: If, label: Label) {
        self.code.extend([0x0f, 0x80 | condition as u8]);
        self.distance(label);
    }

    fn distance(&mut self, label: Label) {
        self.distances.push((self.code.len(), label));
        self.code.extend([0; 4]);
    }

    /// `REX.W`, opcode, `ModRM` with two registers; `rm` is the one written.
    fn registers(&mut self, opcode: u8, reg: Reg, rm: Reg) {
        self.code.extend([
            0x48 | reg.high() << 2 | rm.high(),
            opcode,
            0xc0 | reg.low() << 3 | rm.low(),
        ]);
    }

    /// `REX.W`, opcode, `ModRM` with `[base + offset]`; a base of `rsp` or `r12` needs a SIB byte.
    fn memory(&mut self, opcode: u8, reg: u8, base: Reg, offset: i32) {
        self.code.extend([
            0x48 | reg >> 3 << 2 | base.high(),
            opcode,
            0x80 | (reg & 7) << 3 | base.low(),
        ]);
        if base.low() == 4 {
            self.code.push(0x24);
        }
        self.code.extend(offset.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::Reg::{R8, R9, R12, R13, R14, R15, Rax, Rbp, Rbx, Rcx, Rdi, Rdx, Rsp};
    use super::*;

    /// The bytes of what `write` emits.
    fn bytes(write: impl FnOnce(&mut Assembler)) -> String {
        let mut asm = Assembler::new();
        write(&mut asm);
        asm.finish()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn moves_are_those_of_gnu_as() {
        assert_eq!(
            bytes(|asm| asm.set(R13, 0x1122_3344_5566_7788)),
            "49 bd 88 77 66 55 44 33 22 11"
        );
        assert_eq!(bytes(|asm| asm.copy(Rbx, R9)), "4c 89 cb");
        assert_eq!(bytes(|asm| asm.copy(R9, Rbx)), "49 89 d9");
        assert_eq!(bytes(|asm| asm.load(Rcx, R15, 0x150)), "49 8b 8f 50 01 00 00");
        assert_eq!(bytes(|asm| asm.load(R8, R12, -8)), "4d 8b 84 24 f8 ff ff ff");
        assert_eq!(bytes(|asm| asm.load(Rax, Rsp, 0x100)), "48 8b 84 24 00 01 00 00");
        assert_eq!(bytes(|asm| asm.store(Rbp, 0x100, R14)), "4c 89 b5 00 01 00 00");
        assert_eq!(bytes(|asm| asm.address(R14, R15, 0x400)), "4d 8d b7 00 04 00 00");
    }

    #[test]
    fn arithmetic_is_that_of_gnu_as() {
        assert_eq!(bytes(|asm| asm.op(Op::Add, Rdx, R9)), "4c 01 ca");
        assert_eq!(bytes(|asm| asm.op(Op::Or, Rax, Rdx)), "48 09 d0");
        assert_eq!(bytes(|asm| asm.op(Op::Xor, Rax, Rdi)), "48 31 f8");
        assert_eq!(bytes(|asm| asm.op(Op::Sub, R8, Rcx)), "49 29 c8");
        assert_eq!(bytes(|asm| asm.op(Op::Cmp, Rax, Rcx)), "48 39 c8");
        assert_eq!(
            bytes(|asm| asm.op_constant(Op::Cmp, R12, 0x1234)),
            "49 81 fc 34 12 00 00"
        );
        assert_eq!(
            bytes(|asm| asm.op_constant(Op::And, Rdi, -4096)),
            "48 81 e7 00 f0 ff ff"
        );
        assert_eq!(bytes(|asm| asm.shift_left(R9, 12)), "49 c1 e1 0c");
        assert_eq!(bytes(|asm| asm.shift_right(R12, 32)), "49 c1 ec 20");
        assert_eq!(bytes(|asm| asm.multiply(R9, Rdx)), "4c 0f af ca");
        assert_eq!(bytes(|asm| asm.multiply(Rax, R12)), "49 0f af c4");
        assert_eq!(bytes(|asm| asm.multiply_wide(R9)), "49 f7 e1");
        assert_eq!(bytes(|asm| asm.count(R15, 0x100)), "49 ff 87 00 01 00 00");
        assert_eq!(bytes(|asm| asm.add_to(R15, 0x130, R12)), "4d 01 a7 30 01 00 00");
    }

    #[test]
    fn the_clock_and_the_bell() {
        assert_eq!(bytes(Assembler::read_clock), "0f 31 48 c1 e2 20 48 09 d0");
        assert_eq!(bytes(|asm| asm.ring(0x10, 2)), "b8 02 00 00 00 e7 10");
    }

    #[test]
    fn jumps_go_both_ways() {
        let loop_and_out = bytes(|asm| {
            let out = asm.label();
            let top = asm.here();
            asm.jump_if(If::Equal, out);
            asm.jump(top);
            asm.place(out);
        });
        // je +5 (over the jmp); jmp -11 (back over both).
        assert_eq!(loop_and_out, "0f 84 05 00 00 00 e9 f5 ff ff ff");
    }
}
