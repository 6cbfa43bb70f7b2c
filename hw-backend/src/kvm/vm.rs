//! A VM: one memory slot from guest-physical address 0, whose writes can be logged, and the vCPUs made in it.

#![expect(unsafe_code, reason = "gives the kernel addresses of guest memory")]

use std::sync::Arc;

use kvm_bindings::{
    CpuId, KVM_CAP_DIRTY_LOG_RING, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_CAP_XSAVE2,
    KVM_MEM_LOG_DIRTY_PAGES, kvm_enable_cap, kvm_userspace_memory_region,
};
use kvm_ioctls::VmFd;

use super::{DirtyMechanism, Error, GuestMemory, Named, Stats, System, Vcpu, ioctl};

/// A VM; it lives until it and all of its vCPUs are dropped.
#[derive(Debug, Clone)]
pub struct Vm {
    inner: Arc<Inner>,
}

/// What a VM's vCPUs and its dirty log share with it.
#[derive(Debug)]
pub(super) struct Inner {
    // Dropped before the memory it maps.
    fd: VmFd,
    memory: Arc<GuestMemory>,
    mechanism: DirtyMechanism,
    xsave_bytes: usize,
}

impl Vm {
    const SLOT: u32 = 0;

    /// A VM with such memory, whose dirty pages will be told by `mechanism`.
    ///
    /// It has no in-kernel interrupt controller: guests are paced by doorbells, and a vCPU's state is then complete
    /// without devices.
    pub fn new(system: &System, memory: Arc<GuestMemory>, mechanism: DirtyMechanism) -> Result<Self, Error> {
        let fd = system.kvm().create_vm().named("KVM_CREATE_VM")?;
        match mechanism {
            DirtyMechanism::Bitmap => {}
            DirtyMechanism::ManualProtect => enable(
                &fd,
                KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
                mechanism.argument(system)?,
            )?,
            DirtyMechanism::Ring { .. } => enable(&fd, KVM_CAP_DIRTY_LOG_RING, mechanism.argument(system)?)?,
        }
        let xsave_bytes = usize::try_from(system.capability(KVM_CAP_XSAVE2)).unwrap_or(0);
        let vm = Self {
            inner: Arc::new(Inner {
                fd,
                memory,
                mechanism,
                xsave_bytes,
            }),
        };
        vm.set_slot(0)?;
        Ok(vm)
    }

    /// A VM over another file: what fails then.
    #[cfg(test)]
    pub(super) fn over(fd: VmFd, memory: Arc<GuestMemory>, mechanism: DirtyMechanism) -> Self {
        let inner = Inner {
            fd,
            memory,
            mechanism,
            xsave_bytes: 0,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Its memory.
    pub fn memory(&self) -> &Arc<GuestMemory> {
        &self.inner.memory
    }

    /// How its dirty pages are told.
    pub fn mechanism(&self) -> DirtyMechanism {
        self.inner.mechanism
    }

    /// Makes a vCPU that sees the processor features of `cpuid`.
    pub fn create_vcpu(&self, id: u64, cpuid: &CpuId) -> Result<Vcpu, Error> {
        let fd = self.inner.fd.create_vcpu(id).named("KVM_CREATE_VCPU")?;
        fd.set_cpuid2(cpuid).named("KVM_SET_CPUID2")?;
        Vcpu::new(fd, id, self.clone())
    }

    /// Its counters.
    pub fn stats(&self) -> Result<Stats, Error> {
        Stats::of(&self.inner.fd)
    }

    /// Bytes of a vCPU's extended state.
    pub(super) fn xsave_bytes(&self) -> usize {
        self.inner.xsave_bytes
    }

    pub(super) fn run_size(&self) -> usize {
        self.inner.fd.run_size()
    }

    /// Switches the log of writes on or off.
    pub(super) fn set_logging(&self, on: bool) -> Result<(), Error> {
        self.set_slot(if on { KVM_MEM_LOG_DIRTY_PAGES } else { 0 })
    }

    /// Reads the log; `bitmap` gets one bit a page.
    pub(super) fn read_log(&self, bitmap: &mut [u64]) -> Result<(), Error> {
        assert!(
            bitmap.len() * 64 >= self.inner.memory.pages(),
            "a bit for each page"
        );
        // SAFETY: the one slot covers exactly this memory, and the bitmap has a bit for each of its pages.
        unsafe { ioctl::get_dirty_log(&self.inner.fd, Self::SLOT, bitmap) }
    }

    /// Protects pages again, from page `first`, which is a multiple of 64.
    pub(super) fn clear_log(&self, first: u64, pages: u32, bitmap: &[u64]) -> Result<(), Error> {
        ioctl::clear_dirty_log(&self.inner.fd, Self::SLOT, first, pages, bitmap)
    }

    /// Protects the pages of all ring entries that were marked as read.
    pub(super) fn reset_rings(&self) -> Result<u32, Error> {
        ioctl::reset_dirty_rings(&self.inner.fd)
    }

    fn set_slot(&self, flags: u32) -> Result<(), Error> {
        let memory = &self.inner.memory;
        let region = kvm_userspace_memory_region {
            slot: Self::SLOT,
            flags,
            guest_phys_addr: 0,
            memory_size: memory.size().0,
            userspace_addr: memory.host_address(),
        };
        // SAFETY: the range is the whole of a mapping that this VM, and with it every vCPU, keeps alive.
        unsafe { self.inner.fd.set_user_memory_region(region) }.named("KVM_SET_USER_MEMORY_REGION")
    }
}

fn enable(fd: &VmFd, capability: u32, argument: u64) -> Result<(), Error> {
    let request = kvm_enable_cap {
        cap: capability,
        args: [argument, 0, 0, 0],
        ..Default::default()
    };
    fd.enable_cap(&request).named("KVM_ENABLE_CAP")
}

#[cfg(test)]
mod tests {
    use twinrack_scenario::units::Bytes;

    use super::*;
    use crate::kvm::Backing;
    use crate::require_kvm;

    fn memory() -> Arc<GuestMemory> {
        Arc::new(GuestMemory::new(Bytes(1 << 20), Backing::Anonymous).expect("1 MiB"))
    }

    #[test]
    fn a_vcpu_keeps_the_memory_that_its_guest_writes() {
        let system = require_kvm!();
        let memory = memory();
        let vm = Vm::new(&system, memory.clone(), DirtyMechanism::Bitmap).expect("a VM");
        let vcpu = vm
            .create_vcpu(0, &system.supported_cpuid().expect("CPUID"))
            .expect("a vCPU");
        drop(vm);
        assert_eq!(Arc::strong_count(&memory), 2);
        drop(vcpu);
        assert_eq!(Arc::strong_count(&memory), 1);
    }

    #[test]
    fn the_kernels_refusals_are_named() {
        let system = require_kvm!();
        let vm = Vm::new(&system, memory(), DirtyMechanism::Bitmap).expect("a VM");
        let cpuid = system.supported_cpuid().expect("CPUID");
        let _first = vm.create_vcpu(0, &cpuid).expect("a vCPU");
        let error = vm.create_vcpu(0, &cpuid).expect_err("the same number twice");
        assert!(error.to_string().starts_with("KVM_CREATE_VCPU: "), "{error}");
        assert_eq!(error.errno(), Some(libc::EEXIST));
        let error = vm.read_log(&mut [0; 4]).expect_err("the log is off");
        assert_eq!(error.errno(), Some(libc::ENOENT));
        let error = vm.reset_rings().expect_err("a VM without rings");
        assert_eq!(error.errno(), Some(libc::EINVAL));
        let bad = DirtyMechanism::Ring { entries: 1000 };
        assert!(Vm::new(&system, memory(), bad).is_err(), "no power of two");
    }
}
