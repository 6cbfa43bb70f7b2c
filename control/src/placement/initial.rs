//! Where VMs start whose author named no host: one after another, each by the placement policy.

use twinrack_scenario::record::Event;
use twinrack_scenario::spec::consolidation::PlacementSpec;
use twinrack_scenario::{HostId, VmId};

use super::target::{Fit, Need, Room};
use crate::fabric::{Fabric, HostState};

/// Places every VM that waits for it. A VM is placed for all its virtual processors, as if fully busy: what it will ask
/// for nobody knows yet.
pub fn place(policy: PlacementSpec, fabric: &mut impl Fabric) {
    let waiting: Vec<VmId> = (0..fabric.vm_count())
        .map(VmId)
        .filter(|vm| fabric.vm(*vm).unplaced)
        .collect();
    if waiting.is_empty() {
        return;
    }
    let mut fit = Fit::default();
    for host in (0..fabric.host_count())
        .map(HostId)
        .filter(|host| fabric.host(*host).state == HostState::Up)
    {
        let view = fabric.host(host);
        fit.put(
            host,
            Room {
                kind: fabric.kind(host),
                processors: f64::from(view.processors),
                asked: fabric
                    .vms_on(host)
                    .iter()
                    .map(|vm| f64::from(fabric.vm(*vm).vcpus))
                    .sum(),
                memory: view.memory,
                free: view.memory_free,
                moves: u32::MAX,
            },
        );
    }
    for vm in waiting {
        let view = fabric.vm(vm);
        let need = Need {
            processors: f64::from(view.vcpus),
            memory: view.footprint,
        };
        let watts = |host: HostId, busy: f64| fabric.watts_at(host, busy);
        // Rather crowded than not at all: first within the processors, then wherever memory allows.
        let found = [1.0, f64::INFINITY]
            .iter()
            .find_map(|ceiling| fit.choose(policy, need, *ceiling, &watts));
        match found {
            Some(host) => {
                fit.place(host, need);
                fabric.start(vm, host);
            }
            None => fabric.note(Event::VmRefused {
                vm,
                reason: "no host has the memory for it".to_owned(),
            }),
        }
    }
}
