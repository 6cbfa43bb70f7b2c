//! The brain of twinrack: every decision, no input or output, no clock, no randomness but what it is handed.

pub mod migration;
pub mod parking;
