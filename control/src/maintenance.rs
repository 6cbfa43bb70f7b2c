//! Maintenance mode: a host is emptied, its highly available VMs by live migration, the others by saving them.
//!
//! As in Virtual Machine Manager 2008 R2: running VMs that are highly available leave one after another, the others
//! are saved where they are. Nothing moves back when the mode ends, and nothing is started again. When no host has
//! room for one of the VMs, the job fails with the product's error 10434; what has moved stays where it went.

use std::collections::BTreeMap;

use twinrack_scenario::record::Event;
use twinrack_scenario::units::Bytes;
use twinrack_scenario::{HostId, VmId};

use crate::fabric::{Fabric, HostState, VmState};
use crate::mover::Proposal;
use crate::placement::reach::Reach;

/// The part of the brain that empties hosts.
#[derive(Debug, Clone, Default)]
pub struct Maintenance {
    hosts: BTreeMap<HostId, Progress>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Progress {
    /// These VMs are still to leave.
    Emptying(Vec<VmId>),
    /// It is empty.
    Reached,
}

impl Maintenance {
    /// Whether a host takes no VMs because of maintenance.
    pub fn holds(&self, host: HostId) -> bool {
        self.hosts.contains_key(&host)
    }

    /// Begins to empty a host; gives the moves to ask for, in order.
    pub fn start(&mut self, host: HostId, fabric: &mut impl Fabric) -> Vec<Proposal> {
        if self.holds(host) || fabric.host(host).state != HostState::Up {
            return Vec::new();
        }
        fabric.note(Event::MaintenanceStarted { host });
        self.hosts.insert(host, Progress::Emptying(Vec::new()));
        let running: Vec<VmId> = fabric
            .vms_on(host)
            .iter()
            .copied()
            .filter(|vm| fabric.vm(*vm).state == VmState::Running)
            .collect();
        let (leaving, saved): (Vec<VmId>, Vec<VmId>) =
            running.into_iter().partition(|vm| fabric.vm(*vm).movable);
        let Some(moves) = self.targets(&leaving, fabric) else {
            self.fail(host, fabric);
            return Vec::new();
        };
        let waiting = leaving.into_iter().chain(saved.iter().copied());
        self.hosts.insert(host, Progress::Emptying(waiting.collect()));
        for vm in saved {
            fabric.save(vm);
        }
        self.reached_if_empty(host, fabric);
        moves
    }

    /// Takes a host back into service.
    pub fn stop(&mut self, host: HostId, fabric: &mut impl Fabric) {
        if self.hosts.remove(&host).is_some() {
            fabric.note(Event::MaintenanceEnded { host, reason: None });
        }
    }

    /// A migration ended, or a save: the VM left `from`, or is still there.
    pub fn left(&mut self, vm: VmId, from: HostId, has_left: bool, fabric: &mut impl Fabric) {
        let Some(Progress::Emptying(waiting)) = self.hosts.get_mut(&from) else {
            return;
        };
        let Some(at) = waiting.iter().position(|id| *id == vm) else {
            return;
        };
        waiting.remove(at);
        if has_left {
            self.reached_if_empty(from, fabric);
        } else {
            self.fail(from, fabric);
        }
    }

    fn reached_if_empty(&mut self, host: HostId, fabric: &mut impl Fabric) {
        if self
            .hosts
            .get(&host)
            .is_some_and(|progress| *progress == Progress::Emptying(Vec::new()))
        {
            self.hosts.insert(host, Progress::Reached);
            fabric.note(Event::MaintenanceReached { host });
        }
    }

    fn fail(&mut self, host: HostId, fabric: &mut impl Fabric) {
        self.hosts.remove(&host);
        let reason = "no suitable host is available for migrating the existing highly available virtual machines (10434)";
        fabric.note(Event::MaintenanceEnded {
            host,
            reason: Some(reason.to_owned()),
        });
    }

    /// A target for each VM: of the hosts that the product lets it move to, the one that has most memory left after what was
    /// promised before; `None` when one has nowhere to go.
    fn targets(&self, leaving: &[VmId], fabric: &impl Fabric) -> Option<Vec<Proposal>> {
        let mut room: Vec<(HostId, Bytes)> = (0..fabric.host_count())
            .map(HostId)
            .filter(|id| !self.holds(*id) && fabric.host(*id).state == HostState::Up)
            .map(|id| (id, fabric.host(id).memory_free))
            .collect();
        let mut reach = Reach::default();
        leaving
            .iter()
            .map(|vm| {
                let needs = fabric.vm(*vm).footprint;
                // The first of those with most room: later ones must have strictly more.
                let best = room
                    .iter_mut()
                    .filter(|(host, _)| reach.admits(*vm, *host, fabric))
                    .reduce(|best, other| if other.1 > best.1 { other } else { best })?;
                best.1 = (best.1 >= needs).then(|| best.1.saturating_sub(needs))?;
                Some((*vm, best.0))
            })
            .collect()
    }
}
