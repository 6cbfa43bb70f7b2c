//! A guest on its way through a file: one thread writes it and lets go of it, another reads it, at the target or back here.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use twinrack_control::migration::{Input, Refusal};
use twinrack_scenario::{MigrationId, VmId};

use super::agent::{Guest, Shared, locked};
use super::guests;
use super::protocol::{Closing, Kept, Said};
use super::setting::Setting;
use crate::migrate::MigrateError;
use crate::migrate::saved::Keeping;
use crate::migrate::target::Room;
use crate::migrate::wire::{Protection, Secret};

/// A guest that is being written.
pub(super) struct Writing {
    cancel: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Writing {
    /// Nobody wants the file any more: the guest runs on here unless it is all written.
    pub fn give_up(&self) {
        self.cancel.store(true, Ordering::Relaxed);
    }

    /// The same, and waits until it is settled.
    fn settle(self) {
        self.give_up();
        // A thread that panicked has already said so, and its guest is gone.
        let _ = self.thread.join();
    }
}

fn keeping(kept: Kept) -> Keeping {
    Keeping {
        path: PathBuf::from(kept.path),
        secret: Secret(kept.secret),
        protection: if kept.encrypt {
            Protection::Sealed
        } else {
            Protection::Tagged
        },
        zeros: kept.zeros,
        rate: kept.rate,
    }
}

fn refusal(error: &MigrateError) -> Refusal {
    Refusal {
        code: "HW_FAILED",
        message: error.to_string(),
    }
}

/// Pauses a guest and writes it, on a thread of its own. When that fails it runs on.
pub(super) fn save(
    shared: &Arc<Shared>,
    migration: MigrationId,
    vm: VmId,
    kept: Kept,
) -> Result<Writing, String> {
    let guest = locked(&shared.guests)
        .remove(&vm)
        .ok_or("the guest is not here")?;
    let cancel = Arc::new(AtomicBool::new(false));
    let (shared, flag) = (shared.clone(), cancel.clone());
    let thread = thread::spawn(move || write(&shared, migration, vm, guest, &keeping(kept), &flag));
    Ok(Writing { cancel, thread })
}

fn write(
    shared: &Shared,
    migration: MigrationId,
    vm: VmId,
    mut guest: Guest,
    keeping: &Keeping,
    cancel: &AtomicBool,
) {
    let broke = |error: crate::guest::machine::MachineError| {
        let why = error.to_string();
        shared.say(Said::Broke { vm, why });
    };
    if let Err(error) = guest.machine.pause() {
        return broke(error);
    }
    let input = match keeping.save(&shared.system, &guest.machine, migration.0, cancel) {
        // Its memory is freed when this ends: behind the answer, for that takes time.
        Ok(_) => {
            shared.forget(vm);
            Input::Saved
        }
        Err(error) => {
            if let Err(error) = guest.machine.run() {
                return broke(error);
            }
            shared.keep(vm, guest.machine, guest.since);
            return shared.say(Said::Happened {
                migration,
                input: Input::SaveFailed(refusal(&error)),
            });
        }
    };
    shared.say(Said::Happened { migration, input });
}

/// Reads a guest and runs it, on a thread of its own; one that is still being written here runs on instead.
pub(super) fn restore(
    shared: &Arc<Shared>,
    migration: MigrationId,
    vm: VmId,
    kept: Kept,
    room: Room,
    writing: Option<Writing>,
) {
    let shared = shared.clone();
    thread::spawn(move || {
        if let Some(writing) = writing {
            writing.settle();
        }
        let here = locked(&shared.guests).contains_key(&vm);
        let restored = if here {
            Ok(())
        } else {
            read(&shared, vm, &keeping(kept), room)
        };
        let input = match restored {
            Ok(()) => Input::Restored,
            Err(error) => Input::RestoreFailed(refusal(&error)),
        };
        shared.say(Said::Happened { migration, input });
    });
}

fn read(shared: &Shared, vm: VmId, keeping: &Keeping, room: Room) -> Result<(), MigrateError> {
    let mut machine = keeping.restore(&shared.system, room)?;
    machine.run()?;
    shared.keep(vm, machine, Instant::now());
    Ok(())
}

/// Reads a guest that is kept and looks at all that it has; it does not run, and the file stays.
pub(super) fn look(shared: &Shared, setting: &Setting, vm: VmId, kept: Kept) -> Result<Closing, String> {
    let room = setting.room(&shared.system, &shared.routes, vm)?;
    let keeping = Keeping {
        // No guest waits for it.
        rate: None,
        ..keeping(kept)
    };
    let machine = keeping.restore(&shared.system, room);
    let machine = machine.map_err(|error| error.to_string())?;
    guests::look(&machine, setting, vm, Instant::now())
}
