//! What an agent was told of a run, and what follows for each guest: its shape, its load, its devices.

use std::path::PathBuf;
use std::sync::Arc;

use twinrack_scenario::units::Ratio;
use twinrack_scenario::{Scenario, VmId};

use crate::guest::devices::Devices;
use crate::guest::disk::Disk;
use crate::guest::layout::GuestPages;
use crate::guest::machine::Shape;
use crate::guest::workload::Workload;
use crate::kvm::{Backing, DirtyMechanism, System};
use crate::migrate::target::Room;

/// A run, as an agent knows it.
pub(super) struct Setting {
    pub scenario: Scenario,
    /// The folder with the guests' disks.
    pub storage: Option<PathBuf>,
}

impl Setting {
    /// What a guest of the scenario is made of here.
    pub fn shape(&self, system: &System, vm: VmId) -> Shape {
        let spec = self.scenario.vm(vm);
        Shape {
            memory: spec.memory.value,
            vcpus: spec.processors(),
            backing: Backing::Anonymous,
            pages: GuestPages::Small,
            mechanism: DirtyMechanism::best(system),
        }
    }

    /// What a guest does when its processors are busy for `cpu` of the time.
    pub fn workload(&self, vm: VmId, cpu: Ratio) -> Workload {
        Workload::of(self.scenario.vm(vm), cpu)
    }

    /// What it has here beside processors and memory.
    pub fn devices(&self, vm: VmId) -> Result<Devices, String> {
        let disk = match (&self.scenario.vm(vm).disk, &self.storage) {
            (None, _) => None,
            (Some(_), None) => return Err("there is no storage for its disk".to_owned()),
            (Some(_), Some(folder)) => {
                let path = folder.join(format!("vm-{}.disk", vm.0));
                let disk = Disk::open(&path, u64::from(vm.0) + 1);
                Some(Arc::new(disk.map_err(|error| {
                    format!("its disk {}: {error}", path.display())
                })?))
            }
        };
        Ok(Devices { disk })
    }

    /// What it is given here when it comes.
    pub fn room(&self, system: &System, vm: VmId) -> Result<Room, String> {
        Ok(Room {
            devices: self.devices(vm)?,
            ..Room::of(&self.shape(system, vm))
        })
    }
}
