//! Stopping a vCPU from outside, within a bound: a flag that the kernel looks at on entry, and a signal.
//!
//! `kvm_run.immediate_exit` is only looked at when a vCPU enters the guest, so it does not stop one that runs; a
//! signal does, but is lost on a thread that is just about to enter. Together they leave no gap: the flag is set first, so a thread
//! that enters after the signal was taken turns round at once (Linux, `Documentation/virt/kvm/api.rst`, 5,
//! `immediate_exit`).

#![expect(unsafe_code, reason = "maps the vCPU's run page and signals a thread")]

use std::mem::offset_of;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU8, Ordering};

use kvm_bindings::kvm_run;
use vmm_sys_util::signal::{SIGRTMIN, register_signal_handler};

use super::Error;

/// A second view of a vCPU's run page, of which only `immediate_exit` is touched.
#[derive(Debug)]
struct RunPage {
    start: NonNull<u8>,
    size: usize,
}

// SAFETY: the mapping belongs to no thread, and only one byte of it is accessed, atomically.
unsafe impl Send for RunPage {}
// SAFETY: as above.
unsafe impl Sync for RunPage {}

impl RunPage {
    fn map(vcpu: &impl AsRawFd, size: usize) -> Result<Self, Error> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                size,
                protection,
                libc::MAP_SHARED,
                vcpu.as_raw_fd(),
                0,
            )
        };
        match NonNull::new(start.cast()) {
            Some(mapped) if start != libc::MAP_FAILED => Ok(Self { start: mapped, size }),
            _ => Err(Error::last("mmap of a vCPU")),
        }
    }

    fn immediate_exit(&self) -> &AtomicU8 {
        // SAFETY: the field lies in the first page of the mapping, which lives as long as `self`; the kernel and we access
        // the byte whole.
        unsafe { AtomicU8::from_ptr(self.start.as_ptr().add(offset_of!(kvm_run, immediate_exit))) }
    }
}

impl Drop for RunPage {
    fn drop(&mut self) {
        // SAFETY: the range is this object's own mapping, and nothing can reach it any more.
        let _ = unsafe { libc::munmap(self.start.as_ptr().cast(), self.size) };
    }
}

/// Turns a vCPU back from the guest; shared between its thread and whoever stops it.
#[derive(Debug)]
pub struct Kicker {
    page: RunPage,
    /// The kernel's number of the thread that runs the vCPU; 0 while there is none.
    thread: AtomicI32,
}

impl Kicker {
    pub(super) fn new(vcpu: &impl AsRawFd, run_size: usize) -> Result<Self, Error> {
        install_handler()?;
        Ok(Self {
            page: RunPage::map(vcpu, run_size)?,
            thread: AtomicI32::new(0),
        })
    }

    /// From now on the calling thread is the one that is signalled.
    pub fn follow_this_thread(&self) {
        // SAFETY: the call takes nothing and cannot fail.
        self.thread.store(unsafe { libc::gettid() }, Ordering::Release);
    }

    /// The kernel's number of the thread that runs the vCPU; 0 while there is none.
    pub fn thread(&self) -> i32 {
        self.thread.load(Ordering::Acquire)
    }

    /// Has the vCPU leave the guest now, and turn round at each entry until [`Self::release`]. Harmless to repeat.
    pub fn kick(&self) {
        self.page.immediate_exit().store(1, Ordering::SeqCst);
        let thread = self.thread.load(Ordering::Acquire);
        if thread != 0 {
            // SAFETY: sends a signal whose handler does nothing to a thread of this process; one that is gone gives ESRCH.
            let _ = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, signal()) };
        }
    }

    /// Has the vCPU turn round at the next entry, without a signal: for the thread that runs it.
    pub fn hold(&self) {
        self.page.immediate_exit().store(1, Ordering::SeqCst);
    }

    /// Lets the vCPU enter the guest again.
    pub fn release(&self) {
        self.page.immediate_exit().store(0, Ordering::SeqCst);
    }

    /// Whether the vCPU turns round at entry.
    pub fn is_held(&self) -> bool {
        self.page.immediate_exit().load(Ordering::SeqCst) != 0
    }
}

/// The signal that kicks: a real-time signal, which nothing else in this process uses.
fn signal() -> libc::c_int {
    SIGRTMIN() + 2
}

extern "C" fn wake_up(_: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {}

fn install_handler() -> Result<(), Error> {
    static INSTALLED: OnceLock<Result<(), i32>> = OnceLock::new();
    // Without SA_RESTART: KVM_RUN and sleeps return.
    INSTALLED
        .get_or_init(|| register_signal_handler(signal(), wake_up).map_err(kvm_ioctls::Error::errno))
        .map_err(|code| Error::Call {
            call: "sigaction",
            source: std::io::Error::from_raw_os_error(code),
        })
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_file_that_is_no_vcpu_has_no_run_page() {
        let directory = File::open("/").expect("the root");
        assert_eq!(
            RunPage::map(&directory, 4096).expect_err("no run page").errno(),
            Some(libc::EACCES)
        );
    }
}
