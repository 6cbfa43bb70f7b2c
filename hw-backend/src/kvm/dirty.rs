//! Which pages a guest wrote: three mechanisms of the kernel behind one trait.
//!
//! A caller that moves memory does, whatever the mechanism: [`DirtyLog::start`]; then for each round, for each chunk of the pages
//! to send, [`DirtyLog::rearm`] and send it; then [`DirtyLog::collect`] for the next round. A write after a page was rearmed
//! is in a later collection, so that a page that is read after it was rearmed is never lost.
//!
//! | mechanism | protects pages again | collecting costs |
//! | --- | --- | --- |
//! | [`DirtyMechanism::Bitmap`] | when collected, all at once | a bit for each page, and protecting what was dirty |
//! | [`DirtyMechanism::ManualProtect`] | chunk by chunk, when rearmed | a bit for each page |
//! | [`DirtyMechanism::Ring`] | when collected | an entry for each dirty page; the guest stops when a ring is full |
//!
//! Only the guest's own writes are seen. What the host writes into guest memory it must send itself.

mod bitmap;
mod manual;
mod page_set;
mod ring;

pub use page_set::PageSet;
pub use ring::RingReader;

use kvm_bindings::{
    KVM_CAP_DIRTY_LOG_RING, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_DIRTY_LOG_INITIALLY_SET,
    KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE,
};

use super::{Error, System, Vm};

/// How dirty pages are told; chosen when the VM is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DirtyMechanism {
    /// A bitmap, cleared when it is read (`KVM_GET_DIRTY_LOG`).
    Bitmap,
    /// A bitmap, cleared piece by piece (`KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2`).
    ManualProtect,
    /// A ring of page numbers for each vCPU (`KVM_CAP_DIRTY_LOG_RING`).
    Ring {
        /// Entries of each ring, a power of two from 1,024 (`KVM_DIRTY_RING_RSVD_ENTRIES` and more are kept back).
        entries: u32,
    },
}

impl DirtyMechanism {
    /// Bytes of a ring entry (`struct kvm_dirty_gfn`).
    const RING_ENTRY: u32 = 16;

    /// The best that this kernel has: clearing piece by piece takes the protection out of the pause.
    pub fn best(system: &System) -> Self {
        if Self::ManualProtect.supported(system).is_ok() {
            Self::ManualProtect
        } else {
            Self::Bitmap
        }
    }

    /// Whether this kernel has it.
    pub fn supported(self, system: &System) -> Result<(), Error> {
        self.argument(system).map(drop)
    }

    /// What `KVM_ENABLE_CAP` takes for it.
    pub(super) fn argument(self, system: &System) -> Result<u64, Error> {
        let answer = |capability| u32::try_from(system.capability(capability)).unwrap_or(0);
        match self {
            Self::Bitmap => Ok(0),
            Self::ManualProtect => {
                let both = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET;
                let offered = answer(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) & both;
                if offered & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE == 0 {
                    return Err(Error::Missing {
                        what: "KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2",
                        mend: "use the plain bitmap, or run Linux 5.2 or later",
                    });
                }
                Ok(u64::from(offered))
            }
            Self::Ring { entries } => {
                let bytes = entries.saturating_mul(Self::RING_ENTRY);
                if answer(KVM_CAP_DIRTY_LOG_RING) < bytes {
                    return Err(Error::Missing {
                        what: "dirty ring of that size (KVM_CAP_DIRTY_LOG_RING)",
                        mend: "use the bitmap or fewer entries, or run Linux 5.11 or later",
                    });
                }
                Ok(u64::from(bytes))
            }
        }
    }
}

/// The log of one VM's writes.
pub trait DirtyLog: Send {
    /// Begins to watch all pages. The first collection after it may hold pages that nobody wrote: all of memory has to be sent first
    /// anyway.
    fn start(&mut self) -> Result<(), Error>;

    /// Watches those pages of `set` again that are among the `pages` from `first` on, before they are read. `first` is a
    /// multiple of 64.
    fn rearm(&mut self, first: usize, pages: usize, set: &PageSet) -> Result<(), Error>;

    /// Adds to `into` the pages written since they were last watched.
    fn collect(&mut self, into: &mut PageSet) -> Result<(), Error>;

    /// Stops watching: the guest writes at full speed again.
    fn stop(&mut self) -> Result<(), Error>;
}

/// The log of a VM, by the mechanism it was made with. A VM with rings needs the [`RingReader`] that its vCPUs
/// share.
pub fn log_of(vm: &Vm, rings: Option<RingReader>) -> Result<Box<dyn DirtyLog>, Error> {
    match (vm.mechanism(), rings) {
        (DirtyMechanism::Bitmap, _) => Ok(Box::new(bitmap::Bitmap::new(vm.clone()))),
        (DirtyMechanism::ManualProtect, _) => Ok(Box::new(manual::Manual::new(vm.clone()))),
        (DirtyMechanism::Ring { .. }, Some(rings)) => Ok(Box::new(ring::Ring::new(vm.clone(), rings))),
        (DirtyMechanism::Ring { .. }, None) => Err(Error::Missing {
            what: "reader of the dirty rings",
            mend: "make one from the VM's vCPUs",
        }),
    }
}
