//! All that a vCPU is, saved and put into another: registers, segments, vector state, events, model-specific registers.
//!
//! Order matters when a state is restored: the processor features first (they are set when the vCPU is made), segments and control
//! registers before general registers, XCR0 before the vector state that it enables, events after the registers.
//!
//! Three traps, each seen by running one program on two kinds of KVM, and each held by a test of `hw-backend/src/guest/machine/tests.rs`:
//!
//! 1. *IOPL.* A kernel may drop `RFLAGS.IOPL` (shadow-paged PVM does). Guests of ours run at CPL 3 and talk by `OUT`, so it is put
//!    back whenever a state is saved, and the guest's TSS permits its ports as well.
//! 2. *An unfinished `OUT`.* Before its exit is completed the instruction pointer may still be at it: [`VcpuState::save`] settles the
//!    vCPU first.
//! 3. *The time-stamp counter* starts near zero in each VM on some kernels and is the host's on others. No deadline is ever computed
//!    by the host: guests seed theirs from their own counter, and start afresh when one is out of all bounds.

#![expect(
    unsafe_code,
    reason = "the size of the vector state is a contract with the kernel"
)]

mod codec;
mod msr;

pub use codec::StateError;
#[cfg(test)]
pub(super) use msr::{get as get_msrs, set as set_msrs};

use kvm_bindings::{
    Xsave, kvm_debugregs, kvm_mp_state, kvm_regs, kvm_sregs, kvm_vcpu_events, kvm_xcrs, kvm_xsave,
};

use super::{Error, Named, Vcpu};

/// `RFLAGS.IOPL` = 3: ports may be used at CPL 3 (Intel SDM volume 1, 19.5.1).
pub const IOPL_3: u64 = 3 << 12;

/// A vCPU's state.
#[derive(Debug, Clone, PartialEq)]
pub struct VcpuState {
    /// Whether it runs, waits or is halted.
    pub mp_state: kvm_mp_state,
    /// General registers, instruction pointer, flags.
    pub regs: kvm_regs,
    /// Segments, control registers, descriptor tables.
    pub sregs: kvm_sregs,
    /// Extended control registers (XCR0).
    pub xcrs: kvm_xcrs,
    /// The XSAVE area: x87, SSE, AVX and whatever XCR0 enables.
    pub xsave: Vec<u32>,
    /// Debug registers.
    pub debugregs: kvm_debugregs,
    /// Exceptions and interrupts under way.
    pub events: kvm_vcpu_events,
    /// Model-specific registers: number and value.
    pub msrs: Vec<(u32, u64)>,
    /// The rate of its time-stamp counter, in kHz.
    pub tsc_khz: u32,
}

/// What a restore could not carry over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restored {
    /// Model-specific registers that this kernel does not take: those of another kind of host.
    pub skipped_msrs: Vec<u32>,
    /// Source and target rates of the time-stamp counter in kHz, when they differ: the guest's clock changes pace.
    pub tsc_changed: Option<(u32, u32)>,
}

impl VcpuState {
    /// Settles the vCPU, which must not be in the guest, and reads its state. `msrs` are the registers to ask for; those that the
    /// kernel does not give are left out.
    pub fn save(vcpu: &mut Vcpu, msrs: &[u32]) -> Result<Self, Error> {
        vcpu.settle()?;
        let mut regs = vcpu.regs()?;
        regs.rflags |= IOPL_3;
        let fd = vcpu.fd();
        Ok(Self {
            mp_state: fd.get_mp_state().named("KVM_GET_MP_STATE")?,
            regs,
            sregs: vcpu.sregs()?,
            xcrs: fd.get_xcrs().named("KVM_GET_XCRS")?,
            xsave: get_xsave(vcpu)?,
            debugregs: fd.get_debug_regs().named("KVM_GET_DEBUGREGS")?,
            events: fd.get_vcpu_events().named("KVM_GET_VCPU_EVENTS")?,
            msrs: msr::get(fd, msrs)?,
            tsc_khz: vcpu.tsc_khz()?,
        })
    }

    /// Puts the state into a vCPU that has not run yet.
    pub fn restore(&self, vcpu: &Vcpu) -> Result<Restored, Error> {
        let fd = vcpu.fd();
        vcpu.set_sregs(&self.sregs)?;
        vcpu.set_regs(&self.regs)?;
        fd.set_xcrs(&self.xcrs).named("KVM_SET_XCRS")?;
        set_xsave(vcpu, &self.xsave)?;
        let skipped_msrs = msr::set(fd, &self.msrs)?;
        fd.set_vcpu_events(&self.events).named("KVM_SET_VCPU_EVENTS")?;
        fd.set_debug_regs(&self.debugregs).named("KVM_SET_DEBUGREGS")?;
        fd.set_mp_state(self.mp_state).named("KVM_SET_MP_STATE")?;
        let here = vcpu.tsc_khz()?;
        let tsc_changed = (here != self.tsc_khz).then_some((self.tsc_khz, here));
        Ok(Restored {
            skipped_msrs,
            tsc_changed,
        })
    }
}

/// An empty area of the size that this vCPU's kernel reads and writes.
fn xsave_area(vcpu: &Vcpu) -> Result<Xsave, Error> {
    let beyond = vcpu.vm().xsave_bytes().saturating_sub(size_of::<kvm_xsave>());
    Xsave::new(beyond.div_ceil(4)).map_err(|_| Error::Missing {
        what: "XSAVE area of the size it announces",
        mend: "report the processor: KVM_CAP_XSAVE2 is beyond all known sizes",
    })
}

pub(super) fn get_xsave(vcpu: &Vcpu) -> Result<Vec<u32>, Error> {
    let mut area = xsave_area(vcpu)?;
    if vcpu.vm().xsave_bytes() == 0 {
        return Ok(vcpu.fd().get_xsave().named("KVM_GET_XSAVE")?.region.to_vec());
    }
    // SAFETY: the area has the size that KVM_CAP_XSAVE2 announced, and this process enables no dynamic features.
    unsafe { vcpu.fd().get_xsave2(&mut area) }.named("KVM_GET_XSAVE2")?;
    let mut words = area.as_fam_struct_ref().xsave.region.to_vec();
    words.extend_from_slice(area.as_slice());
    Ok(words)
}

pub(super) fn set_xsave(vcpu: &Vcpu, words: &[u32]) -> Result<(), Error> {
    let mut area = xsave_area(vcpu)?;
    let fixed = area.as_fam_struct_ref().xsave.region.len();
    let room = fixed + area.as_slice().len();
    if words.len() != room {
        return Err(StateError::XsaveSize {
            saved: words.len() * 4,
            here: room * 4,
        }
        .into());
    }
    let (region, beyond) = words.split_at(fixed);
    area.as_mut_slice().copy_from_slice(beyond);
    // SAFETY: only the fixed part is changed; the length of the flexible one stays what it was.
    unsafe { area.as_mut_fam_struct() }
        .xsave
        .region
        .copy_from_slice(region);
    // SAFETY: the area has the size that KVM_CAP_XSAVE2 announced, or the fixed size of kernels without it.
    unsafe { vcpu.fd().set_xsave2(&area) }.named("KVM_SET_XSAVE")
}
