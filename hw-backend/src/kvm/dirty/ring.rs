//! The dirty ring: each vCPU's page numbers in a ring shared with the kernel, harvested by whoever needs them.
//!
//! An entry goes from *clean* to *dirty* (written by the kernel), to *reset* (read by us), to clean again when
//! `KVM_RESET_DIRTY_RINGS` has protected its page (Linux, `Documentation/virt/kvm/api.rst`, 8.29). When a ring fills up, its vCPU
//! leaves the guest, and its thread harvests before it goes on. Pages are kept in one set until they are collected.

#![expect(unsafe_code, reason = "maps the rings that the kernel writes")]

use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kvm_bindings::{KVM_DIRTY_LOG_PAGE_OFFSET, kvm_dirty_gfn};
use twinrack_scenario::units::Bytes;

use super::{DirtyLog, DirtyMechanism, PageSet};
use crate::kvm::{Error, Vcpu, Vm};

/// The kernel has written the entry (`KVM_DIRTY_GFN_F_DIRTY`).
const DIRTY: u32 = 1;
/// We have read it (`KVM_DIRTY_GFN_F_RESET`).
const RESET: u32 = 2;

/// One vCPU's ring.
#[derive(Debug)]
struct Mapping {
    start: NonNull<kvm_dirty_gfn>,
    entries: usize,
    /// The next entry to look at.
    next: usize,
}

// SAFETY: the mapping belongs to no thread; it is reached only under the lock of its reader.
unsafe impl Send for Mapping {}

impl Mapping {
    fn of(vcpu: &Vcpu, entries: u32) -> Result<Self, Error> {
        let entries = entries as usize;
        let len = entries * size_of::<kvm_dirty_gfn>();
        let offset = i64::from(KVM_DIRTY_LOG_PAGE_OFFSET) * Bytes::PAGE.0.cast_signed();
        let (protection, fd) = (libc::PROT_READ | libc::PROT_WRITE, vcpu.fd().as_raw_fd());
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
        let start = unsafe { libc::mmap(ptr::null_mut(), len, protection, libc::MAP_SHARED, fd, offset) };
        match NonNull::new(start.cast()) {
            Some(mapped) if start != libc::MAP_FAILED => Ok(Self {
                start: mapped,
                entries,
                next: 0,
            }),
            _ => Err(Error::last("mmap of a dirty ring")),
        }
    }

    /// Takes all entries that the kernel has written; says how many.
    fn harvest(&mut self, into: &mut PageSet) -> usize {
        let mut taken = 0;
        while taken < self.entries {
            // SAFETY: the index is below the number of entries mapped.
            let entry = unsafe { self.start.as_ptr().add(self.next % self.entries) };
            // SAFETY: the field is inside the mapping and aligned; the kernel and we change it whole. It is read before
            // the rest of the entry (acquire) and written after it (release).
            let flags = unsafe { AtomicU32::from_ptr(&raw mut (*entry).flags) };
            if flags.load(Ordering::Acquire) & DIRTY == 0 {
                break;
            }
            // SAFETY: the kernel leaves a dirty entry alone until it is reset. There is one slot only, so the offset
            // is the page's number.
            into.insert(unsafe { (*entry).offset } as usize);
            flags.store(RESET, Ordering::Release);
            self.next = (self.next + 1) % self.entries;
            taken += 1;
        }
        taken
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let len = self.entries * size_of::<kvm_dirty_gfn>();
        // SAFETY: the range is this object's own mapping, and nothing can reach it any more.
        let _ = unsafe { libc::munmap(self.start.as_ptr().cast(), len) };
    }
}

#[derive(Debug)]
struct Harvest {
    rings: Vec<Mapping>,
    pages: PageSet,
}

/// Reads the rings of a VM; shared by its log and by the threads of its vCPUs.
#[derive(Debug, Clone)]
pub struct RingReader {
    harvest: Arc<Mutex<Harvest>>,
}

impl RingReader {
    /// A reader of the rings of all vCPUs of a VM.
    pub fn new<'a>(vm: &Vm, vcpus: impl IntoIterator<Item = &'a Vcpu>) -> Result<Self, Error> {
        let DirtyMechanism::Ring { entries } = vm.mechanism() else {
            return Err(Error::Missing {
                what: "dirty ring in this VM",
                mend: "make the VM with rings",
            });
        };
        let rings = vcpus
            .into_iter()
            .map(|vcpu| Mapping::of(vcpu, entries))
            .collect::<Result<_, _>>()?;
        let pages = PageSet::empty(vm.memory().pages());
        Ok(Self {
            harvest: Arc::new(Mutex::new(Harvest { rings, pages })),
        })
    }

    /// Takes what is in the rings and has the kernel watch those pages again.
    pub fn harvest(&self, vm: &Vm) -> Result<(), Error> {
        self.locked(vm).map(drop)
    }

    fn locked(&self, vm: &Vm) -> Result<MutexGuard<'_, Harvest>, Error> {
        // A set of pages is right whatever thread died while it held it.
        let mut harvest = self.harvest.lock().unwrap_or_else(PoisonError::into_inner);
        let Harvest { rings, pages } = &mut *harvest;
        let taken: usize = rings.iter_mut().map(|ring| ring.harvest(pages)).sum();
        if taken > 0 {
            vm.reset_rings()?;
        }
        Ok(harvest)
    }
}

/// The log of a VM made with [`super::DirtyMechanism::Ring`].
pub(super) struct Ring {
    vm: Vm,
    reader: RingReader,
}

impl Ring {
    pub(super) const fn new(vm: Vm, reader: RingReader) -> Self {
        Self { vm, reader }
    }
}

impl DirtyLog for Ring {
    fn start(&mut self) -> Result<(), Error> {
        self.vm.set_logging(true)
    }

    fn rearm(&mut self, _: usize, _: usize, _: &PageSet) -> Result<(), Error> {
        Ok(())
    }

    fn collect(&mut self, into: &mut PageSet) -> Result<(), Error> {
        let mut harvest = self.reader.locked(&self.vm)?;
        into.add(&harvest.pages);
        harvest.pages.clear();
        Ok(())
    }

    fn stop(&mut self) -> Result<(), Error> {
        self.vm.set_logging(false)
    }
}
