//! The portrait: one run of the answer with all hosts, as far as a planner wants to look into it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twinrack_scenario::record::RunRecord;
use twinrack_scenario::spec::plan::PlanSpec;
use twinrack_scenario::{HostId, Scenario, VmId};

use crate::means::Means;
use crate::question::{Alternative, PlanError};
use crate::replicate::quantile;
use crate::trial::{busiest, homes, resized};

/// Parts that the time of a run is cut into for a heat map.
const PARTS: usize = 48;

/// One run of the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Portrait {
    /// Its clusters; hosts of none are one of their own.
    pub clusters: Vec<Cluster>,
    /// Use of processors over the hosts: 5 %, 50 % and 95 % of them are at or below; (seconds, share).
    pub use_of_hosts: [Vec<(f64, f64)>; 3],
    /// The highest use of each host in each of equal parts of the time; nothing where there are too many hosts to have them.
    pub heat: Vec<(String, Vec<f64>)>,
    /// Its end, s.
    pub span_s: f64,
    /// The seed.
    pub seed: u64,
}

/// A cluster and what it is used for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Hosts.
    pub hosts: u32,
    /// VMs on them at the busiest moment.
    pub vms: u32,
    /// The use of its processors that 95 % of the samples are at or below; none where hosts are too many to be told apart.
    pub cpu_p95: Option<f64>,
    /// Memory given to VMs at the busiest moment, as a share of what the hosts have for them.
    pub memory: f64,
}

/// The portrait of so many hosts, at the first seed.
pub(crate) fn portrait(
    plan: &PlanSpec,
    alternative: &Alternative,
    hosts: u32,
    means: &Means<'_>,
) -> Result<Portrait, PlanError> {
    means.outcome(alternative, &format!("portrait of {hosts} hosts"), || {
        let scenario = resized(&alternative.scenario, plan, hosts, 1.0)?;
        let seed = scenario.spec.seed;
        (means.run)(&scenario, seed).map(|record| Portrait::of(&scenario, seed, &record))
    })
}

impl Portrait {
    fn of(scenario: &Scenario, seed: u64, record: &RunRecord) -> Self {
        let spread = |quantile: &str| record.series.points("total", &format!("utilisation_{quantile}"));
        let uses = uses(scenario, record);
        let span_s = record.summary.span_s;
        let heat = uses
            .iter()
            .map(|(host, points)| (host.clone(), highest(points, span_s)));
        Self {
            clusters: clusters(scenario, record, &uses),
            use_of_hosts: ["p5", "p50", "p95"].map(spread),
            heat: heat.collect(),
            span_s,
            seed,
        }
    }
}

/// A host's name and its use over time.
type Use = (String, Vec<(f64, f64)>);

/// The use of each host; nothing where a run of so many does not tell it.
fn uses(scenario: &Scenario, record: &RunRecord) -> Vec<Use> {
    let (series, names) = (
        &record.series,
        (0..scenario.hosts.len()).map(|host| scenario.hosts.name(host)),
    );
    let Some(metric) = series.metrics.iter().position(|name| name == "utilisation") else {
        return Vec::new();
    };
    // In one pass over the samples: there may be many.
    let mut points: BTreeMap<u32, Vec<(f64, f64)>> = BTreeMap::new();
    for sample in series
        .samples
        .iter()
        .filter(|sample| usize::from(sample.metric) == metric)
    {
        points
            .entry(sample.entity)
            .or_default()
            .push((sample.t_s, sample.value));
    }
    let of = |name: String| {
        let entity = format!("host:{name}");
        let entity = series.entities.iter().position(|known| *known == entity)? as u32;
        Some((name, points.remove(&entity)?))
    };
    names.filter_map(of).collect()
}

/// The highest of points in each of equal parts of the time.
fn highest(points: &[(f64, f64)], span_s: f64) -> Vec<f64> {
    let mut parts = vec![0.0_f64; PARTS];
    for (t, share) in points {
        let part = (t / span_s.max(1e-9) * PARTS as f64) as usize;
        let part = &mut parts[part.min(PARTS - 1)];
        *part = part.max(*share);
    }
    parts
}

fn clusters(scenario: &Scenario, record: &RunRecord, uses: &[Use]) -> Vec<Cluster> {
    let homes = homes(record, busiest(record));
    let of = |(name, hosts): (String, Vec<u32>)| {
        let is_here = |host: u32| hosts.contains(&host);
        let here = homes
            .iter()
            .enumerate()
            .filter(|(_, home)| home.is_some_and(|host| is_here(host.0)));
        let vms: Vec<VmId> = here.map(|(vm, _)| VmId(vm as u32)).collect();
        let given: f64 = vms.iter().map(|vm| scenario.vm(*vm).memory.value.as_f64()).sum();
        let specs = hosts.iter().map(|host| scenario.host(HostId(*host)));
        let had: f64 = specs.map(|host| scenario.memory_for_vms(host).as_f64()).sum();
        Cluster {
            name,
            hosts: hosts.len() as u32,
            vms: vms.len() as u32,
            cpu_p95: p95(scenario, &hosts, uses),
            memory: given / had.max(1.0),
        }
    };
    members(scenario).into_iter().map(of).collect()
}

/// The hosts of each cluster, and those that are in none.
fn members(scenario: &Scenario) -> Vec<(String, Vec<u32>)> {
    let mut rest: Vec<u32> = (0..scenario.hosts.len()).collect();
    let mut members = Vec::new();
    for cluster in &scenario.spec.clusters {
        let named = cluster
            .hosts
            .iter()
            .filter_map(|name| scenario.hosts.find(name))
            .flatten();
        let hosts: Vec<u32> = if cluster.hosts.is_empty() {
            rest.clone()
        } else {
            named.collect()
        };
        rest.retain(|host| !hosts.contains(host));
        members.push((cluster.name.value.clone(), hosts));
    }
    if !rest.is_empty() {
        members.push(("in no cluster".to_owned(), rest));
    }
    members
}

/// The use of the processors of some hosts together that 95 % of the samples are at or below.
fn p95(scenario: &Scenario, hosts: &[u32], uses: &[Use]) -> Option<f64> {
    if uses.len() < scenario.hosts.len() as usize {
        return None;
    }
    let processors = |host: u32| f64::from(scenario.host(HostId(host)).processors());
    let all: f64 = hosts.iter().map(|host| processors(*host)).sum();
    let samples = hosts.iter().map(|host| uses[*host as usize].1.len()).min()?;
    let busy = |at: usize| {
        let each = hosts
            .iter()
            .map(|host| uses[*host as usize].1[at].1 * processors(*host));
        each.sum::<f64>() / all.max(1.0)
    };
    let mut shares: Vec<f64> = (0..samples).map(busy).collect();
    shares.sort_by(f64::total_cmp);
    quantile(&shares, 0.95)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_time_shows_its_highest() {
        let points = [(0.0, 0.2), (10.0, 0.9), (400.0, 0.4), (480.0, 0.7)];
        let parts = highest(&points, 480.0);
        assert_eq!((parts[0], parts[1], parts[40], parts[47]), (0.2, 0.9, 0.4, 0.7));
    }
}
