//! The network: who is connected to whom, how flows share the links, and when their bytes arrive.

pub mod flows;
pub mod goodput;
pub mod retransmission;
pub mod sharing;
pub mod topology;

pub use flows::{FlowId, FluidNetwork, Size};
pub use topology::{Channel, Topology};
