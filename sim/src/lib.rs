//! The simulated body of twinrack: a deterministic discrete-event engine and the models that run on it.

pub mod check;
pub mod compat;
pub mod engine;
pub mod model;
pub mod world;

pub use world::{Progress, RunError, RunOptions, run};
