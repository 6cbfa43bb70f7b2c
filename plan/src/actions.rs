//! Actions: the way from the hosts and places that there are to the answer, carried out by the brain, move by move.
//!
//! The present hosts and those of the answer stand side by side in one run, every VM where it is now. Hosts that are not needed
//! any more are put into maintenance one after another, their VMs may only go to hosts that stay. Where hosts are added, VMs
//! that found no room are started, and hosts that get too busy give VMs up. What is listed is what then happened.

mod listed;
mod transition;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twinrack_scenario::spec::plan::PlanSpec;
use twinrack_scenario::units::SimDuration;

use crate::means::Means;
use crate::question::{Alternative, PlanError};
use crate::trial::homes;
use transition::Transition;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// A host is put up.
    AddHost,
    /// A VM that runs nowhere is started.
    Start,
    /// A VM is moved live.
    Move,
    /// A VM that can't be moved live is saved where it is, to be carried over.
    Save,
    /// A host that is empty is taken away.
    RetireHost,
}

impl Deed {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AddHost => "add host",
            Self::Start => "start",
            Self::Move => "move",
            Self::Save => "save",
            Self::RetireHost => "retire host",
        }
    }
}

/// One action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// What is done.
    pub deed: Deed,
    /// To which VM; none where it is done to a host.
    pub vm: Option<String>,
    /// From which host.
    pub from: Option<String>,
    /// To which host.
    pub to: Option<String>,
    /// Why.
    pub reason: String,
    /// 1 must be done, 2 empties hosts, 3 evens loads out.
    pub priority: u8,
    /// When it begins, s from the start of the change.
    pub when_s: f64,
    /// How it ends: `done`, or what the product says.
    pub outcome: String,
}

/// The actions from the scenario as it stands to an alternative with so many hosts, at the first seed.
pub(crate) fn actions(
    plan: &PlanSpec,
    present: &Alternative,
    best: &Alternative,
    hosts: u32,
    means: &Means<'_>,
) -> Result<Vec<Action>, PlanError> {
    let tried = format!("actions to {hosts} hosts from {}", present.scenario.blake3);
    means.outcome(best, &tried, || {
        let mut now = present.scenario.clone();
        now.spec.expect.clear();
        now.spec.duration.value = SimDuration::from_secs(1);
        now.spec.timeline.clear();
        now.spec.faults.clear();
        let seed = now.spec.seed;
        let record = (means.run)(&now, seed)?;
        let places: BTreeMap<String, String> = homes(&record, now.spec.duration.value)
            .iter()
            .enumerate()
            .filter_map(|(vm, home)| Some((now.vms.name(vm as u32), now.hosts.name(home.as_ref()?.0))))
            .collect();
        let transition = Transition::of(plan, &now, &best.scenario, hosts, &places);
        let Some(scenario) = transition.scenario()? else {
            return Ok(Vec::new());
        };
        let record = (means.run)(&scenario, seed)?;
        Ok(listed::listed(&transition, &record))
    })
}

/// How an action ends that does what it should.
const DONE: &str = "done";

impl Action {
    /// Whether it does what it should.
    pub fn is_done(&self) -> bool {
        self.outcome == DONE
    }
}
