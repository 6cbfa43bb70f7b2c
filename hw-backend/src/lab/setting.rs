//! What an agent was told of a run, and what follows for each guest: its shape, its load, its devices.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use twinrack_scenario::read::{Lookup, LookupError, Rejected, read_for};
use twinrack_scenario::spec::expect::Backend;
use twinrack_scenario::spec::workload::DirtyingCourse;
use twinrack_scenario::units::Ratio;
use twinrack_scenario::{Scenario, VmId};

use super::stream::routes::Routes;
use super::stream::sender::Sender;
use crate::guest::devices::Devices;
use crate::guest::disk::Disk;
use crate::guest::layout::GuestPages;
use crate::guest::machine::Shape;
use crate::guest::network::{Outlet, StreamLoad};
use crate::guest::workload::Workload;
use crate::kvm::{Backing, DirtyMechanism, System};
use crate::migrate::target::Room;

/// A run, as an agent knows it.
pub(super) struct Setting {
    pub scenario: Scenario,
    /// The folder with the guests' disks.
    pub storage: Option<PathBuf>,
    /// What opens the streams of this run.
    pub secret: [u8; 32],
    /// The streams that each guest sends.
    streams: BTreeMap<VmId, Vec<StreamLoad>>,
}

/// What lies outside a scenario's text is the controller's: it has the trace, and tells each guest what to ask for.
struct OfController;

impl Lookup for OfController {
    fn trace(&self, _name: &str) -> Result<Vec<u8>, LookupError> {
        Ok(b"vm_name,u0\nnobody,0\n".to_vec())
    }
}

impl Setting {
    /// What follows from a scenario, as the controller reads it for `body`.
    pub fn new(
        body: Backend,
        yaml: &str,
        storage: Option<PathBuf>,
        secret: [u8; 32],
    ) -> Result<Self, Box<Rejected>> {
        let scenario = read_for(body, "scenario", yaml, &OfController, &[])?;
        let mut streams: BTreeMap<VmId, Vec<StreamLoad>> = BTreeMap::new();
        for (stream, number) in scenario.streams().into_iter().zip(0..) {
            let rate = stream.rate;
            streams
                .entry(stream.from)
                .or_default()
                .push(StreamLoad { number, rate });
        }
        Ok(Self {
            scenario,
            storage,
            secret,
            streams,
        })
    }

    /// What a guest sends.
    pub fn streams(&self, vm: VmId) -> &[StreamLoad] {
        self.streams.get(&vm).map_or(&[], Vec::as_slice)
    }

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
        let spec = self.scenario.vm(vm);
        let followed = spec.workload.as_ref().and_then(|name| {
            let mut workloads = self.scenario.spec.workloads.iter();
            workloads.find(|workload| workload.name.value == name.value)
        });
        let share = match followed.map(|workload| workload.dirtying) {
            Some(DirtyingCourse::FollowsDemand) => cpu,
            Some(DirtyingCourse::Steady) | None => Ratio::ONE,
        };
        Workload::of(spec, cpu)
            .writing(share)
            .sending(self.streams(vm).to_vec())
    }

    /// What it has here beside processors and memory.
    pub fn devices(&self, routes: &Routes, vm: VmId) -> Result<Devices, String> {
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
        let streams = self.streams(vm);
        let outlet = (!streams.is_empty())
            .then(|| Arc::new(Sender::new(streams, routes, self.secret)) as Arc<dyn Outlet>);
        Ok(Devices { disk, outlet })
    }

    /// What it is given here when it comes.
    pub fn room(&self, system: &System, routes: &Routes, vm: VmId) -> Result<Room, String> {
        Ok(Room {
            devices: self.devices(routes, vm)?,
            ..Room::of(&self.shape(system, vm))
        })
    }
}
