//! Guests that go through a file, and files that are refused.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::super::saved::Keeping;
use super::setup::{dirtying, goes_on_and_is_whole, shape};
use super::*;
use crate::guest::machine::Machine;
use crate::kvm::System;
use crate::migrate::MigrateError;
use crate::migrate::target::Room;
use crate::migrate::wire::{Protection, Secret};

static GO_ON: AtomicBool = AtomicBool::new(false);

fn keeping(directory: &Path, protection: Protection) -> Keeping {
    Keeping {
        path: directory.join("guest"),
        secret: Secret([7; 32]),
        protection,
        zeros: false,
        rate: None,
    }
}

fn room() -> Room {
    Room::of(&shape(DirtyMechanism::Bitmap))
}

/// A guest that has run a while and stands still.
fn paused(system: &System) -> Machine {
    let workload = dirtying(5_000.0);
    let mut machine = Machine::new(system, shape(DirtyMechanism::Bitmap), &workload).expect("a guest");
    machine.run().expect("it runs");
    while machine.counters(0).expect("counters").heartbeat < 100 {
        std::thread::sleep(Duration::from_millis(1));
    }
    machine.pause().expect("paused");
    machine
}

#[test]
fn a_guest_goes_on_from_its_file() {
    let system = require_kvm!();
    let directory = tempfile::tempdir().expect("a directory");
    for (protection, zeros) in [
        (Protection::Tagged, false),
        (Protection::Sealed, false),
        (Protection::Sealed, true),
    ] {
        let keeping = Keeping {
            zeros,
            ..keeping(directory.path(), protection)
        };
        let machine = paused(&system);
        let stood = machine.counters(0).expect("counters");
        let written = keeping.save(&system, &machine, 1, &GO_ON).expect("saved");
        let size = std::fs::metadata(&keeping.path).expect("it is there").len();
        assert_eq!(written.0, size);
        // All of memory and little else, unless pages of zeros are written as such: below the tables most are.
        let memory = 16 << 20;
        assert_eq!(zeros, size < memory, "{size}");
        assert!(size < memory + memory / 100, "{size}");
        drop(machine);
        let mut restored = keeping.restore(&system, room()).expect("restored");
        assert_eq!(restored.counters(0).expect("counters"), stood);
        restored.run().expect("it runs");
        goes_on_and_is_whole(restored, &dirtying(5_000.0), stood.heartbeat);
        crate::migrate::saved::forget(&keeping.path).expect("removed");
    }
}

#[test]
fn a_file_that_is_not_what_was_written_is_refused_by_its_name() {
    let system = require_kvm!();
    let directory = tempfile::tempdir().expect("a directory");
    let kept = keeping(directory.path(), Protection::Sealed);
    kept.save(&system, &paused(&system), 1, &GO_ON).expect("saved");
    let whole = std::fs::read(&kept.path).expect("read");
    let refused = |bytes: &[u8], keeping: &Keeping, why: &str| {
        std::fs::write(&keeping.path, bytes).expect("written");
        let error = keeping
            .restore(&system, room())
            .map(drop)
            .expect_err("refused")
            .to_string();
        let path = keeping.path.display().to_string();
        assert!(error.contains(&path) && error.contains(why), "{error}");
    };
    for cut in [0, 1, 15, 5000, whole.len() / 2, whole.len() - 1] {
        refused(&whole[..cut], &kept, "it ends before");
    }
    for at in [100, whole.len() / 3, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        refused(&damaged, &kept, "does not bear the tag");
    }
    let mut other_version = whole.clone();
    other_version[2] += 1;
    refused(&other_version, &kept, "version");
    refused(&[&whole[..], &[0]].concat(), &kept, "something behind");
    let stranger = Keeping {
        secret: Secret([8; 32]),
        ..kept.clone()
    };
    refused(&whole, &stranger, "does not bear the tag");
    std::fs::remove_file(&kept.path).expect("removed");
    let error = kept
        .restore(&system, room())
        .map(drop)
        .expect_err("it is gone")
        .to_string();
    assert!(error.starts_with("can't open "), "{error}");
}

#[test]
fn a_guest_that_can_not_be_saved_runs_on_and_leaves_no_file() {
    let system = require_kvm!();
    let directory = tempfile::tempdir().expect("a directory");
    let kept = keeping(directory.path(), Protection::Tagged);
    let mut machine = paused(&system);
    let cancelled = kept.save(&system, &machine, 1, &AtomicBool::new(true));
    assert!(
        matches!(cancelled, Err(MigrateError::Aborted(_))),
        "{cancelled:?}"
    );
    assert!(!kept.path.exists());
    // A file that is there already may be another guest.
    std::fs::write(&kept.path, "somebody's").expect("written");
    let error = kept.save(&system, &machine, 1, &GO_ON).expect_err("refused");
    assert!(error.to_string().starts_with("can't make "), "{error}");
    assert_eq!(std::fs::read(&kept.path).expect("read"), b"somebody's");
    let heartbeat = machine.counters(0).expect("counters").heartbeat;
    machine.run().expect("it runs");
    goes_on_and_is_whole(machine, &dirtying(5_000.0), heartbeat);
}
