//! The brain of twinrack: every decision, no input or output, no clock, no randomness but what it is handed.
//!
//! A body tells the [`controller::Controller`] what happened; the controller looks at the datacenter through the
//! [`fabric::Fabric`] and gives its orders through it. Both bodies implement the fabric; neither decides anything.

pub mod consolidation;
pub mod controller;
pub mod fabric;
pub mod limits;
pub mod maintenance;
pub mod migration;
pub mod mover;
pub mod parking;
pub mod placement;
pub mod restart;
pub mod start;
