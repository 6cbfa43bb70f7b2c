//! A guest as a file: what quick migration writes at the source and reads at the target.
//!
//! The file is a migration's stream laid down: the same frames ([`super::wire`]), so with version, checked lengths, a sequence and a tag on
//! each, by keys that no connection uses; `Hello`, all of memory in `Pages` and `Zeros`, then `States`, and nothing behind them.
//! A file that was cut, damaged, exchanged or written by someone else is refused before its guest runs.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use twinrack_scenario::units::{BitsPerSecond, Bytes};

use super::MigrateError;
use super::link::{heard, heard_into, out_of_order};
use super::message::Message;
use super::pace::{Grant, Pace};
use super::pages::Came;
use super::source::{CANCELLED, FRAME_PAGES, frames, hello};
use super::target::{Room, clear, skeleton};
use super::wire::{Direction, FrameReader, FrameWriter, Protection, Secret, WireError};
use crate::guest::machine::Machine;
use crate::kvm::{GuestMemory, PageSet, System, VcpuState};

/// Where a guest is kept, and how it gets there.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// The file.
    pub path: PathBuf,
    /// What its keys are made from; each file needs one of its own.
    pub secret: Secret,
    /// Whether others could read it.
    pub protection: Protection,
    /// Write pages of zeros as such.
    pub zeros: bool,
    /// Guest memory each second, both ways: the rate of the storage.
    pub rate: Option<BitsPerSecond>,
}

impl Keeping {
    /// Writes a paused guest, which stays paused. A file that is there already is not replaced. `cancel` is looked at while it writes;
    /// what fails leaves no file.
    pub fn save(
        &self,
        system: &System,
        machine: &Machine,
        migration: u32,
        cancel: &AtomicBool,
    ) -> Result<Bytes, MigrateError> {
        let created = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.path);
        let file = created.map_err(|source| self.failed("make", source))?;
        let written = self.write(file, system, machine, migration, cancel);
        if written.is_err() {
            // The first error is the one that counts.
            let _ = std::fs::remove_file(&self.path);
        }
        written
    }

    /// Makes the guest that is kept; it does not run yet. The file stays.
    pub fn restore(&self, system: &System, room: Room) -> Result<Machine, MigrateError> {
        let file = File::open(&self.path).map_err(|source| self.failed("open", source))?;
        let mut reader = FrameReader::new(file, self.secret, Direction::Kept);
        let read = self.read(&mut reader, system, room);
        let machine = read.map_err(|error| self.named("read", error))?;
        match reader.into_inner().read(&mut [0]) {
            Ok(0) => Ok(machine),
            Ok(_) => Err(self.failed(
                "read",
                io::Error::other("there is something behind the guest's state"),
            )),
            Err(source) => Err(self.failed("read", source)),
        }
    }

    /// The hosts of this body are processes, so what was written survives them without being forced to the disk.
    fn write(
        &self,
        file: File,
        system: &System,
        machine: &Machine,
        migration: u32,
        cancel: &AtomicBool,
    ) -> Result<Bytes, MigrateError> {
        let memory = machine.memory();
        let mut writer = FrameWriter::new(file, self.secret, Direction::Kept, self.protection);
        let mut pace = Pace::new(self.rate, &Grant::default());
        let opening = Message::Hello(hello(system, machine, migration)?);
        writer.say(&opening).map_err(|error| self.named("write", error))?;
        for runs in frames(PageSet::full(memory.pages()).runs(FRAME_PAGES)) {
            if cancel.load(Ordering::Relaxed) {
                return Err(MigrateError::Aborted(CANCELLED.to_owned()));
            }
            let pages: usize = runs.iter().map(ExactSizeIterator::len).sum();
            writer
                .send_runs(memory, &runs, self.zeros)
                .map_err(|error| self.named("write", error))?;
            pace.sent((pages * GuestMemory::PAGE) as u64);
        }
        let states = Message::States(machine.save()?);
        writer.say(&states).map_err(|error| self.named("write", error))?;
        Ok(Bytes(writer.sent()))
    }

    fn read(
        &self,
        reader: &mut FrameReader<File>,
        system: &System,
        room: Room,
    ) -> Result<Machine, MigrateError> {
        let machine = match heard(reader)? {
            Message::Hello(hello) => skeleton(system, &hello, room)?,
            other => return Err(out_of_order(&other, "Hello")),
        };
        let states = self.fill(reader, machine.memory())?;
        machine.restore(states)?;
        Ok(machine)
    }

    fn fill(
        &self,
        reader: &mut FrameReader<File>,
        memory: &GuestMemory,
    ) -> Result<Vec<VcpuState>, MigrateError> {
        let mut pace = Pace::new(self.rate, &Grant::default());
        loop {
            let pages = match heard_into(reader, memory)? {
                Came::Pages(pages) => pages,
                Came::Message(Message::Zeros(runs)) => {
                    clear(memory, runs)?;
                    runs.pages()
                }
                Came::Message(Message::States(states)) => return Ok(states),
                Came::Message(other) => return Err(out_of_order(&other, "Pages, Zeros or States")),
            };
            pace.sent(Bytes::from_pages(pages).0);
        }
    }

    fn failed(&self, what: &'static str, source: io::Error) -> MigrateError {
        MigrateError::Storage {
            what,
            path: self.path.clone(),
            source,
        }
    }

    /// The same error; one of the file says which file.
    fn named(&self, what: &'static str, error: MigrateError) -> MigrateError {
        match error {
            MigrateError::Wire(WireError::Io(source)) => self.failed(what, source),
            MigrateError::Wire(WireError::Closed) => {
                self.failed(what, io::Error::other("it ends before the guest's state"))
            }
            MigrateError::Wire(other) => self.failed(what, io::Error::other(other)),
            other => other,
        }
    }
}

/// Removes the file of a guest that is kept no more; one that is gone already is no error.
pub fn forget(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
