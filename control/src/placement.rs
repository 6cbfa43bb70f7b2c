//! Placement: which host is overloaded, which VM leaves it, and where it goes; each a pure function.

pub mod detect;
pub mod initial;
pub mod reach;
pub mod regress;
pub mod select;
mod shelf;
pub mod statistics;
pub mod target;

pub use detect::Detector;
pub use select::{Candidate, Selector};
pub use target::{Fit, Room};
