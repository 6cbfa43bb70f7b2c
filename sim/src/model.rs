//! The models: what the simulated hardware and guests do, a file each; none takes a decision.

pub mod dirtying;
