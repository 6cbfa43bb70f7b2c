//! Measuring a run: time-weighted levels, distributions, and the figures made of them.

pub mod distribution;
pub mod figures;
pub mod level;

pub use distribution::Distribution;
pub use figures::Figures;
pub use level::Level;
