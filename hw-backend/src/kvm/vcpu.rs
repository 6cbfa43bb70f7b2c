//! A vCPU: entering the guest, and why it came back.

use std::io;
use std::sync::Arc;

use kvm_bindings::{KVM_EXIT_DIRTY_RING_FULL, kvm_regs, kvm_sregs};
use kvm_ioctls::{VcpuExit, VcpuFd};

use super::{Error, Kicker, Named, Stats, Vm};

/// Why a vCPU left the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// The guest wrote to an I/O port.
    Out {
        /// The port.
        port: u16,
        /// What it wrote, the lower bytes of it when it wrote fewer than four.
        value: u32,
    },
    /// It was kicked.
    Interrupted,
    /// Its dirty ring is full and must be harvested before it goes on.
    RingFull,
    /// The guest took an exception that it could not handle. On AMD's SVM its registers are lost.
    Shutdown,
    /// It did what no guest of ours does.
    Unexpected(String),
}

/// A vCPU, run by one thread at a time.
#[derive(Debug)]
pub struct Vcpu {
    fd: VcpuFd,
    id: u64,
    kicker: Arc<Kicker>,
    // Last: the memory must outlive the descriptor that can write to it.
    vm: Vm,
}

impl Vcpu {
    pub(super) fn new(fd: VcpuFd, id: u64, vm: Vm) -> Result<Self, Error> {
        let kicker = Arc::new(Kicker::new(&fd, vm.run_size())?);
        Ok(Self { fd, id, kicker, vm })
    }

    /// Its number in the VM.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Its VM.
    pub const fn vm(&self) -> &Vm {
        &self.vm
    }

    /// What stops it.
    pub const fn kicker(&self) -> &Arc<Kicker> {
        &self.kicker
    }

    /// Its counters.
    pub fn stats(&self) -> Result<Stats, Error> {
        Stats::of(&self.fd)
    }

    /// The rate of its time-stamp counter, in kHz.
    pub fn tsc_khz(&self) -> Result<u32, Error> {
        self.fd.get_tsc_khz().named("KVM_GET_TSC_KHZ")
    }

    /// Enters the guest until something brings it back.
    pub fn run(&mut self) -> Result<Exit, Error> {
        match self.fd.run() {
            Ok(VcpuExit::IoOut(port, data)) => {
                let value = data
                    .iter()
                    .take(4)
                    .rev()
                    .fold(0, |value, byte| value << 8 | u32::from(*byte));
                Ok(Exit::Out { port, value })
            }
            Ok(VcpuExit::Intr) => Ok(Exit::Interrupted),
            Ok(VcpuExit::Shutdown) => Ok(Exit::Shutdown),
            Ok(VcpuExit::Unsupported(KVM_EXIT_DIRTY_RING_FULL)) => Ok(Exit::RingFull),
            Ok(other) => Ok(Exit::Unexpected(format!("{other:?}"))),
            Err(error) if matches!(error.errno(), libc::EINTR | libc::EAGAIN) => Ok(Exit::Interrupted),
            Err(error) => Err(Error::Call {
                call: "KVM_RUN",
                source: io::Error::from_raw_os_error(error.errno()),
            }),
        }
    }

    /// Has the kernel finish what the last exit left half done, without running the guest.
    ///
    /// After an exit for I/O the registers may still point at the instruction (AMD-V and VT-x) or past it (PVM); they
    /// are consistent only after the next entry (Linux, `Documentation/virt/kvm/api.rst`, `KVM_RUN`). Who saves without this
    /// runs the instruction twice. It leaves the vCPU held.
    pub fn settle(&mut self) -> Result<(), Error> {
        self.kicker.hold();
        match self.run()? {
            Exit::Interrupted => Ok(()),
            other => Err(Error::Call {
                call: "KVM_RUN that should have turned round",
                source: io::Error::other(format!("{other:?}")),
            }),
        }
    }

    /// Its general registers.
    pub fn regs(&self) -> Result<kvm_regs, Error> {
        self.fd.get_regs().named("KVM_GET_REGS")
    }

    /// Sets its general registers.
    pub fn set_regs(&self, regs: &kvm_regs) -> Result<(), Error> {
        self.fd.set_regs(regs).named("KVM_SET_REGS")
    }

    /// Its segments and control registers.
    pub fn sregs(&self) -> Result<kvm_sregs, Error> {
        self.fd.get_sregs().named("KVM_GET_SREGS")
    }

    /// Sets its segments and control registers.
    pub fn set_sregs(&self, sregs: &kvm_sregs) -> Result<(), Error> {
        self.fd.set_sregs(sregs).named("KVM_SET_SREGS")
    }

    pub(super) const fn fd(&self) -> &VcpuFd {
        &self.fd
    }
}
