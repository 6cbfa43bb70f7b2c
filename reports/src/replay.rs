//! A run on real hosts repeated in the simulator: event by event how far the two part, and which model it is that is off.
//!
//! Nothing here runs a simulation: who calls hands in how that is done ([`Simulate`]).
//!
//! 1. The steps that the lab's log times by themselves are put into the scenario ([`measured`]).
//! 2. It is simulated, and the events of both are laid side by side ([`mod@align`]).
//! 3. What each step and round took is compared ([`quantity`]); where it differs by more than it may, the one parameter or the two
//!    whose change removes most of the difference are named ([`mod@blame`]).
//! 4. Several runs together give all parameters of a host, by least squares ([`mod@fit`], [`mod@refit`]), as a profile ([`profile`]).

pub mod align;
pub mod blame;
pub mod fit;
pub mod measured;
pub mod parameter;
pub mod profile;
pub mod quantity;
pub mod refit;
#[cfg(test)]
mod tests;
mod text;

use twinrack_scenario::Scenario;

use crate::run::Run;
use crate::twin::{TwinCase, TwinFigure};

pub use align::{Aligned, Alignment, align};
pub use blame::{Blame, Suspect, blame};
pub use measured::Input;
pub use parameter::Parameter;
pub use text::{refitted, shown, written};

/// How a scenario is simulated, and why it could not be.
pub type Simulate<'a> = &'a dyn Fn(&Scenario) -> Result<Run, String>;

/// A lab's run beside its simulation.
#[derive(Debug, Clone)]
pub struct Replay {
    /// The lab's run.
    pub lab: Run,
    /// The simulated one.
    pub simulated: Run,
    /// What was taken from a profile or the lab's log into the scenario.
    pub inputs: Vec<Input>,
    /// The events side by side.
    pub alignment: Alignment,
    /// The figures that both have.
    pub figures: TwinCase,
    /// What is off.
    pub blame: Blame,
}

/// Repeats a run in the simulator. `scenario` is that of the record as the simulator is to take it, with its inputs in it.
pub fn replay(
    lab: Run,
    scenario: &Scenario,
    inputs: Vec<Input>,
    simulate: Simulate<'_>,
) -> Result<Replay, String> {
    let simulated = simulate(scenario)?;
    let blame = blame(&lab, scenario, simulate)?;
    Ok(Replay {
        alignment: align(&simulated, &lab),
        figures: figures(&simulated, &lab),
        lab,
        simulated,
        inputs,
        blame,
    })
}

/// The figures that both have and the lab did not take from a model.
fn figures(simulated: &Run, lab: &Run) -> TwinCase {
    let measured = [&lab.summary];
    TwinCase {
        name: lab.summary.scenario.name.clone(),
        figures: TwinFigure::beside(&simulated.summary, &measured),
    }
}
