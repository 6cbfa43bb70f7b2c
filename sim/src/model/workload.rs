//! Workloads: the courses of demand are the contract's ([`twinrack_scenario::demand`]); here is a generator of traces.

pub mod synthetic;

pub use twinrack_scenario::demand::{Burst, Shared};
