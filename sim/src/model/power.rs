//! Power: what a host draws for the work it does, how its cores idle and are clocked, and which of them are parked.

pub mod calibrate;
pub mod clock;
pub mod curve;
pub mod host;
pub mod idle;
pub mod parts;

pub use clock::Clock;
pub use curve::PowerCurve;
pub use host::{Draw, HostLoad, HostPower};
pub use parts::Split;
