//! Queueing theory as the oracle of engine, streams and samplers: what is simulated lies within its own confidence interval
//! of the closed form, and a rate that is wrong by a little does not.

/// What they share.
mod support;

#[path = "queueing/batches.rs"]
mod batches;
#[path = "queueing/closed.rs"]
mod closed;
#[path = "queueing/formulas.rs"]
mod formulas;
#[path = "queueing/open.rs"]
mod open;
#[path = "queueing/station.rs"]
mod station;
