//! Text for people: numbers with their units, and the summary of a run.

pub mod expectation;
pub mod figures;
pub mod number;
pub mod seeds;
pub mod summary;
pub mod table;

pub use number::{figure, moment, moments, quantity};
pub use summary::{verdict, written};
