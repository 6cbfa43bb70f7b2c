//! Where VMs start whose author named no host: one after another, each by the placement policy.

use twinrack_scenario::record::Event;
use twinrack_scenario::spec::consolidation::PlacementSpec;
use twinrack_scenario::{HostId, VmId};

use super::target::{Fit, Need, Room};
use crate::fabric::{Fabric, HostState};

/// Places every VM that waits for it when the run begins.
pub fn place_waiting(policy: PlacementSpec, fabric: &mut impl Fabric) {
    let waiting: Vec<VmId> = (0..fabric.vm_count())
        .map(VmId)
        .filter(|vm| fabric.vm(*vm).unplaced)
        .collect();
    if !waiting.is_empty() {
        place(policy, waiting, fabric);
    }
}

/// Places VMs one after another. A VM is placed for all its virtual processors, as if fully busy: what it will ask for
/// nobody knows yet.
pub fn place(policy: PlacementSpec, waiting: Vec<VmId>, fabric: &mut impl Fabric) {
    let mut fit = Picture::new(policy, fabric);
    let mut crowded = None;
    for vm in waiting {
        let view = fabric.vm(vm);
        let need = Need::of(&view, f64::from(view.vcpus));
        let watts = |host: HostId, busy: f64| fabric.watts_at(host, busy);
        let mut anywhere = |_| true;
        let host = fit.0.choose(need, 1.0, &watts, &mut anywhere).or_else(|| {
            // Rather crowded than not at all: where the fewest wait for each processor, as far as memory allows.
            let crowded = crowded.get_or_insert_with(|| Picture::new(PlacementSpec::WorstFit, fabric));
            crowded.0.choose(need, f64::INFINITY, &watts, &mut anywhere)
        });
        match host {
            Some(host) => {
                for picture in [Some(&mut fit), crowded.as_mut()].into_iter().flatten() {
                    picture.0.place(host, need);
                }
                fabric.start(vm, host);
            }
            None => fabric.note(Event::VmRefused {
                vm,
                reason: "no host has the memory for it, and the processors that it reserves".to_owned(),
            }),
        }
    }
}

/// Every host that is up, with what its VMs would ask for if they were all busy.
struct Picture(Fit);

impl Picture {
    fn new(policy: PlacementSpec, fabric: &impl Fabric) -> Self {
        let up = (0..fabric.host_count())
            .map(HostId)
            .filter(|host| fabric.host(*host).state == HostState::Up);
        let rooms = up.map(|host| {
            let view = fabric.host(host);
            let vcpus = fabric
                .vms_on(host)
                .iter()
                .map(|vm| f64::from(fabric.vm(*vm).vcpus));
            let room = Room {
                kind: fabric.kind(host),
                setting: 0,
                processors: f64::from(view.processors),
                asked: vcpus.sum(),
                unreserved: view.unreserved,
                memory: view.memory,
                free: view.memory_free,
                moves: u32::MAX,
            };
            (host, room)
        });
        Self(Fit::with(policy, rooms))
    }
}
