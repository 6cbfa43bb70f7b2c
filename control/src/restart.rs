//! High availability: a dead host is noticed by its missing heartbeats, and its VMs are booted elsewhere.
//!
//! Heartbeats are sent at whole multiples of the interval; a host is declared dead when `missed` of them in a row
//! are missing on all its networks (`SameSubnetDelay`, `SameSubnetThreshold`). After the regroup, its VMs go to the
//! nodes of their cluster with the fewest VMs. There is no memory check beforehand: a start is tried, fails, and the next
//! node is tried (windowsitpro, "How are VMs failed over between nodes"). What was saved before its hosts died is read back
//! from storage instead of booted.

use twinrack_scenario::record::Event;
use twinrack_scenario::spec::cluster::AvailabilitySpec;
use twinrack_scenario::spec::migration::QuickSpec;
use twinrack_scenario::units::{SimDuration, SimTime};
use twinrack_scenario::{HostId, VmId};

use crate::fabric::{Fabric, HostState, VmState, Wake};
use crate::migration::plan::QuickTimings;
use crate::migration::precondition;
use crate::start;

/// The part of the brain that restarts VMs.
#[derive(Debug, Clone)]
pub struct Restarter {
    rules: AvailabilitySpec,
    /// How long it takes to read memory back from storage.
    quick: QuickSpec,
    /// The VMs that each dead host took with it, until the cluster has noticed.
    down: Vec<(HostId, Vec<VmId>)>,
}

impl Restarter {
    /// A restarter under the given rules.
    pub const fn new(rules: AvailabilitySpec, quick: QuickSpec) -> Self {
        Self {
            rules,
            quick,
            down: Vec::new(),
        }
    }

    /// When the cluster has declared a host dead that died at `died`, and has regrouped.
    pub fn declared_dead_at(&self, died: SimTime) -> SimTime {
        let interval = self.rules.heartbeat.as_nanos().max(1);
        let last_heartbeat = died.as_nanos() / interval * interval;
        let missed = self.rules.heartbeat.saturating_mul(u64::from(self.rules.missed));
        SimTime::from_nanos(last_heartbeat) + missed + self.rules.regroup
    }

    /// Notes the VMs that stand since a host died.
    pub fn host_died(&mut self, now: SimTime, host: HostId, vms: Vec<VmId>, fabric: &mut impl Fabric) {
        if vms.is_empty() {
            return;
        }
        self.down.push((host, vms));
        fabric.wake_at(self.declared_dead_at(now), Wake::HostDeclaredDead(host));
    }

    /// Boots the VMs of a host that was declared dead.
    pub fn declared_dead(&mut self, host: HostId, usable: impl Fn(HostId) -> bool, fabric: &mut impl Fabric) {
        let (dead, alive): (Vec<_>, Vec<_>) = std::mem::take(&mut self.down)
            .into_iter()
            .partition(|(id, _)| *id == host);
        self.down = alive;
        for vm in dead.into_iter().flat_map(|(_, vms)| vms) {
            self.vm_failed(vm, &usable, fabric);
        }
    }

    /// Brings up a VM that stands since its host or its migration failed, if a cluster answers for it.
    pub fn vm_failed(&self, vm: VmId, usable: impl Fn(HostId) -> bool, fabric: &mut impl Fabric) {
        let view = fabric.vm(vm);
        let stands = matches!(view.state, VmState::Off | VmState::Saved);
        let Some(from) = view.host.filter(|_| stands && view.highly_available) else {
            return;
        };
        if fabric.facts(vm, from, from).source.cluster.is_none() {
            return;
        }
        match node_for(vm, from, &usable, fabric) {
            Ok(host) => {
                let takes = self.time_to_serve(vm, fabric);
                fabric.restart(vm, host, takes);
            }
            Err(reason) => fabric.note(Event::VmRefused { vm, reason }),
        }
    }

    /// Time to bring the VM's group online and to boot its guest, or to read back what was saved of it.
    fn time_to_serve(&self, vm: VmId, fabric: &impl Fabric) -> SimDuration {
        if fabric.vm(vm).state != VmState::Saved {
            return self.rules.online + self.rules.guest_boot;
        }
        let subject = fabric.subject(vm);
        let quick = QuickTimings::of(&self.quick, subject.memory, subject.volume, subject.throughput);
        self.rules.online + quick.hand_over + quick.restore
    }
}

/// The first node that takes a VM over, those with the fewest VMs first; the last one's reason when none does.
fn node_for(
    vm: VmId,
    from: HostId,
    usable: &impl Fn(HostId) -> bool,
    fabric: &impl Fabric,
) -> Result<HostId, String> {
    let mut nodes: Vec<(u32, HostId)> = (0..fabric.host_count())
        .map(HostId)
        .filter(|id| usable(*id))
        .map(|id| (fabric.host(id), id))
        .filter(|(host, _)| host.state == HostState::Up)
        .map(|(host, id)| (host.vms, id))
        .collect();
    nodes.sort_unstable();
    let saved = fabric.vm(vm).state == VmState::Saved;
    let mut reason = "no node of its cluster is up".to_owned();
    for (_, node) in nodes {
        let facts = fabric.facts(vm, from, node);
        if facts.target.cluster != facts.source.cluster {
            continue;
        }
        let restores = || precondition::processor(&facts).map_err(|why| why.to_string());
        let verdict = start::take_over(&facts).and_then(|()| if saved { restores() } else { Ok(()) });
        match verdict {
            Ok(()) => return Ok(node),
            Err(why) => reason = why,
        }
    }
    Err(reason)
}

#[cfg(test)]
mod tests {
    use twinrack_scenario::spec::migration::{QuickLink, QuickModel};

    use super::*;

    #[test]
    fn five_heartbeats_must_be_missed() {
        let rules = AvailabilitySpec {
            heartbeat: SimDuration::from_secs(1),
            missed: 5,
            regroup: SimDuration::from_secs(1),
            online: SimDuration::from_secs(3),
            guest_boot: SimDuration::from_secs(60),
        };
        // Power lost at 100.3 s: the last heartbeat was at 100, those of 101 to 105 are missed, the regroup takes 1 s.
        let quick = QuickSpec {
            model: QuickModel::Physics,
            link: QuickLink::Iscsi1G,
            per_gib: None,
            disk_move: SimDuration::ZERO,
        };
        let restarter = Restarter::new(rules, quick);
        assert_eq!(
            restarter.declared_dead_at(SimTime::from_millis(100_300)),
            SimTime::from_secs(106)
        );
    }
}
