//! Moving a running VM: preconditions, admission, the pre-copy policies and the state machine, without input or output.
//!
//! The [mover](crate::mover) asks [`precondition`] whether a move is possible and [`admission`] whether it may begin now,
//! makes a [`Plan`], and then feeds a [`Migration`] with what happens; a body carries out the commands that come back. The
//! decision to go on or to stop is one pure function of the rounds so far ([`PrecopyPolicy::decide`]), so that the
//! simulated body and the thread that pumps real pages through a socket end a loop at the same round.

pub mod admission;
pub mod machine;
pub mod networks;
pub mod plan;
pub mod policy;
pub mod precondition;
pub mod processor;
pub mod report;
pub mod round;
pub mod step;

pub use machine::Migration;
pub use plan::{Plan, Timings};
pub use policy::{Policy, PrecopyPolicy};
pub use report::Report;
pub use round::{Decision, Progress, Round, Until};
pub use step::{Command, Input, Medium, Refusal, Step};
