//! Guests in files. In a quick migration the guest goes into a file of the run's scratch storage at the source, and out of it at the target.
//!
//! Nothing of it goes over a connection, so each step is an order to one agent. The storage has the rate that the scenario gives it, as a
//! link has; a disk that changes its owner takes no time here. A guest that is saved without a migration stays in its file.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use twinrack_control::fabric::{Notice, VmState};
use twinrack_control::migration::plan::{Plan, QuickTimings, Subject};
use twinrack_control::migration::{Command, Input};
use twinrack_scenario::record::Event;
use twinrack_scenario::units::{BitsPerSecond, Bytes, SimDuration};
use twinrack_scenario::{HostId, MigrationId, VmId};

use super::state::spec;
use super::{Body, Pending, RunError};
use crate::lab::protocol::{Ask, Kept};
use crate::migrate::saved;
use crate::migrate::wire::Secret;

/// A directory of a run that goes with it, readable by its user alone; made when it is first needed.
#[derive(Debug, Default)]
pub struct Scratch(Option<TempDir>);

impl Scratch {
    fn directory(&mut self) -> io::Result<&Path> {
        let directory = match self.0.take() {
            Some(directory) => directory,
            None => TempDir::with_prefix("twinrack-")?,
        };
        Ok(self.0.insert(directory).path())
    }

    /// The file of a migration.
    fn file(&mut self, id: MigrationId) -> io::Result<PathBuf> {
        Ok(self.directory()?.join(format!("migration-{}.guest", id.0)))
    }
}

/// The number of a save that no migration asked for: these are counted from the other end.
const fn number_of_save(vm: VmId) -> MigrationId {
    MigrationId(u32::MAX - vm.0)
}

impl Body<'_> {
    /// The folder with the guests' disks, if any guest has one.
    pub(super) fn storage(&mut self) -> Result<Option<PathBuf>, RunError> {
        if self.scenario.spec.vms.iter().all(|vm| vm.disk.is_none()) {
            return Ok(None);
        }
        let folder = self.scratch.directory().map(Path::to_owned);
        folder.map(Some).map_err(RunError::Storage)
    }

    /// What saving and restoring a VM take on its volume.
    fn takes(&self, vm: VmId) -> QuickTimings {
        let subject = Subject::of(self.scenario, spec(self.scenario, vm));
        Plan::quick(&self.scenario.spec.policies.migration, subject).quick
    }

    /// Pauses a guest and writes it into a file, where it stays.
    pub(super) fn save_vm(&mut self, vm: VmId) {
        let entry = self.vms[vm.index()];
        let Some(host) = entry.host.filter(|_| entry.state == VmState::Running) else {
            return;
        };
        self.halt_vm(vm, VmState::Paused);
        self.write(Event::VmStopped { vm, host });
        let migration = number_of_save(vm);
        let rate = rate(spec(self.scenario, vm).memory.value, self.takes(vm).save);
        match self.kept(migration, vm, Secret::new().ok(), rate) {
            Ok(kept) => {
                self.saved.insert(vm, kept.clone());
                self.order(host, Ask::Save { migration, vm, kept });
            }
            Err(error) => self.harmed(vm, format!("no scratch storage: {error}")),
        }
    }

    /// Reads a guest that was saved, or that a migration left on storage, out of its file, as fast as the scenario lets it.
    pub(super) fn read_back(&mut self, vm: VmId, host: HostId) {
        let Some(kept) = self.saved.get(&vm).cloned() else {
            return;
        };
        let rate = rate(spec(self.scenario, vm).memory.value, self.takes(vm).restore);
        let kept = Kept { rate, ..kept };
        self.occupy(vm, host, VmState::Restarting);
        let migration = number_of_save(vm);
        self.order(host, Ask::Restore { migration, vm, kept });
    }

    /// Whether a VM that starts is being read back.
    pub(super) fn is_read_back(&self, vm: VmId) -> bool {
        self.vms[vm.index()].state == VmState::Restarting && self.saved.contains_key(&vm)
    }

    /// A quick migration left its guest on storage: its file is kept, and no host has it.
    pub(super) fn left_saved(&mut self, id: MigrationId, vm: VmId, from: HostId, secret: Option<Secret>) {
        match self.kept(id, vm, secret, None) {
            Ok(kept) => {
                self.saved.insert(vm, kept);
                self.vacate(vm, VmState::Saved);
                self.write(Event::VmStopped { vm, host: from });
            }
            Err(error) => self.harmed(vm, format!("no scratch storage: {error}")),
        }
    }

    /// Has a guest that is kept in its file looked at, by the agent of the host that it was on, or of another that lives.
    pub(super) fn look_at_saved(&mut self, vm: VmId, kept: Kept) {
        if self.vms[vm.index()].state != VmState::Saved {
            return;
        }
        let lives = |host: &HostId| self.hosts[host.index()].agent.is_some();
        let own = self.vms[vm.index()].host.filter(lives);
        let any = (0..self.scenario.hosts.len()).map(HostId);
        if let Some(host) = own.or_else(|| any.into_iter().find(lives)) {
            self.ask(host, Ask::Look { vm, kept }, Pending::Stop(vm));
        }
    }

    /// Whether that is what became of a save, or of reading back, that no migration asked for.
    pub(super) fn save_happened(&mut self, migration: MigrationId, input: &Input) -> bool {
        let vm = VmId(u32::MAX - migration.0);
        if vm.0 >= self.scenario.vms.len() || self.moves.contains_key(&migration) {
            return false;
        }
        match (self.vms[vm.index()].host, input) {
            (Some(host), Input::Saved) => {
                self.vacate(vm, VmState::Saved);
                let saved = true;
                self.notices.push_back(Notice::Saved { vm, host, saved });
            }
            (Some(host), Input::Restored) => {
                if let Some(kept) = self.saved.remove(&vm) {
                    let _ = saved::forget(Path::new(&kept.path));
                }
                self.started(vm, host);
            }
            // It stays in its file, which is looked at in the end.
            (Some(_), Input::RestoreFailed(why)) => {
                self.vacate(vm, VmState::Saved);
                let reason = why.to_string();
                self.write(Event::VmRefused { vm, reason });
            }
            (Some(host), Input::SaveFailed(why)) => {
                self.saved.remove(&vm);
                self.run_vm(vm);
                self.write(Event::VmStarted { vm, host });
                let reason = why.to_string();
                self.write(Event::VmRefused { vm, reason });
                let saved = false;
                self.notices.push_back(Notice::Saved { vm, host, saved });
            }
            _ => {}
        }
        true
    }

    /// Carries out an order of the brain for a quick migration.
    pub(super) fn kept_step(&mut self, id: MigrationId, command: &Command) {
        let Some(entry) = self.moves.get(&id) else { return };
        let (vm, from, to) = (entry.vm, entry.from, entry.to);
        match *command {
            Command::Validate { .. } => self.tell(id, Input::Validated(Ok(()))),
            Command::Prepare { reserve, .. } => {
                let there_is_room = self.reserve(id, reserve);
                if there_is_room {
                    self.tell(id, Input::Prepared);
                }
            }
            Command::SaveVm { memory, takes } => {
                self.halt_vm(vm, VmState::Paused);
                self.file_order(id, from, rate(memory, takes), |migration, vm, kept| Ask::Save {
                    migration,
                    vm,
                    kept,
                });
            }
            Command::HandOverStorage { .. } => {
                self.handed_over(vm);
                self.tell(id, Input::StorageTaken);
            }
            Command::RestoreVm { memory, takes } => self.bring_back(id, to, rate(memory, takes)),
            Command::RollBack { takes } => {
                if let Some(entry) = self.moves.get_mut(&id) {
                    entry.rolls_back = true;
                }
                let memory = spec(self.scenario, vm).memory.value;
                self.bring_back(id, from, rate(memory, takes));
            }
            // What is left of the file goes when the migration ends.
            _ => {}
        }
    }

    fn bring_back(&mut self, id: MigrationId, host: HostId, rate: Option<BitsPerSecond>) {
        self.file_order(id, host, rate, |migration, vm, kept| Ask::Restore {
            migration,
            vm,
            kept,
        });
    }

    fn file_order(
        &mut self,
        id: MigrationId,
        host: HostId,
        rate: Option<BitsPerSecond>,
        ask: impl FnOnce(MigrationId, VmId, Kept) -> Ask,
    ) {
        let Some(entry) = self.moves.get(&id) else { return };
        let (vm, secret) = (entry.vm, entry.secret);
        match self.kept(id, vm, secret, rate) {
            Ok(kept) => {
                self.order(host, ask(id, vm, kept));
            }
            Err(error) => self.harmed(vm, format!("no scratch storage: {error}")),
        }
    }

    /// The file of a guest.
    fn kept(
        &mut self,
        id: MigrationId,
        vm: VmId,
        secret: Option<Secret>,
        rate: Option<BitsPerSecond>,
    ) -> io::Result<Kept> {
        let policy = &self.scenario.spec.policies.migration;
        let untouched = spec(self.scenario, vm).untouched > Bytes::ZERO;
        let secret = secret.ok_or_else(|| io::Error::other("no random numbers for its keys"))?;
        Ok(Kept {
            path: self.scratch.file(id)?.display().to_string(),
            secret: secret.0,
            encrypt: policy.encrypt.unwrap_or(true),
            zeros: untouched && policy.zero_pages.unwrap_or(false),
            rate,
        })
    }

    /// Something came of an order; a migration that is being rolled back is back where it came from.
    pub(super) fn kept_happened(&mut self, id: MigrationId, input: Input) {
        let Some(entry) = self.moves.get_mut(&id) else {
            return;
        };
        let (vm, back) = (entry.vm, entry.rolls_back);
        match input {
            Input::Restored if back => {
                self.run_vm(vm);
                self.tell(id, Input::RolledBack);
            }
            Input::RestoreFailed(why) if back => self.harmed(vm, format!("it can't be read back: {why}")),
            Input::Restored => {
                entry.arrived = true;
                entry.resumed = true;
                self.settle_arrival(id);
            }
            // It runs on where it was; when the migration is being rolled back, that is told of its own.
            Input::SaveFailed(_) => {
                if !back {
                    self.run_vm(vm);
                }
                self.tell(id, input);
            }
            input => self.tell(id, input),
        }
    }

    /// The migration is over, and with it the file. One that can't be removed goes with the run's scratch storage.
    pub(super) fn forget_file(&mut self, id: MigrationId) {
        if let Ok(path) = self.scratch.file(id) {
            let _ = saved::forget(&path);
        }
    }
}

/// What a step of that memory has for its rate when it takes so long; nothing when it takes no time.
fn rate(memory: Bytes, takes: SimDuration) -> Option<BitsPerSecond> {
    let seconds = takes.as_secs_f64();
    (seconds > 0.0).then(|| BitsPerSecond((memory.as_f64() * 8.0 / seconds) as u64))
}
