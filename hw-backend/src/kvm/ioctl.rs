//! The calls that `kvm-ioctls` does not wrap, each with the checks that make it safe to call or a contract.

#![expect(unsafe_code, reason = "calls ioctl")]

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};

use kvm_bindings::{
    KVMIO, kvm_clear_dirty_log, kvm_clear_dirty_log__bindgen_ty_1, kvm_dirty_log, kvm_dirty_log__bindgen_ty_1,
};
use vmm_sys_util::ioctl::{ioctl, ioctl_with_ref};
use vmm_sys_util::{ioctl_io_nr, ioctl_iow_nr, ioctl_iowr_nr};

use super::Error;

ioctl_iow_nr!(KVM_GET_DIRTY_LOG, KVMIO, 0x42, kvm_dirty_log);
ioctl_iowr_nr!(KVM_CLEAR_DIRTY_LOG, KVMIO, 0xc0, kvm_clear_dirty_log);
ioctl_io_nr!(KVM_RESET_DIRTY_RINGS, KVMIO, 0xc7);
ioctl_io_nr!(KVM_GET_STATS_FD, KVMIO, 0xce);

/// Reads (and, without manual protection, clears) the dirty bitmap of a slot.
///
/// # Safety
///
/// `bitmap` holds at least one bit for each page of the slot, rounded up to 64: the kernel writes that much.
pub(super) unsafe fn get_dirty_log(vm: &impl AsRawFd, slot: u32, bitmap: &mut [u64]) -> Result<(), Error> {
    let log = kvm_dirty_log {
        slot,
        padding1: 0,
        __bindgen_anon_1: kvm_dirty_log__bindgen_ty_1 {
            dirty_bitmap: bitmap.as_mut_ptr().cast(),
        },
    };
    // SAFETY: the structure is what this call takes, and the caller promises the bitmap's size.
    match unsafe { ioctl_with_ref(vm, KVM_GET_DIRTY_LOG(), &log) } {
        0 => Ok(()),
        _ => Err(Error::last("KVM_GET_DIRTY_LOG")),
    }
}

/// Protects again the pages of a slot whose bits are set. `first` and `pages` are multiples of 64, but for the last
/// chunk of the slot; the kernel refuses others, and reads no more of the bitmap than `pages` bits.
pub(super) fn clear_dirty_log(
    vm: &impl AsRawFd,
    slot: u32,
    first: u64,
    pages: u32,
    bitmap: &[u64],
) -> Result<(), Error> {
    assert!(pages as usize <= bitmap.len() * 64, "a bit for each page");
    let log = kvm_clear_dirty_log {
        slot,
        num_pages: pages,
        first_page: first,
        // The kernel only reads it; the field is mutable because the type is shared with the other call.
        __bindgen_anon_1: kvm_clear_dirty_log__bindgen_ty_1 {
            dirty_bitmap: bitmap.as_ptr().cast_mut().cast(),
        },
    };
    // SAFETY: the structure is what this call takes, and the bitmap has a bit for each page, as asserted.
    match unsafe { ioctl_with_ref(vm, KVM_CLEAR_DIRTY_LOG(), &log) } {
        0 => Ok(()),
        _ => Err(Error::last("KVM_CLEAR_DIRTY_LOG")),
    }
}

/// Protects again the pages of all ring entries that were marked as read; says how many.
pub(super) fn reset_dirty_rings(vm: &impl AsRawFd) -> Result<u32, Error> {
    // SAFETY: the call takes no argument.
    let reset = unsafe { ioctl(vm, KVM_RESET_DIRTY_RINGS()) };
    u32::try_from(reset).map_err(|_| Error::last("KVM_RESET_DIRTY_RINGS"))
}

/// The binary statistics of a VM or vCPU, as a file.
pub(super) fn stats_file(of: &impl AsRawFd) -> Result<File, Error> {
    // SAFETY: the call takes no argument.
    let fd = unsafe { ioctl(of, KVM_GET_STATS_FD()) };
    if fd < 0 {
        return Err(Error::last("KVM_GET_STATS_FD"));
    }
    // SAFETY: the kernel has just given this descriptor to us alone.
    Ok(unsafe { File::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_vm_is_refused_by_every_call() {
        let null = File::open("/dev/null").expect("/dev/null");
        let mut bitmap = [0; 1];
        // SAFETY: /dev/null writes no bitmap at all.
        let got = unsafe { get_dirty_log(&null, 0, &mut bitmap) };
        let refused = [
            got.map_err(|error| error.errno()),
            clear_dirty_log(&null, 0, 0, 64, &bitmap).map_err(|error| error.errno()),
            reset_dirty_rings(&null).map(drop).map_err(|error| error.errno()),
            stats_file(&null).map(drop).map_err(|error| error.errno()),
        ];
        assert_eq!(refused, [Err(Some(libc::ENOTTY)); 4]);
    }

    #[test]
    fn the_numbers_are_the_kernels() {
        // Linux, include/uapi/linux/kvm.h.
        assert_eq!(KVM_GET_DIRTY_LOG(), 0x4010_ae42);
        assert_eq!(KVM_CLEAR_DIRTY_LOG(), 0xc018_aec0);
        assert_eq!(KVM_RESET_DIRTY_RINGS(), 0xaec7);
        assert_eq!(KVM_GET_STATS_FD(), 0xaece);
    }
}
