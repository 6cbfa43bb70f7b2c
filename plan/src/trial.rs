//! One trial: a number of hosts and of VMs at one seed, carried out, and held against all that must hold.
//!
//! Three runs at most: without the hosts that may be missing, with all of them, and with one of them being emptied. What
//! breaks ends the trial.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twinrack_scenario::decode::Spanned;
use twinrack_scenario::record::{Event, Expectation, RunRecord};
use twinrack_scenario::spec::expect::{ExpectSpec, Operator};
use twinrack_scenario::spec::plan::{DrainSpec, PlanSpec};
use twinrack_scenario::spec::timeline::{ActionSpec, OneHostSpec};
use twinrack_scenario::units::{Ratio, SimDuration};
use twinrack_scenario::{Fleet, HostId, MigrationId, Scenario, VmId};

use crate::question::PlanError;

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
}

/// What the hosts were like in a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Situation {
    /// All of them up.
    All,
    /// As many missing as may be.
    Short,
    /// One of them being emptied.
    Drain,
}

impl Situation {
    /// The words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::All => "with all hosts",
            Self::Short => "with the spare hosts missing",
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

/// What a run with all hosts used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// VMs that ran.
    pub vms: u32,
    /// Highest use of the processors of all hosts together, as a share.
    pub cpu_peak: f64,
    /// Memory given to VMs, as a share of what the hosts have for them.
    pub memory: f64,
    /// Energy over the span, kWh.
    pub energy_kwh: f64,
    /// Span, s.
    pub span_s: f64,
    /// Time to empty a host, s; where it was asked for.
    pub drain_s: Option<f64>,
    /// Where each VM was started: (VM, host).
    pub placement: Vec<(String, String)>,
}

impl Trial {
    /// The first level that broke.
    pub fn broken(&self) -> Option<&Level> {
        self.levels.iter().find(|level| level.item.fails())
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
        holds: false,
        levels: Vec::new(),
        usage: None,
    };
    let sized = |hosts: u32| resized(base, plan, hosts, candidate.growth);
    if plan.spare > 0 {
        let Some(hosts) = candidate.hosts.checked_sub(plan.spare).filter(|hosts| *hosts > 0) else {
            return Ok(trial);
        };
        let record = run(&sized(hosts)?, candidate.seed)?;
        if !trial.look(Situation::Short, &record) {
            return Ok(trial);
        }
    }
    let all = sized(candidate.hosts)?;
    let record = run(&all, candidate.seed)?;
    if !trial.look(Situation::All, &record) {
        return Ok(trial);
    }
    let mut usage = Usage::of(&all, &record);
    if let Some(drain) = &plan.drain {
        let emptied = emptying(all, drain, &record)?;
        let record = run(&emptied, candidate.seed)?;
        let held = trial.look(Situation::Drain, &record);
        usage.drain_s = record.summary.kpis.get(DRAIN).map(|figure| figure.value);
        if !held {
            return Ok(trial);
        }
    }
    trial.usage = Some(usage);
    trial.holds = true;
    Ok(trial)
}

impl Trial {
    /// Takes the levels of a run over; whether all held.
    fn look(&mut self, situation: Situation, record: &RunRecord) -> bool {
        let levels = record.summary.expectations.iter().cloned();
        self.levels.extend(levels.map(|item| Level { situation, item }));
        record.summary.passed()
    }
}

const DRAIN: &str = "maintenance.drain_s.max";

fn level(kpi: &str, op: Operator, limit: f64, why: &str) -> ExpectSpec {
    ExpectSpec {
        kpi: Spanned::invented(kpi.to_owned()),
        op,
        limit,
        tolerance: Ratio(0.0),
        backend: None,
        why: Some(why.to_owned()),
        known: None,
    }
}

/// The scenario with so many hosts and VMs, and what must hold in place of what it expects.
fn resized(base: &Scenario, plan: &PlanSpec, hosts: u32, growth: f64) -> Result<Scenario, PlanError> {
    let mut scenario = base.clone();
    let group = scenario
        .spec
        .hosts
        .iter_mut()
        .find(|host| host.name.value == plan.hosts.value);
    if let Some(group) = group {
        group.count = Some(Spanned::invented(hosts));
    }
    for vms in &mut scenario.spec.vms {
        let count = vms.count.as_ref().map_or(1, |count| count.value);
        let more = grown(count, growth);
        if more != count {
            vms.count = Some(Spanned::invented(more));
        }
    }
    scenario.spec.expect.clone_from(&plan.require);
    scenario.spec.expect.insert(
        0,
        level("vms.refused", Operator::Equal, 0.0, "every VM has a place"),
    );
    scenario.renumbered().map_err(|faults| PlanError::Misfit {
        hosts,
        what: faults.join("; "),
    })
}

/// A count times a growth, rounded up; what is whole but for rounding is taken as whole.
fn grown(count: u32, growth: f64) -> u32 {
    const ROUNDING: f64 = 1e-9;
    let exact = f64::from(count) * growth;
    libm::ceil(exact - ROUNDING * exact) as u32
}

/// The scenario with its fullest host being emptied, no longer than need be.
fn emptying(mut scenario: Scenario, drain: &DrainSpec, record: &RunRecord) -> Result<Scenario, PlanError> {
    let at = drain.at.unwrap_or_else(|| busiest(record));
    let host = fullest(&scenario, record, at);
    // A drain that is late is seen to be late soon after the limit; what is to happen later must have its time all the same.
    let enough = at + drain.within + drain.within;
    let nothing_else = scenario.spec.timeline.is_empty() && scenario.spec.faults.is_empty();
    let duration = &mut scenario.spec.duration.value;
    *duration = if nothing_else {
        enough
    } else {
        enough.max(*duration)
    };
    let limit = drain.within.as_secs_f64();
    scenario
        .spec
        .timeline
        .push(ActionSpec::StartMaintenance(OneHostSpec {
            at,
            host: Spanned::invented(scenario.hosts.name(host.0)),
        }));
    scenario.spec.expect = vec![
        level(DRAIN, Operator::AtMost, limit, "any host can be emptied in time"),
        level("vms.lost", Operator::Equal, 0.0, "nobody is lost on the way"),
    ];
    let hosts = scenario.hosts.len();
    scenario.renumbered().map_err(|faults| PlanError::Misfit {
        hosts,
        what: faults.join("; "),
    })
}

/// When the processors were used most; the first of equal moments.
fn busiest(record: &RunRecord) -> SimDuration {
    let points = record.series.points("total", "utilisation");
    let most = points
        .iter()
        .copied()
        .reduce(|best, point| if point.1 > best.1 { point } else { best });
    SimDuration::from_secs(most.map_or(0, |(seconds, _)| seconds as u64))
}

/// The host with most memory given to VMs at a time; the lowest number of equals.
fn fullest(scenario: &Scenario, record: &RunRecord, at: SimDuration) -> HostId {
    let mut homes: Vec<Option<HostId>> = vec![None; scenario.vms.len() as usize];
    let mut moving: BTreeMap<MigrationId, VmId> = BTreeMap::new();
    for record in record
        .events
        .iter()
        .take_while(|record| record.t_ns <= at.as_nanos())
    {
        match &record.event {
            Event::VmStarted { vm, host } => homes[vm.index()] = Some(*host),
            Event::VmStopped { vm, .. } | Event::VmLost { vm, .. } => homes[vm.index()] = None,
            Event::MigrationRequested { migration, vm, .. } => {
                moving.insert(*migration, *vm);
            }
            Event::MigrationResumed { migration, host } => {
                if let Some(vm) = moving.get(migration) {
                    homes[vm.index()] = Some(*host);
                }
            }
            _ => {}
        }
    }
    let mut given = vec![0_u64; scenario.hosts.len() as usize];
    for (index, home) in homes.iter().enumerate() {
        if let Some(host) = home {
            given[host.index()] += scenario.spec.vms[scenario.vms.group_of(index as u32)]
                .memory
                .value
                .0;
        }
    }
    let most = given.iter().copied().max().unwrap_or(0);
    HostId(given.iter().position(|bytes| *bytes == most).unwrap_or(0) as u32)
}

impl Usage {
    fn of(scenario: &Scenario, record: &RunRecord) -> Self {
        let figure = |name: &str| record.summary.kpis.get(name).map_or(0.0, |figure| figure.value);
        let sum = |of: &dyn Fn(usize) -> f64, fleet: &Fleet| {
            (0..fleet.group_count())
                .map(|group| fleet.members(group).len() as f64 * of(group))
                .sum::<f64>()
        };
        let given = sum(
            &|group| scenario.spec.vms[group].memory.value.as_f64(),
            &scenario.vms,
        );
        let had = sum(
            &|group| {
                let host = &scenario.spec.hosts[group];
                host.memory.value.saturating_sub(host.reserve).as_f64()
            },
            &scenario.hosts,
        );
        let placement = record.events.iter().filter_map(|entry| match entry.event {
            Event::VmStarted { vm, host } => Some((record.vms.name(vm.0), record.hosts.name(host.0))),
            _ => None,
        });
        Self {
            vms: figure("vms.running.max") as u32,
            cpu_peak: figure("cpu.utilisation.max"),
            memory: given / had.max(1.0),
            energy_kwh: figure("power.energy_kwh.sum"),
            span_s: record.summary.span_s,
            drain_s: None,
            placement: placement.collect(),
        }
    }
}
