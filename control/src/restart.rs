//! High availability: a dead host is noticed by its missing heartbeats, and its VMs are booted elsewhere.
//!
//! Heartbeats are sent at whole multiples of the interval; a host is declared dead when `missed` of them in a row
//! are missing on all its networks (`SameSubnetDelay`, `SameSubnetThreshold`). After the regroup, its VMs go to the
//! nodes with the fewest VMs. There is no memory check beforehand: a start is tried, fails, and the next node is
//! tried (windowsitpro, "How are VMs failed over between nodes").

use twinrack_scenario::record::Event;
use twinrack_scenario::spec::cluster::AvailabilitySpec;
use twinrack_scenario::units::{SimDuration, SimTime};
use twinrack_scenario::{HostId, VmId};

use crate::fabric::{Fabric, HostState, VmState, Wake};

/// The part of the brain that restarts VMs.
#[derive(Debug, Clone)]
pub struct Restarter {
    rules: AvailabilitySpec,
    lost: Vec<(HostId, Vec<VmId>)>,
}

impl Restarter {
    /// A restarter under the given rules.
    pub fn new(rules: AvailabilitySpec) -> Self {
        Self {
            rules,
            lost: Vec::new(),
        }
    }

    /// When the cluster has declared a host dead that died at `died`, and has regrouped.
    pub fn declared_dead_at(&self, died: SimTime) -> SimTime {
        let interval = self.rules.heartbeat.as_nanos().max(1);
        let last_heartbeat = died.as_nanos() / interval * interval;
        let missed = self.rules.heartbeat.saturating_mul(u64::from(self.rules.missed));
        SimTime::from_nanos(last_heartbeat) + missed + self.rules.regroup
    }

    /// Notes what a dead host took with it.
    pub fn host_died(&mut self, now: SimTime, host: HostId, vms: Vec<VmId>, fabric: &mut impl Fabric) {
        if vms.is_empty() {
            return;
        }
        self.lost.push((host, vms));
        fabric.wake_at(self.declared_dead_at(now), Wake::HostDeclaredDead(host));
    }

    /// Boots the VMs of a host that was declared dead.
    pub fn declared_dead(&mut self, host: HostId, usable: impl Fn(HostId) -> bool, fabric: &mut impl Fabric) {
        let (dead, alive): (Vec<_>, Vec<_>) = std::mem::take(&mut self.lost)
            .into_iter()
            .partition(|(id, _)| *id == host);
        self.lost = alive;
        for vm in dead.into_iter().flat_map(|(_, vms)| vms) {
            self.vm_failed(vm, &usable, fabric);
        }
    }

    /// Boots a VM whose memory was lost, if the cluster answers for it.
    pub fn vm_failed(&self, vm: VmId, usable: impl Fn(HostId) -> bool, fabric: &mut impl Fabric) {
        if fabric.vm(vm).highly_available && fabric.vm(vm).state == VmState::Off {
            self.boot(vm, &usable, fabric);
        }
    }

    fn boot(&self, vm: VmId, usable: &impl Fn(HostId) -> bool, fabric: &mut impl Fabric) {
        let mut nodes: Vec<(u32, HostId)> = (0..fabric.host_count())
            .map(HostId)
            .filter(|id| usable(*id) && fabric.host(*id).state == HostState::Up)
            .map(|id| (fabric.host(id).vms, id))
            .collect();
        nodes.sort_unstable();
        let needs = fabric.vm(vm).footprint;
        match nodes
            .into_iter()
            .find(|(_, id)| fabric.host(*id).memory_free >= needs)
        {
            Some((_, host)) => fabric.restart(vm, host, self.time_to_serve()),
            None => fabric.note(Event::VmRefused {
                vm,
                reason: "insufficient system resources exist to complete the requested service (0x800705AA)"
                    .to_owned(),
            }),
        }
    }

    fn time_to_serve(&self) -> SimDuration {
        self.rules.online + self.rules.guest_boot
    }
}

#[cfg(test)]
mod tests {
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
        // Power lost at 100.3 s: the last heartbeat was at 100, those of 101 to 105 are missed, the regroup takes 1 s;
        // 3 s to bring the group online and 60 s of boot make it serve again at 169 s, 68.7 s after the loss.
        let restarter = Restarter::new(rules);
        assert_eq!(
            restarter.declared_dead_at(SimTime::from_millis(100_300)),
            SimTime::from_secs(106)
        );
        assert_eq!(restarter.time_to_serve(), SimDuration::from_secs(63));
    }
}
