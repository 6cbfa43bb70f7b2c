//! The lab: one agent for each host, a process that the controller starts and talks to over its standard input and output.
//!
//! Each migration's pages go over one TCP connection between two agents, opened for it alone and bearing a secret that the controller gave to
//! both; each stream of guests' traffic over another, whose token follows from a secret of the run. An agent whose input closes ends its guests and exits, so that a controller
//! that was killed leaves nothing behind.

pub mod agent;
pub mod client;
pub mod clock;
pub mod doctor;
mod energy;
pub mod frame;
mod guests;
pub mod handle;
mod incoming;
pub mod inventory;
mod kept;
pub mod local;
mod outgoing;
pub mod processors;
pub mod protocol;
mod setting;
mod stream;
mod usage;
