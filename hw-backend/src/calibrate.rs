//! Measuring this host, so that the simulator can be held against it: single migrations of real guests, and the grid of
//! cases that the two bodies are compared on.

pub mod grid;
pub mod moved;

pub use grid::Cell;
pub use moved::{Fixed, Moved};
