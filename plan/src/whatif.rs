//! What-if: the hosts that there are, before and after each change, side by side. Nothing is bought or sold here but in the overlays.

use rayon::prelude::*;
use serde::Serialize;
use twinrack_scenario::Scenario;

use crate::answer::{Sized, size};
use crate::headroom::Headroom;
use crate::means::Means;
use crate::measured::Measured;
use crate::question::{PlanError, Question};
use crate::trial::{Candidate, Level, Trial};

/// A scenario as it stands: what its hosts hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct State {
    /// The change that made it; nothing for the scenario as it was.
    pub change: Option<String>,
    /// Hosts of all groups.
    pub hosts: u32,
    /// Logical processors of them.
    pub processors: u32,
    /// Memory that they have for VMs, bytes.
    pub memory: u64,
    /// VMs.
    pub vms: u32,
    /// Hosts that are there of the group that the plan seeks.
    pub sought: u32,
    /// Hosts of that group that would do.
    pub needed: Sized,
    /// Samples.
    pub samples: usize,
    /// What the hosts that are there are like.
    pub measured: Option<Measured>,
    /// The commonest level that broke, and in how many samples.
    pub broke: Option<(Level, usize)>,
    /// How long they last; where growth was given.
    pub headroom: Option<Headroom>,
}

impl State {
    /// Looks at a scenario as it stands.
    pub fn of(change: Option<String>, question: &Question, means: &Means<'_>) -> Result<Self, PlanError> {
        let (plan, present) = (&question.plan, &question.present);
        let scenario = &present.scenario;
        let sought = group_count(scenario, &plan.hosts.value);
        let first = scenario.spec.seed;
        let trials: Vec<Trial> = (0..u64::from(plan.replications.least))
            .into_par_iter()
            .map(|index| {
                let candidate = Candidate {
                    whole: true,
                    ..Candidate::of(sought, first.wrapping_add(index))
                };
                means.trial(present, plan, candidate)
            })
            .collect::<Result<_, _>>()?;
        let hosts = (0..scenario.hosts.len()).map(twinrack_scenario::HostId);
        Ok(Self {
            change,
            hosts: scenario.hosts.len(),
            processors: hosts.clone().map(|host| scenario.host(host).processors()).sum(),
            memory: hosts
                .map(|host| scenario.memory_for_vms(scenario.host(host)).0)
                .sum(),
            vms: scenario.vms.len(),
            sought,
            needed: size(question, present, means)?,
            samples: trials.len(),
            measured: Measured::of(plan, present, sought, &trials),
            broke: commonest(&trials),
            headroom: Headroom::of(plan, present, sought, means)?,
        })
    }

    /// Whether the hosts hold in every sample.
    pub fn fits(&self) -> bool {
        self.measured
            .as_ref()
            .is_some_and(|measured| measured.holds == self.samples)
    }
}

/// How many hosts a group has.
pub fn group_count(scenario: &Scenario, group: &str) -> u32 {
    let at = scenario
        .spec
        .hosts
        .iter()
        .position(|host| host.name.value == group);
    at.map_or(0, |group| scenario.hosts.members(group).len() as u32)
}

/// The level that broke first in most trials, and in how many.
fn commonest(trials: &[Trial]) -> Option<(Level, usize)> {
    let mut counts: Vec<(&Level, usize)> = Vec::new();
    for level in trials.iter().filter_map(Trial::broken) {
        match counts.iter_mut().find(|(known, _)| known.is_alike(level)) {
            Some((_, count)) => *count += 1,
            None => counts.push((level, 1)),
        }
    }
    let most = counts
        .into_iter()
        .reduce(|most, next| if next.1 > most.1 { next } else { most });
    most.map(|(level, count)| (level.clone(), count))
}
