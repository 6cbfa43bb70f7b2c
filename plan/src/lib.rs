//! Capacity planning: how many hosts a scenario needs, of which kind, what breaks first and what it costs.
//!
//! A plan never computes a capacity: it *runs* the scenario with so many hosts and looks whether all that must hold holds.
//! One question goes through five files: [`question`] makes the alternatives, [`trial`] tries one number of hosts at one seed,
//! [`search`] finds the least number that holds, [`replicate`] does so at one seed after another until the mean is known well
//! enough, [`answer`] puts it in planners' words. [`store`] keeps every trial, so that a plan that was killed goes on.
//!
//! A [`sweep`] runs one scenario at many seeds and settings, on one machine or on many.

pub mod answer;
pub mod assumptions;
pub mod headroom;
pub mod question;
pub mod replicate;
pub mod search;
pub mod store;
pub mod sweep;
pub mod text;
pub mod trial;

pub use answer::{Answer, Means, Sized, plan};
pub use question::{PlanError, Question};
