//! The simulated body: a scenario's datacenter in virtual time, and the brain that runs it.
//!
//! # How a run goes
//!
//! 1. Every entity is set up from the scenario; VMs with a host start there, the brain places the others.
//! 2. The next event is taken: something on the timeline, a demand that changes, a step of a migration that is done, bytes that have
//!    arrived, a wake-up the brain asked for. It changes the state and marks what it touches.
//! 3. When no event of this instant is left, the instant is *settled*: links are shared anew, then processors of
//!    touched hosts, then power. What the brain wants to know becomes a notice; what it orders may touch more, until
//!    nothing changes any more.
//! 4. At the end of the duration, the figures are read off the meters and the journal.
//!
//! Between two events every quantity is constant, so every integral is exact and nothing ticks.
//!
//! # Who does what
//!
//! The body never decides: it carries out what the [brain](twinrack_control::controller::Controller) orders through
//! [`Fabric`](twinrack_control::fabric::Fabric), which [`Body`] implements.

mod account;
mod activity;
pub mod body;
#[cfg(test)]
mod canary;
mod compute;
mod cores;
mod crash;
mod demand;
mod fabric;
pub mod kinds;
mod links;
mod meters;
mod moving;
mod outcome;
mod sampling;
mod starting;
mod state;
mod timeline;

use std::ops::ControlFlow;

use twinrack_control::controller::Controller;
use twinrack_scenario::Scenario;
use twinrack_scenario::record::RunRecord;
use twinrack_scenario::units::SimTime;

use crate::check::Violation;
use crate::compat;
use crate::engine::{EngineError, Streams};
use body::Body;

/// How a run is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunOptions {
    /// The seed of every random draw.
    pub seed: u64,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The present instant.
    pub now: SimTime,
    /// The end of the run.
    pub end: SimTime,
}

/// Why a run gave no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// A bound of the engine was reached.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A checker found what must never happen: a bug of the simulator.
    #[error("{0}; this is a bug of the simulator, not of the scenario")]
    Check(#[from] Violation),
    /// The caller asked to stop.
    #[error("interrupted at {0}")]
    Interrupted(SimTime),
}

/// Events between two reports of progress: few, because where VMs are placed by the thousand one event can take a second.
const EVENTS_PER_REPORT: u64 = 64;

/// Runs a scenario. `progress` is called now and then; `ControlFlow::Break` ends the run without a record.
pub fn run(
    scenario: &Scenario,
    options: RunOptions,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<RunRecord, RunError> {
    if let Some(experiment) = &scenario.spec.experiment {
        return compat::run(scenario, experiment, options.seed, progress);
    }
    drive(scenario, options, progress, |_| {})
}

/// Runs a scenario in the models; `meddle` may lay hands on the body after each event, which only tests do.
fn drive(
    scenario: &Scenario,
    options: RunOptions,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    mut meddle: impl FnMut(&mut Body<'_>),
) -> Result<RunRecord, RunError> {
    let end = SimTime::ZERO + scenario.spec.duration.value;
    let mut body = Body::new(scenario, options.seed);
    let mut draws = Streams::new(options.seed).stream("policy:consolidation", "selection");
    let mut brain = Controller::new(&scenario.spec.policies, &body, Box::new(move || draws.bits()));
    body.begin(brain.watches_load());
    settle(&mut body, &mut brain)?;
    while let Some(at) = body.engine.peek().filter(|at| *at <= end) {
        let Some(happening) = body.engine.next()? else {
            break;
        };
        body.happen(at, happening);
        meddle(&mut body);
        tell(&mut body, &mut brain);
        if body.engine.peek() != Some(at) {
            settle(&mut body, &mut brain)?;
        }
        if body.engine.events().is_multiple_of(EVENTS_PER_REPORT)
            && progress(Progress { now: at, end }).is_break()
        {
            return Err(RunError::Interrupted(at));
        }
    }
    let under_way = body.moves.keys().copied().chain(brain.waiting()).collect();
    outcome::record(body, under_way, options.seed, end)
}

/// Settles the instant: shares, processors, power and the brain's answers, until nothing changes any more.
fn settle(body: &mut Body<'_>, brain: &mut Controller) -> Result<(), RunError> {
    for _ in 0..body.engine.bounds().at_once_max {
        body.settle_links();
        body.settle_hosts();
        tell(body, brain);
        if let Some(error) = body.failure.take() {
            return Err(error.into());
        }
        if !body.state.is_touched() && body.notices.is_empty() && !body.links_touched() {
            body.close_instant();
            return Ok(());
        }
    }
    Err(EngineError::TooManyAtOnce {
        bound: body.engine.bounds().at_once_max,
        now: body.engine.now(),
    }
    .into())
}

fn tell(body: &mut Body<'_>, brain: &mut Controller) {
    while let Some(notice) = body.notices.pop_front() {
        let now = body.engine.now();
        brain.on(now, notice, body);
    }
}
