//! Failures: what the loss of hosts, racks and power feeds at the busiest moment would do, each tried by pulling their power.
//!
//! A plan's *spare* asks that all holds while something is missing all day. This asks what happens in the minutes after it goes:
//! whose VMs are restarted, how long that takes, and who finds no room.

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use twinrack_scenario::decode::Spanned;
use twinrack_scenario::domain::{Domain, DomainKind};
use twinrack_scenario::record::{Event, RunRecord};
use twinrack_scenario::spec::plan::PlanSpec;
use twinrack_scenario::spec::timeline::{FaultSpec, OneHostSpec};
use twinrack_scenario::units::SimDuration;
use twinrack_scenario::{HostId, Scenario, VmId};

use crate::means::Means;
use crate::question::{Alternative, PlanError};
use crate::trial::{busiest, homes, resized};

/// Most choices of so many domains that are all tried; of more only the fullest.
const CASES_MAX: usize = 64;
/// How many domains are taken at once: N+1 and N+2.
const AT_ONCE: [usize; 2] = [1, 2];
/// What is looked at after the last restart should be over.
const AFTERWARDS: SimDuration = SimDuration::from_secs(300);

/// What a failure of so many domains of a kind would do at worst.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// What fails: `host`, `rack`, `power feed`.
    pub kind: &'static str,
    /// How many at once.
    pub count: usize,
    /// Of how many.
    pub of: usize,
    /// Those whose failure is worst.
    pub worst: Vec<String>,
    /// Whether every choice of so many was tried; else the fullest alone.
    pub all_tried: bool,
    /// What it does.
    pub outage: Outage,
}

/// What a failure did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outage {
    /// Hosts that lost power.
    pub hosts: u32,
    /// VMs that were lost with them.
    pub vms: u32,
    /// Those of them that did not come back, by name.
    pub not_restarted: Vec<String>,
    /// The longest time until one that came back served again, s.
    pub longest_s: f64,
    /// Highest use of the processors that are left, as a share.
    pub cpu_peak: f64,
}

/// Every kind of failure of an alternative with so many hosts, at its first seed.
pub(crate) fn failures(
    plan: &PlanSpec,
    alternative: &Alternative,
    hosts: u32,
    means: &Means<'_>,
) -> Result<Vec<Failure>, PlanError> {
    let mut scenario = resized(&alternative.scenario, plan, hosts, 1.0)?;
    scenario.spec.expect.clear();
    let seed = scenario.spec.seed;
    let calm: Calm = means.outcome(alternative, &format!("calm {hosts} hosts"), || {
        (means.run)(&scenario, seed).map(|record| Calm::of(&scenario, &record))
    })?;
    let mut failures = Vec::new();
    for kind in DomainKind::ALL {
        let domains = scenario.domains(kind);
        for count in AT_ONCE.into_iter().filter(|count| *count < domains.len()) {
            let (cases, all_tried) = cases(&domains, count, &calm);
            let outages = cases.par_iter().map(|case| {
                let names: Vec<&str> = case.iter().map(|domain| domain.name.as_str()).collect();
                let tried = format!("failure of {} with {hosts} hosts: {names:?}", kind.word());
                means.outcome(alternative, &tried, || {
                    let lost: Vec<HostId> = case.iter().flat_map(|domain| domain.hosts.clone()).collect();
                    outage(&scenario, &lost, calm.busiest, means)
                })
            });
            let outages: Vec<Outage> = outages.collect::<Result<_, _>>()?;
            // The first of those that are equally bad.
            let worst = cases.into_iter().zip(outages).reduce(|worst, next| {
                if next.1.badness() > worst.1.badness() {
                    next
                } else {
                    worst
                }
            });
            failures.extend(worst.map(|(case, outage)| Failure {
                kind: kind.word(),
                count,
                of: domains.len(),
                worst: case.iter().map(|domain| domain.name.clone()).collect(),
                all_tried,
                outage,
            }));
        }
    }
    Ok(failures)
}

/// What a run without failures tells of when and where they hurt most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Calm {
    /// When the processors are busiest.
    busiest: SimDuration,
    /// Memory given to VMs on each host then, bytes.
    given: Vec<u64>,
}

impl Calm {
    fn of(scenario: &Scenario, record: &RunRecord) -> Self {
        let busiest = busiest(record);
        let mut given = vec![0; scenario.hosts.len() as usize];
        for (vm, home) in homes(record, busiest).iter().enumerate() {
            if let Some(host) = home {
                given[host.index()] += scenario.vm(VmId(vm as u32)).memory.value.0;
            }
        }
        Self { busiest, given }
    }

    fn memory_on(&self, domain: &Domain) -> u64 {
        domain.hosts.iter().map(|host| self.given[host.index()]).sum()
    }
}

/// The choices of so many domains that are tried, and whether those are all.
fn cases<'d>(domains: &'d [Domain], count: usize, calm: &Calm) -> (Vec<Vec<&'d Domain>>, bool) {
    let all = match count {
        1 => domains.len(),
        count => (0..count).fold(1, |ways, at| ways * (domains.len() - at) / (at + 1)),
    };
    if all <= CASES_MAX {
        return (choices(domains, count), true);
    }
    let mut fullest: Vec<&Domain> = domains.iter().collect();
    fullest.sort_by_key(|domain| std::cmp::Reverse(calm.memory_on(domain)));
    (vec![fullest.into_iter().take(count).collect()], false)
}

/// Every choice of `count` of the domains, in order.
fn choices(domains: &[Domain], count: usize) -> Vec<Vec<&Domain>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let with_first = |at: usize| {
        let rest = choices(&domains[at + 1..], count - 1).into_iter();
        rest.map(move |others| std::iter::once(&domains[at]).chain(others).collect())
    };
    (0..domains.len()).flat_map(with_first).collect()
}

/// Pulls the power of hosts at a time, and looks until all should be over.
fn outage(
    scenario: &Scenario,
    lost: &[HostId],
    at: SimDuration,
    means: &Means<'_>,
) -> Result<Outage, PlanError> {
    let mut scenario = scenario.clone();
    let rules = &scenario.spec.policies.availability;
    let noticed = rules.heartbeat.saturating_mul(u64::from(rules.missed) + 1) + rules.regroup;
    let over = at + noticed + rules.online + rules.guest_boot + AFTERWARDS;
    let fault = |host: &HostId| {
        FaultSpec::HostCrash(OneHostSpec {
            at,
            host: Spanned::invented(scenario.hosts.name(host.0)),
        })
    };
    let faults: Vec<FaultSpec> = lost.iter().map(fault).collect();
    scenario.spec.faults.extend(faults);
    scenario.spec.duration.value = over;
    let within = |happens: SimDuration| happens <= over;
    scenario.spec.timeline.retain(|action| within(action.at()));
    scenario.spec.faults.retain(|fault| fault.at().is_none_or(within));
    let scenario = scenario.renumbered().map_err(|faults| PlanError::Misfit {
        hosts: lost.len() as u32,
        what: faults.join("; "),
    })?;
    (means.run)(&scenario, scenario.spec.seed).map(|record| Outage::of(&record, lost, at))
}

impl Outage {
    fn of(record: &RunRecord, hosts: &[HostId], at: SimDuration) -> Self {
        let (mut lost, mut back) = (BTreeSet::new(), BTreeSet::new());
        let mut longest_s: f64 = 0.0;
        for entry in record.events.iter().filter(|entry| entry.t_ns >= at.as_nanos()) {
            match &entry.event {
                Event::VmLost { vm, host } if hosts.contains(host) => {
                    lost.insert(*vm);
                }
                Event::VmStarted { vm, .. } if lost.contains(vm) => {
                    back.insert(*vm);
                    longest_s = longest_s.max((entry.t_ns - at.as_nanos()) as f64 / 1e9);
                }
                _ => {}
            }
        }
        let used = record.series.points("total", "utilisation").into_iter();
        let after = used
            .filter(|(t, _)| *t > at.as_secs_f64())
            .map(|(_, share)| share);
        Self {
            hosts: hosts.len() as u32,
            vms: lost.len() as u32,
            not_restarted: lost.difference(&back).map(|vm| record.vms.name(vm.0)).collect(),
            longest_s,
            cpu_peak: after.fold(0.0, f64::max),
        }
    }

    /// What is compared: who does not come back, then how long it takes, then how many are hit.
    fn badness(&self) -> (usize, u64, u32) {
        (self.not_restarted.len(), (self.longest_s * 1e3) as u64, self.vms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_made_once() {
        let domain = |host: u32| Domain {
            name: host.to_string(),
            hosts: vec![HostId(host)],
        };
        let domains: Vec<Domain> = (0..4).map(domain).collect();
        let names = |count| -> Vec<String> {
            let choices = choices(&domains, count).into_iter();
            choices
                .map(|choice| choice.iter().map(|domain| domain.name.as_str()).collect())
                .collect()
        };
        assert_eq!(names(1), ["0", "1", "2", "3"]);
        assert_eq!(names(2), ["01", "02", "03", "12", "13", "23"]);
        let calm = Calm {
            busiest: SimDuration::ZERO,
            given: vec![5, 9, 7, 1],
        };
        assert_eq!(cases(&domains, 2, &calm).0.len(), 6);
        // Of twelve there are 66 choices of two: only the fullest two are tried.
        let many: Vec<Domain> = domains.iter().cycle().take(12).cloned().collect();
        let (fullest, all_tried) = cases(&many, 2, &calm);
        assert!(!all_tried);
        assert_eq!(fullest, [[&domains[1], &domains[1]]]);
    }
}
