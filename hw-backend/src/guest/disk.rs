//! A guest's disk: a file of blocks in the run's storage, read and written one block at a time at the guest's doorbell.
//!
//! A request is three words of the control block: what, which block, and where the page for it lies. The host serves it on the vCPU's own
//! thread before it enters the guest again, so a guest that is paused has no request on its way. One that is let run again has the
//! request that it had not finished with served once more: a block that was read just before the pause is in a page that the host wrote,
//! and the dirty log knows of the guest's writes alone. Both kinds of request may be repeated without harm.
//!
//! The file outlives its guest: who starts anew finds out, block by block, what is on it. A block that was never written is a hole in the
//! file.

mod audit;
pub mod block;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use twinrack_scenario::units::{Bytes, PerSecond};

use super::layout::{self, disk as word, disk::request};
use super::placed::Placed;
use crate::kvm::{Error, GuestMemory};
pub use audit::{DiskAudit, DiskDamage};
use block::Label;

/// Bytes of a block: a page.
pub const BLOCK: Bytes = Bytes::PAGE;

/// How a guest uses its disk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DiskLoad {
    /// Size of the disk.
    pub size: Bytes,
    /// Blocks read each second, by all virtual processors together, anywhere on the disk.
    pub reads: PerSecond,
    /// Blocks written each second.
    pub writes: PerSecond,
}

/// Blocks that a guest has read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Blocks {
    /// Read, and found to be what it had written.
    pub read: u64,
    /// Written.
    pub written: u64,
}

impl Blocks {
    /// What all processors of a guest have counted.
    pub fn of(memory: &GuestMemory, vcpus: u32) -> Result<Self, Error> {
        let mut sum = Self::default();
        for vcpu in 0..vcpus {
            let control = layout::control(vcpu);
            sum.read += memory.load(control + word::READS as u64)?;
            sum.written += memory.load(control + word::WRITES as u64)?;
        }
        Ok(sum)
    }
}

/// A disk in a guest's memory: its page for a block, one for each vCPU, and the generation of each block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacedDisk {
    /// Address of the first vCPU's page.
    pub buffers: u64,
    /// Address of the generation of block 0, a word.
    pub table: u64,
    /// Blocks.
    pub blocks: u64,
}

impl PlacedDisk {
    /// At `start`; gives it and what is free behind it.
    pub fn at(start: u64, load: &DiskLoad, vcpus: u32) -> (Self, u64) {
        let blocks = load.size.pages().max(u64::from(vcpus));
        let table = start + u64::from(vcpus) * BLOCK.0;
        let buffers = start;
        let end = (table + blocks * 8).next_multiple_of(Bytes::PAGE.0);
        let placed = Self {
            buffers,
            table,
            blocks,
        };
        (placed, end)
    }

    /// Address of a vCPU's page.
    pub const fn buffer(&self, vcpu: u32) -> u64 {
        self.buffers + vcpu as u64 * BLOCK.0
    }
}

/// A disk.
#[derive(Debug)]
pub struct Disk {
    file: File,
    owner: u64,
}

impl Disk {
    /// Opens the disk of a guest that is called by the number `owner`, or makes it.
    pub fn open(path: &Path, owner: u64) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        Ok(Self { file, owner })
    }

    /// Tells a new guest's memory what is on the disk: the generation of each block, as far as the block is whole.
    pub fn introduce(&self, memory: &GuestMemory, placed: &Placed) -> Result<(), Error> {
        let Some(own) = &placed.disk else { return Ok(()) };
        let written = self
            .file
            .metadata()
            .map_err(|source| failed("fstat", source))?
            .len();
        for vcpu in 0..placed.vcpus {
            let (first, blocks) = placed.share_of(own.blocks, vcpu);
            let mut sum = 0_u64;
            for number in first..(first + blocks).min(written.div_ceil(BLOCK.0)) {
                let generation = Label::of(&self.read(number)?).generation;
                memory.store(own.table + number * 8, generation)?;
                sum = sum.wrapping_add(generation);
            }
            let control = layout::control(vcpu);
            memory.store(control + word::BASE as u64, sum)?;
            memory.store(control + word::OWNER as u64, self.owner)?;
        }
        Ok(())
    }

    /// Serves the request that stands in a control block, if one does.
    pub fn serve(&self, memory: &GuestMemory, control: u64) -> Result<(), Error> {
        let get = |offset: i32| memory.load(control + u64::from(offset.unsigned_abs()));
        let (asked, number, page) = (get(word::REQUEST)?, get(word::BLOCK)?, get(word::BUFFER)?);
        match asked {
            request::READ => memory.write(page, &self.read(number)?),
            request::WRITE => {
                let mut bytes = [0; GuestMemory::PAGE];
                memory.read(page, &mut bytes)?;
                let at = number.saturating_mul(BLOCK.0);
                let written = self.file.write_all_at(&bytes, at);
                written.map_err(|source| failed("pwrite of a guest's disk", source))
            }
            _ => Ok(()),
        }
    }

    /// A block; one that was never written is its generation 0.
    fn read(&self, number: u64) -> Result<[u8; GuestMemory::PAGE], Error> {
        let mut bytes = [0; GuestMemory::PAGE];
        let mut filled = 0;
        let start = number.saturating_mul(BLOCK.0);
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, start + filled as u64) {
                // Behind the end of the file there are holes.
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(failed("pread of a guest's disk", source)),
            }
        }
        if bytes.iter().all(|byte| *byte == 0) {
            let generation = 0;
            return Ok(block::content(Label {
                owner: self.owner,
                number,
                generation,
            }));
        }
        Ok(bytes)
    }
}

fn failed(call: &'static str, source: io::Error) -> Error {
    Error::Call { call, source }
}
