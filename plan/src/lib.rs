//! Capacity planning: how many hosts a scenario needs, of which kind, what breaks first and what it costs.
//!
//! A plan never computes a capacity: it *runs* the scenario with so many hosts and looks whether all that must hold holds.
//! One question goes through five files: [`question`] makes the alternatives, [`trial`] tries one number of hosts at one seed,
//! [`search`] finds the least number that holds, [`replicate`] does so at one seed after another until the mean is known well
//! enough, [`answer`] puts it in planners' words. [`store`] keeps every trial, so that a plan that was killed goes on.
//!
//! What the answer's hosts are like is looked at from several sides, each a file: [`headroom`] and [`runway`] for the time they last,
//! [`failures`] for what the loss of a rack does, [`actions`] for the way there from the present, [`portrait`] for a day of theirs.
//! [`overlay`] changes a scenario in planners' words and [`whatif`] shows it before and after. [`text`] and [`html`] write it all down.
//!
//! A [`sweep`] runs one scenario at many seeds and settings, on one machine or on many.

pub mod actions;
pub mod answer;
pub mod assumptions;
pub mod confidence;
pub mod failures;
pub mod headroom;
pub mod html;
pub mod means;
pub mod measured;
pub mod overlay;
pub mod portrait;
pub mod question;
pub mod replicate;
pub mod runway;
pub mod search;
pub mod shortage;
pub mod store;
pub mod sweep;
pub mod tariff;
pub mod text;
pub mod trial;
pub mod whatif;

pub use answer::{Answer, Sized, plan};
pub use means::Means;
pub use measured::Measured;
pub use question::{PlanError, Question};
