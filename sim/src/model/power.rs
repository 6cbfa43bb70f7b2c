//! Power: what a host draws for the work it does, the processors it parks and the packages that sleep.

pub mod curve;
pub mod host;

pub use curve::PowerCurve;
pub use host::{HostLoad, HostPower};
