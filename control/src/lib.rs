//! The brain: every decision that both bodies take, without input, output, clock or randomness of its own.

pub mod migration;
