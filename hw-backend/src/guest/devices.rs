//! What a guest has beside processors and memory. A device belongs to the host that the guest runs on: at the end of a move the target
//! gives the guest its own.

use std::sync::Arc;

use super::disk::Disk;
use super::layout::bell;
use super::network::{self, Outlet};
use super::placed::Placed;
use crate::kvm::{Error, GuestMemory};

/// The devices of a guest; none where a guest has no use for one.
#[derive(Debug, Clone, Default)]
pub struct Devices {
    /// Its disk.
    pub disk: Option<Arc<Disk>>,
    /// What takes the bytes that it sends.
    pub outlet: Option<Arc<dyn Outlet>>,
}

impl Devices {
    /// Tells a new guest's memory what is in them.
    pub(super) fn introduce(&self, memory: &GuestMemory, placed: &Placed) -> Result<(), Error> {
        self.disk
            .as_ref()
            .map_or(Ok(()), |disk| disk.introduce(memory, placed))
    }

    /// Serves a doorbell of the vCPU with that control block; says whether it was a device's.
    pub(super) fn ring(&self, memory: &GuestMemory, control: u64, value: u32) -> Result<bool, Error> {
        match (value, &self.disk, &self.outlet) {
            (bell::DISK, Some(disk), _) => disk.serve(memory, control)?,
            (bell::NETWORK, _, Some(outlet)) => network::serve(&**outlet, memory, control)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The vCPU is about to run, perhaps on another host than before: what it had asked for and not finished with is done once more.
    pub(super) fn resume(&self, memory: &GuestMemory, control: u64) -> Result<(), Error> {
        if let Some(disk) = &self.disk {
            disk.serve(memory, control)?;
        }
        if let Some(outlet) = &self.outlet {
            outlet.begin();
            network::serve(&**outlet, memory, control)?;
        }
        Ok(())
    }
}
