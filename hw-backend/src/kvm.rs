//! The micro-VMM: one file per kernel object, and nothing else of twinrack talks to `/dev/kvm`.
//!
//! ```text
//! System (/dev/kvm) ── Vm (memory slot, logging) ── Vcpu (run, exits) ── VcpuThread (one thread each)
//!                      │  └ DirtyLog: bitmap, manual protect, ring      └ Kicker: bounded pause
//!                      ├ GuestMemory: anonymous, memfd, 2 MiB pages     └ VcpuState: save, restore
//!                      └ AbsentPages: memory that comes when it is touched
//!                                         Stats: counters of VM and vCPU, looked up by name
//! ```
//!
//! *Lifetime.* KVM holds a host virtual address for each memory slot, so whatever can enter a guest keeps the mapping
//! alive: a [`Vcpu`] holds its [`Vm`]'s insides, those hold the [`GuestMemory`].
//!
//! *What can go wrong.* Every call into the kernel returns [`Error::Call`] with the name of the call; a kernel without a
//! capability gives [`Error::Missing`] with what to do about it. A guest that does what it must not is not an error
//! but an [`Exit`].

mod absent;
pub mod dirty;
#[cfg(test)]
mod failures;
mod ioctl;
pub mod memory;
pub mod pause;
pub mod state;
pub mod stats;
pub mod system;
pub mod thread;
pub mod vcpu;
pub mod vm;

pub use absent::AbsentPages;
#[cfg(test)]
pub(crate) use absent::has_absent_pages;
pub use dirty::{DirtyLog, DirtyMechanism, PageSet};
pub use memory::{Backing, GuestMemory};
pub use pause::Kicker;
pub use state::VcpuState;
pub use stats::Stats;
pub use system::System;
pub use thread::VcpuThread;
pub use vcpu::{Exit, Vcpu};
pub use vm::Vm;

use std::io;

/// What the kernel refused, or lacks.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A call failed.
    #[error("{call}: {source}{}", help(.source))]
    Call {
        /// The call, by the kernel's name for it.
        call: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel has no such capability.
    #[error("this kernel has no {what}\n = help: {mend}")]
    Missing {
        /// What is missing.
        what: &'static str,
        /// What to do about it.
        mend: &'static str,
    },
    /// An address outside the guest's memory.
    #[error("guest address {address:#x} and {len} bytes behind it are outside its memory of {size} bytes")]
    OutOfRange {
        /// Where.
        address: u64,
        /// How many bytes.
        len: usize,
        /// The size of the memory.
        size: u64,
    },
    /// A size that guest memory can't have.
    #[error("guest memory of {size} bytes: expected a multiple of {granule} bytes, and at least one")]
    BadSize {
        /// The size asked for.
        size: u64,
        /// What it must be a multiple of.
        granule: u64,
    },
    /// A saved state that does not fit.
    #[error("saved vCPU state: {0}")]
    State(#[from] state::StateError),
    /// A vCPU's thread did not answer in time.
    #[error("vCPU {vcpu} did not stop within {waited_ms} ms")]
    Stuck {
        /// Which.
        vcpu: u64,
        /// How long was waited.
        waited_ms: u64,
    },
    /// A vCPU's thread is gone.
    #[error("the thread of vCPU {vcpu} is gone")]
    ThreadGone {
        /// Which.
        vcpu: u64,
    },
}

/// What can be done about what the kernel said, where that is known.
fn help(source: &io::Error) -> &'static str {
    match source.raw_os_error() {
        Some(libc::ENOTTY) => {
            "\n = help: the kernel knows no such call: run Linux 5.14 or later, with KVM on this device"
        }
        Some(libc::EACCES | libc::EPERM) => {
            "\n = help: run as root, or as a user of the group that owns the device"
        }
        Some(libc::ENOMEM) => "\n = help: free memory on this host, or run fewer or smaller guests",
        Some(libc::EMFILE | libc::ENFILE) => "\n = help: raise the limit of open files (ulimit -n)",
        _ => "",
    }
}

impl Error {
    /// The last system call's error, under the name of the call.
    pub(crate) fn last(call: &'static str) -> Self {
        Self::Call {
            call,
            source: io::Error::last_os_error(),
        }
    }

    /// The error number the kernel gave, if it was the kernel.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Call { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }
}

/// Gives a result of `kvm-ioctls` the name of its call.
pub(crate) trait Named<T> {
    /// The same, with the error named.
    fn named(self, call: &'static str) -> Result<T, Error>;
}

impl<T> Named<T> for Result<T, kvm_ioctls::Error> {
    fn named(self, call: &'static str) -> Result<T, Error> {
        self.map_err(|error| match error.errno() {
            // Some of its calls give back what the system call returned; the number is still the thread's.
            -1 => Error::last(call),
            number => Error::Call {
                call,
                source: io::Error::from_raw_os_error(number),
            },
        })
    }
}
