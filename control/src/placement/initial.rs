//! Where VMs start whose author named no host: one after another, each by the placement policy, on a host that its product lets it
//! start on.

use std::collections::BTreeMap;

use twinrack_scenario::record::Event;
use twinrack_scenario::spec::consolidation::PlacementSpec;
use twinrack_scenario::units::Bytes;
use twinrack_scenario::{HostId, VmId};

use super::target::{Fit, Need, Room};
use crate::fabric::{Fabric, HostState};
use crate::limits::Newcomer;
use crate::migration::precondition;
use crate::start;

/// Reasons of a refusal that are told; on other hosts there may be more.
const REASONS_TOLD: usize = 3;

/// Places every VM that waits for it when the run begins.
pub fn place_waiting(policy: PlacementSpec, fabric: &mut impl Fabric) {
    let waiting: Vec<VmId> = (0..fabric.vm_count())
        .map(VmId)
        .filter(|vm| fabric.vm(*vm).unplaced)
        .collect();
    if !waiting.is_empty() {
        place(policy, waiting, |_| true, fabric);
    }
}

/// Places VMs one after another on hosts that are usable. A VM is placed for all its virtual processors, as if fully busy: what it will
/// ask for nobody knows yet.
pub fn place(
    policy: PlacementSpec,
    waiting: Vec<VmId>,
    usable: impl Fn(HostId) -> bool,
    fabric: &mut impl Fabric,
) {
    let hosts = (0..fabric.host_count()).map(HostId).filter(|host| usable(*host));
    let mut placing = Placing::new(policy, hosts.collect(), fabric);
    for vm in waiting {
        match placing.host_for(vm, fabric) {
            Ok(host) => fabric.start(vm, host),
            Err(reason) => fabric.note(Event::VmRefused { vm, reason }),
        }
    }
}

/// The hosts as VM after VM is put on them.
struct Placing {
    usable: Vec<HostId>,
    fit: Picture,
    /// Hosts by how few wait for each processor: made when a VM fits nowhere else.
    crowded: Option<Picture>,
    /// A host of each setting.
    settings: BTreeMap<u32, HostId>,
    /// The kind of VM that was placed last, and what is known of it.
    kind: Option<Kind>,
}

/// VMs that are placed by the same numbers.
struct Kind {
    standing: u64,
    asks: Newcomer,
    /// The settings whose hosts it may start on, and what it takes of a host's memory there.
    homes: BTreeMap<u32, Bytes>,
    /// Why none of them finds a host any more: those after it find hosts as full as it did.
    refused: Option<String>,
}

impl Placing {
    fn new(policy: PlacementSpec, usable: Vec<HostId>, fabric: &impl Fabric) -> Self {
        let mut settings = BTreeMap::new();
        for host in &usable {
            settings.entry(fabric.setting(*host)).or_insert(*host);
        }
        Self {
            fit: Picture::new(policy, &usable, fabric),
            crowded: None,
            settings,
            kind: None,
            usable,
        }
    }

    /// The host that a VM starts on, which is put there in these pictures; or why there is none.
    fn host_for(&mut self, vm: VmId, fabric: &impl Fabric) -> Result<HostId, String> {
        self.turn_to(vm, fabric);
        let Some(kind) = &mut self.kind else {
            return Err("no host is usable".to_owned());
        };
        if let Some(reason) = &kind.refused {
            return Err(reason.clone());
        }
        let view = fabric.vm(vm);
        let least = kind.homes.values().min().copied().unwrap_or(view.footprint);
        let need = Need {
            memory: least,
            ..Need::of(&view, f64::from(view.vcpus))
        };
        let homes = &kind.homes;
        let found = self.fit.choose(vm, need, 1.0, homes, fabric).or_else(|| {
            // Rather crowded than not at all: where the fewest wait for each processor, as far as memory and product allow.
            let crowded = || Picture::new(PlacementSpec::WorstFit, &self.usable, fabric);
            let picture = self.crowded.get_or_insert_with(crowded);
            picture.choose(vm, need, f64::INFINITY, homes, fabric)
        });
        let Some(host) = found else {
            let reason = against_all(vm, &self.usable, fabric);
            kind.refused = Some(reason.clone());
            return Err(reason);
        };
        let memory = homes.get(&fabric.setting(host)).copied().unwrap_or(least);
        for picture in [Some(&mut self.fit), self.crowded.as_mut()].into_iter().flatten() {
            picture.fit.place(host, Need { memory, ..need });
        }
        Ok(host)
    }

    /// What was found out about the last VM holds for those of its kind alone.
    fn turn_to(&mut self, vm: VmId, fabric: &impl Fabric) {
        let Some(any) = self.usable.first() else {
            return;
        };
        let (standing, asks) = (fabric.standing(vm), fabric.facts(vm, *any, *any).asks);
        if self
            .kind
            .as_ref()
            .is_some_and(|kind| (kind.standing, kind.asks) == (standing, asks))
        {
            return;
        }
        let clustered = fabric.vm(vm).highly_available;
        let home = |(setting, host): (&u32, &HostId)| {
            let facts = fabric.facts(vm, *host, *host);
            let open = precondition::first(&facts, clustered).is_ok();
            open.then_some((*setting, facts.reserve))
        };
        self.kind = Some(Kind {
            standing,
            asks,
            homes: self.settings.iter().filter_map(home).collect(),
            refused: None,
        });
        self.fit.take_back();
        if let Some(crowded) = &mut self.crowded {
            crowded.take_back();
        }
    }
}

/// Every host that is up, with what its VMs would ask for if they were all busy.
struct Picture {
    fit: Fit,
    /// Hosts that have room, but whose product starts none of the present kind of VM there.
    aside: Vec<(HostId, Room)>,
}

impl Picture {
    fn new(policy: PlacementSpec, hosts: &[HostId], fabric: &impl Fabric) -> Self {
        let up = hosts
            .iter()
            .filter(|host| fabric.host(**host).state == HostState::Up);
        Self {
            fit: Fit::with(policy, up.map(|host| (*host, room(*host, fabric)))),
            aside: Vec::new(),
        }
    }

    /// The policy's choice among hosts that start the VM.
    fn choose(
        &mut self,
        vm: VmId,
        need: Need,
        ceiling: f64,
        homes: &BTreeMap<u32, Bytes>,
        fabric: &impl Fabric,
    ) -> Option<HostId> {
        let watts = |host: HostId, busy: f64| fabric.watts_at(host, busy);
        let mut open = |host: HostId| homes.contains_key(&fabric.setting(host));
        loop {
            let host = self.fit.choose(need, ceiling, &watts, &mut open)?;
            if first(vm, host, fabric).is_ok() {
                return Some(host);
            }
            let room = self.fit.remove(host)?;
            self.aside.push((host, room));
        }
    }

    fn take_back(&mut self) {
        for (host, room) in self.aside.drain(..) {
            self.fit.put(host, room);
        }
    }
}

fn room(host: HostId, fabric: &impl Fabric) -> Room {
    let view = fabric.host(host);
    let vms = fabric.vms_on(host).iter();
    Room {
        kind: fabric.kind(host),
        setting: fabric.setting(host),
        processors: f64::from(view.processors),
        asked: vms.map(|vm| f64::from(fabric.vm(*vm).vcpus)).sum(),
        unreserved: view.unreserved,
        memory: view.memory,
        free: view.memory_free,
        moves: u32::MAX,
    }
}

fn first(vm: VmId, host: HostId, fabric: &impl Fabric) -> Result<(), String> {
    start::first(&fabric.facts(vm, host, host), fabric.vm(vm).highly_available)
}

/// What speaks against every host, the most frequent reason first; hosts that take no VMs now are not asked.
fn against_all(vm: VmId, usable: &[HostId], fabric: &impl Fabric) -> String {
    let mut against: BTreeMap<String, u32> = BTreeMap::new();
    for reason in usable.iter().filter_map(|host| first(vm, *host, fabric).err()) {
        *against.entry(reason).or_default() += 1;
    }
    let mut against: Vec<(String, u32)> = against.into_iter().collect();
    against.sort_by_key(|(_, hosts)| std::cmp::Reverse(*hosts));
    let more = against.len().saturating_sub(REASONS_TOLD);
    let mut told: Vec<String> = against
        .into_iter()
        .take(REASONS_TOLD)
        .map(|(reason, hosts)| format!("{hosts} host{}: {reason}", if hosts == 1 { "" } else { "s" }))
        .collect();
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    format!("no host takes it; {}", told.join("; "))
}
