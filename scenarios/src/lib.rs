//! The contract of twinrack: what to run (the scenario), and what came out (the record).
//!
//! A scenario is read in four steps, each in a file of its own: [`yaml`] parses text into a tree with places,
//! [`decode`] turns the tree into typed [`spec`](mod@spec)s and notes every fault, validation looks at how the parts fit
//! together, and the result is a [`scenario::Scenario`] with numbered entities. What a body makes of it is a
//! [`record::RunRecord`].

pub mod decode;
pub mod demand;
pub mod domain;
pub mod fault;
pub mod fleet;
pub mod profile;
pub mod random;
pub mod read;
pub mod record;
pub mod scale;
pub mod scenario;
pub mod schema;
pub mod spec;
pub mod time;
pub mod trace;
pub mod units;
pub mod validate;
pub mod yaml;

pub use fleet::{Fleet, HostId, MigrationId, NetworkId, VmId, VolumeId};
pub use scenario::Scenario;
pub use trace::Trace;
