//! The contract of twinrack: what to run (the scenario), and what came out (the record).

pub mod time;
pub mod units;
