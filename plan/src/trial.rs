//! One trial: a number of hosts and of VMs at one seed, carried out, and held against all that must hold.
//!
//! A run for each shortage that must be survived, one with all hosts, and one with a host being emptied. What breaks ends the
//! trial, unless it is to be surveyed as a whole.

mod sized;
mod usage;

use serde::{Deserialize, Serialize};
use twinrack_scenario::Scenario;
use twinrack_scenario::record::{Expectation, RunRecord};
use twinrack_scenario::spec::plan::PlanSpec;

use crate::question::PlanError;
use crate::shortage::shortages;
pub(crate) use sized::{busiest, resized};
pub use usage::{Usage, homes};

/// Carries a scenario out at a seed.
pub type Runner<'a> = &'a (dyn Fn(&Scenario, u64) -> Result<RunRecord, PlanError> + Sync);

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Hosts of the group that is sought.
    pub hosts: u32,
    /// VMs of each group, times this, rounded up.
    pub growth: f64,
    /// The seed.
    pub seed: u64,
    /// Whether it goes on after something broke: how far all is from its limit is then known beyond it too.
    pub whole: bool,
}

impl Candidate {
    /// So many hosts for the VMs that there are.
    pub const fn of(hosts: u32, seed: u64) -> Self {
        Self {
            hosts,
            growth: 1.0,
            seed,
            whole: false,
        }
    }

    /// The words that name it among all that may be kept.
    pub(crate) fn key(&self) -> String {
        format!("{self:?}")
    }
}

/// What the hosts were like in a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Situation {
    /// All of them up.
    All,
    /// As many hosts missing as may be.
    Short,
    /// As many racks missing as may be.
    Rack,
    /// As many power feeds missing as may be.
    Feed,
    /// One of them being emptied.
    Drain,
}

impl Situation {
    /// The words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::All => "with all hosts",
            Self::Short => "with the spare hosts missing",
            Self::Rack => "with a rack missing",
            Self::Feed => "with a power feed missing",
            Self::Drain => "while a host is emptied",
        }
    }
}

/// A service level and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// In which situation.
    pub situation: Situation,
    /// What was held against what.
    pub item: Expectation,
}

impl Level {
    /// Whether it is the same figure in the same situation.
    pub fn is_alike(&self, other: &Self) -> bool {
        self.situation == other.situation && self.item.kpi == other.item.kpi
    }
}

/// The outcome of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Whether all held.
    pub holds: bool,
    /// All levels that were looked at.
    pub levels: Vec<Level>,
    /// Figures of the run with all hosts; none where an earlier run broke.
    pub usage: Option<Usage>,
}

impl Trial {
    /// The first level that broke.
    pub fn broken(&self) -> Option<&Level> {
        self.levels.iter().find(|level| level.item.fails())
    }

    /// Takes the levels of a run over; whether the trial goes on.
    fn look(&mut self, situation: Situation, record: &RunRecord, whole: bool) -> bool {
        let levels = record.summary.expectations.iter().cloned();
        self.levels.extend(levels.map(|item| Level { situation, item }));
        self.holds &= record.summary.passed();
        self.holds || whole
    }
}

/// Tries a candidate.
pub fn carry_out(
    base: &Scenario,
    plan: &PlanSpec,
    candidate: Candidate,
    run: Runner<'_>,
) -> Result<Trial, PlanError> {
    let mut trial = Trial {
        holds: true,
        levels: Vec::new(),
        usage: None,
    };
    let all = resized(base, plan, candidate.hosts, candidate.growth)?;
    let shortages = shortages(&all, plan);
    for shortage in &shortages {
        let Some(short) = sized::without(&all, &shortage.lost)? else {
            trial.holds = false;
            return Ok(trial);
        };
        let record = run(&short, candidate.seed)?;
        if !trial.look(shortage.situation, &record, candidate.whole) {
            return Ok(trial);
        }
    }
    let record = run(&all, candidate.seed)?;
    if !trial.look(Situation::All, &record, candidate.whole) {
        return Ok(trial);
    }
    let mut usage = Usage::of(plan, &all, &shortages, &record);
    if let Some(drain) = &plan.drain {
        let emptied = sized::emptying(all, drain, &record)?;
        let record = run(&emptied, candidate.seed)?;
        let goes_on = trial.look(Situation::Drain, &record, candidate.whole);
        let took = record.summary.kpis.get(sized::DRAIN);
        usage.drain_s = took.map(|figure| figure.value);
        if !goes_on {
            return Ok(trial);
        }
    }
    trial.usage = Some(usage);
    Ok(trial)
}
