//! The scenarios that a trial carries out: with so many hosts and VMs, without what is missing, with a host being emptied.

use twinrack_scenario::decode::Spanned;
use twinrack_scenario::record::RunRecord;
use twinrack_scenario::spec::expect::{ExpectSpec, Operator};
use twinrack_scenario::spec::plan::{DrainSpec, PlanSpec};
use twinrack_scenario::spec::timeline::{ActionSpec, OneHostSpec};
use twinrack_scenario::units::{Ratio, SimDuration};
use twinrack_scenario::{Fleet, HostId, Scenario};

use super::usage::homes;
use crate::question::PlanError;

/// The figure of a drain.
pub(super) const DRAIN: &str = "maintenance.drain_s.max";

/// An expectation of a plan's own.
pub fn level(kpi: &str, op: Operator, limit: f64, why: &str) -> ExpectSpec {
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
pub fn resized(base: &Scenario, plan: &PlanSpec, hosts: u32, growth: f64) -> Result<Scenario, PlanError> {
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
    numbered(scenario, hosts)
}

/// A count times a growth, rounded up; what is whole but for rounding is taken as whole.
fn grown(count: u32, growth: f64) -> u32 {
    const ROUNDING: f64 = 1e-9;
    let exact = f64::from(count) * growth;
    libm::ceil(exact - ROUNDING * exact) as u32
}

/// The scenario without so many hosts of each group; nothing when none is left, or a group has not that many.
///
/// What named a host that is missing forgets it: VMs that lived there are placed anew.
pub fn without(all: &Scenario, lost: &[u32]) -> Result<Option<Scenario>, PlanError> {
    let mut scenario = all.clone();
    let mut left = Vec::new();
    for (group, (mut host, lost)) in scenario.spec.hosts.into_iter().zip(lost).enumerate() {
        let Some(count) = (all.hosts.members(group).len() as u32).checked_sub(*lost) else {
            return Ok(None);
        };
        if *lost > 0 && count > 0 {
            host.count = Some(Spanned::invented(count));
        }
        if count > 0 {
            left.push(host);
        }
    }
    if left.is_empty() {
        return Ok(None);
    }
    scenario.spec.hosts = left;
    let hosts = all.hosts.len();
    numbered(forgotten(scenario), hosts).map(Some)
}

/// Takes the names of hosts that are not there out of clusters, networks and VMs.
pub fn forgotten(mut scenario: Scenario) -> Scenario {
    let spec = &mut scenario.spec;
    let hosts = Fleet::of_hosts(spec);
    let there = |name: &Spanned<String>| hosts.find(name).is_some();
    // A list that is empty stands for all hosts: one that becomes empty must not.
    spec.clusters.retain_mut(|cluster| {
        let all = cluster.hosts.is_empty();
        cluster.hosts.retain(there);
        all || !cluster.hosts.is_empty()
    });
    for network in &mut spec.networks {
        network.hosts.retain(there);
    }
    for vm in &mut spec.vms {
        vm.host = vm.host.take().filter(there);
        vm.possible_owners.retain(there);
    }
    scenario
}

fn numbered(scenario: Scenario, hosts: u32) -> Result<Scenario, PlanError> {
    scenario.renumbered().map_err(|faults| PlanError::Misfit {
        hosts,
        what: faults.join("; "),
    })
}

/// The scenario with its fullest host being emptied, no longer than need be.
pub(super) fn emptying(
    mut scenario: Scenario,
    drain: &DrainSpec,
    record: &RunRecord,
) -> Result<Scenario, PlanError> {
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
    numbered(scenario, hosts)
}

/// When the processors were used most; the first of equal moments.
pub fn busiest(record: &RunRecord) -> SimDuration {
    let points = record.series.points("total", "utilisation");
    let most = points
        .iter()
        .copied()
        .reduce(|best, point| if point.1 > best.1 { point } else { best });
    SimDuration::from_secs(most.map_or(0, |(seconds, _)| seconds as u64))
}

/// The host with most memory given to VMs at a time; the lowest number of equals.
fn fullest(scenario: &Scenario, record: &RunRecord, at: SimDuration) -> HostId {
    let mut given = vec![0_u64; scenario.hosts.len() as usize];
    for (index, home) in homes(record, at).iter().enumerate() {
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
