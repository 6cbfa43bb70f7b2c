//! The transition: the scenario in which the present becomes the answer.

use std::collections::{BTreeMap, BTreeSet};

use twinrack_scenario::Scenario;
use twinrack_scenario::decode::Spanned;
use twinrack_scenario::spec::consolidation::{ConsolidationSpec, DetectorSpec, SelectorSpec};
use twinrack_scenario::spec::guest::VmSpec;
use twinrack_scenario::spec::host::HostSpec;
use twinrack_scenario::spec::plan::PlanSpec;
use twinrack_scenario::spec::timeline::{ActionSpec, OneHostSpec};
use twinrack_scenario::units::{Ratio, SimDuration};

use crate::question::PlanError;
use crate::whatif::group_count;

/// Time between hosts that are emptied, where the plan does not say how long that takes.
const APART: SimDuration = SimDuration::from_secs(900);
/// Use of processors above which a host gives VMs up.
pub const BUSY: f64 = 0.8;

/// From here to there.
pub struct Transition {
    /// The scenario of the answer, with the hosts of both.
    base: Scenario,
    /// Where each VM is now: (VM, host).
    places: BTreeMap<String, String>,
    /// Hosts that are put up.
    pub added: Vec<String>,
    /// Hosts that are taken away, in the order in which they are emptied.
    pub retired: Vec<String>,
    /// Time between those.
    apart: SimDuration,
}

impl Transition {
    /// From the present with its places to so many hosts of the answer.
    pub fn of(
        plan: &PlanSpec,
        present: &Scenario,
        answer: &Scenario,
        hosts: u32,
        places: &BTreeMap<String, String>,
    ) -> Self {
        let group = plan.hosts.value.as_str();
        let there = group_count(present, group);
        let mut base = answer.clone();
        let (mut added, mut retired) = (Vec::new(), Vec::new());
        let numbered = |name: &str, numbers: std::ops::RangeInclusive<u32>| -> Vec<String> {
            numbers.map(|number| format!("{name}{number}")).collect()
        };
        let [now, then] = [present, answer].map(|scenario| {
            scenario
                .spec
                .hosts
                .iter()
                .find(|host| host.name.value == group)
                .cloned()
        });
        if let Some((now, then)) = now.zip(then) {
            let mut kept = now.clone();
            kept.count = Some(Spanned::invented(there.max(hosts)));
            if alike(&now, &then) {
                added = numbered(group, there + 1..=hosts);
                retired = fewest(
                    present,
                    numbered(group, 1..=there),
                    there.saturating_sub(hosts),
                    places,
                );
            } else {
                // Other hardware comes beside what is there.
                kept.count = Some(Spanned::invented(there));
                let mut fresh = then;
                let name = format!("{group}-new");
                added = numbered(&name, 1..=hosts);
                retired = numbered(group, 1..=there);
                fresh.name = Spanned::invented(name.clone());
                fresh.count = Some(Spanned::invented(hosts));
                base.spec.hosts.push(fresh);
                join(&mut base, group, &name);
            }
            if let Some(own) = base.spec.hosts.iter_mut().find(|host| host.name.value == group) {
                *own = kept;
            }
        }
        Self {
            base,
            places: places.clone(),
            added,
            retired,
            apart: plan.drain.as_ref().map_or(APART, |drain| drain.within),
        }
    }

    /// The scenario that makes it; nothing where there is nothing to do.
    pub fn scenario(&self) -> Result<Option<Scenario>, PlanError> {
        if self.added.is_empty() && self.retired.is_empty() {
            return Ok(None);
        }
        let mut scenario = self.base.clone();
        let staying = self.staying(&scenario);
        scenario.spec.vms = self.pinned(&scenario, &staying);
        scenario.spec.expect.clear();
        scenario.spec.faults.clear();
        scenario.spec.timeline.clear();
        scenario.spec.policies.consolidation = None;
        let mut at = SimDuration::ZERO;
        for host in &self.retired {
            scenario
                .spec
                .timeline
                .push(ActionSpec::StartMaintenance(OneHostSpec {
                    at,
                    host: Spanned::invented(host.clone()),
                }));
            at += self.apart;
        }
        if self.retired.is_empty() {
            scenario.spec.policies.consolidation = Some(evening_out());
        } else {
            scenario.spec.duration.value = at + self.apart;
        }
        let hosts = scenario.hosts.len();
        scenario
            .renumbered()
            .map(Some)
            .map_err(|faults| PlanError::Misfit {
                hosts,
                what: faults.join("; "),
            })
    }

    /// The hosts that are there in the end, groups where all of them are.
    fn staying(&self, scenario: &Scenario) -> Vec<Spanned<String>> {
        let gone: BTreeSet<&String> = self.retired.iter().collect();
        let fleet = twinrack_scenario::Fleet::of_hosts(&scenario.spec);
        let names = (0..fleet.len()).map(|host| fleet.name(host));
        names
            .filter(|name| !gone.contains(name))
            .map(Spanned::invented)
            .collect()
    }

    /// Every VM by itself, where it is now. One on a host that goes may only go to hosts that stay.
    fn pinned(&self, scenario: &Scenario, staying: &[Spanned<String>]) -> Vec<VmSpec> {
        let gone: BTreeSet<&String> = self.retired.iter().collect();
        let one = |vm: u32| {
            let mut spec = scenario.spec.vms[scenario.vms.group_of(vm)].clone();
            let name = scenario.vms.name(vm);
            let home = self.places.get(&name);
            spec.host = home.cloned().map(Spanned::invented);
            if home.is_none_or(|home| gone.contains(home))
                && !gone.is_empty()
                && spec.possible_owners.is_empty()
            {
                spec.possible_owners = staying.to_vec();
                spec.possible_owners.extend(spec.host.clone());
            }
            spec.name = Spanned::invented(name);
            spec.count = None;
            spec.traffic.clear();
            spec
        };
        (0..scenario.vms.len()).map(one).collect()
    }

    /// Where a VM is now.
    pub fn home(&self, vm: &str) -> Option<&String> {
        self.places.get(vm)
    }
}

/// Whether two groups are alike but for how many they are.
fn alike(one: &HostSpec, other: &HostSpec) -> bool {
    let mut same = one.clone();
    same.count.clone_from(&other.count);
    same.name.clone_from(&other.name);
    same.memory.span = other.memory.span;
    same == *other
}

/// Makes the new hosts nodes of the cluster and members of the networks of the group that they come beside.
fn join(scenario: &mut Scenario, group: &str, name: &str) {
    let clusters = scenario
        .spec
        .clusters
        .iter_mut()
        .map(|cluster| &mut cluster.hosts);
    let networks = scenario
        .spec
        .networks
        .iter_mut()
        .map(|network| &mut network.hosts);
    for hosts in clusters.chain(networks) {
        if hosts.iter().any(|host| host.value == group) {
            hosts.push(Spanned::invented(name.to_owned()));
        }
    }
}

/// So many of these hosts, those with least memory given to VMs, in the order of least; the last of equals.
fn fewest(
    present: &Scenario,
    hosts: Vec<String>,
    count: u32,
    places: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut given: BTreeMap<&str, u64> = BTreeMap::new();
    for vm in 0..present.vms.len() {
        if let Some(home) = places.get(&present.vms.name(vm)) {
            let memory = present.spec.vms[present.vms.group_of(vm)].memory.value.0;
            *given.entry(home).or_insert(0) += memory;
        }
    }
    let mut order: Vec<(u64, std::cmp::Reverse<usize>)> = hosts
        .iter()
        .enumerate()
        .map(|(at, host)| {
            (
                given.get(host.as_str()).copied().unwrap_or(0),
                std::cmp::Reverse(at),
            )
        })
        .collect();
    order.sort_unstable();
    order
        .iter()
        .take(count as usize)
        .map(|(_, at)| hosts[at.0].clone())
        .collect()
}

/// Hosts that get too busy give VMs up, none is emptied.
fn evening_out() -> ConsolidationSpec {
    ConsolidationSpec {
        interval: SimDuration::from_secs(300),
        detector: DetectorSpec::Thr,
        parameter: Some(Ratio(BUSY)),
        selector: SelectorSpec::Mmt,
        empty_hosts: false,
        moves_max: 8,
        target_ceiling: Ratio(BUSY),
    }
}
