//! The models: one file each, pure or small state machines, exact in time; each has its page in the manual.

pub mod cpu;
pub mod dirtying;
pub mod network;
pub mod paging;
pub mod postcopy;
pub mod power;
pub mod workload;
