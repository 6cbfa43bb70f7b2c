//! Measuring this host, so that the simulator can be held against it: what events and steps cost, single migrations of real
//! guests, and the grid of cases that the two bodies are compared on.

pub mod costs;
pub mod figure;
pub mod fixed;
pub mod grid;
pub mod host;
pub mod moved;
pub mod paging;
pub mod profile;

pub use fixed::Fixed;
pub use grid::Cell;
pub use moved::Moved;
