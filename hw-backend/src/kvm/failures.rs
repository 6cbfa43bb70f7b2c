//! What every call says when the kernel refuses it: files that are no KVM stand in for a system, a VM and a vCPU.
//!
//! `/dev/null` and a memory file know no call of KVM's, so each comes back with `ENOTTY`. Of a vCPU's state only the first call of each way
//! and those with a function of their own are reached: the others stand behind them.

#![expect(unsafe_code, reason = "gives files away as KVM's descriptors")]

use std::fs::File;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::sync::Arc;

use kvm_bindings::{kvm_regs, kvm_sregs};
use kvm_ioctls::{Kvm, VmFd};
use twinrack_scenario::units::Bytes;

use super::dirty::{RingReader, log_of};
use super::*;
use crate::require_kvm;

fn null() -> File {
    File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .expect("/dev/null")
}

fn memory() -> Arc<GuestMemory> {
    Arc::new(GuestMemory::new(Bytes(1 << 20), Backing::Anonymous).expect("1 MiB"))
}

/// The name of the call and what is said about it.
fn told<T>(result: Result<T, Error>) -> (String, String) {
    let error = result.map(drop).expect_err("no KVM");
    let text = error.to_string();
    assert_eq!(error.errno(), Some(libc::ENOTTY), "{text}");
    let (call, why) = text.split_once(": ").expect("a call and why");
    (call.to_owned(), why.to_owned())
}

/// Each is told by its name, with what can be done.
fn all_told<const N: usize>(told: [(String, String); N], calls: [&str; N]) {
    assert_eq!(told.clone().map(|(call, _)| call), calls);
    for (call, why) in told {
        assert!(why.contains("\n = help: "), "{call}: {why}");
    }
}

/// A VM whose descriptor is `/dev/null`.
fn vm_over_null(system: &System, mechanism: DirtyMechanism) -> Vm {
    // SAFETY: the file is given away here, and nobody else closes it.
    let fd: VmFd = unsafe { system.kvm().create_vmfd_from_rawfd(null().into_raw_fd()) }.expect("its size");
    Vm::over(fd, memory(), mechanism)
}

/// A vCPU whose descriptor is a memory file: that can be mapped, as a vCPU's must.
fn vcpu_over_file(system: &System) -> Vcpu {
    let vm = vm_over_null(system, DirtyMechanism::Bitmap);
    let file = GuestMemory::new(Bytes(1 << 20), Backing::Memfd).expect("a file");
    let file = file.file().expect("a file").try_clone().expect("a clone");
    // SAFETY: the file is given away here; of the descriptor only the size of its mapping is used.
    let fds: VmFd = unsafe { system.kvm().create_vmfd_from_rawfd(null().into_raw_fd()) }.expect("its size");
    // SAFETY: the file is given away here, and is longer than a vCPU's mapping.
    let fd = unsafe { fds.create_vcpu_from_rawfd(file.into_raw_fd()) }.expect("mapped");
    Vcpu::new(fd, 0, vm).expect("a vCPU")
}

#[test]
fn every_call_of_the_system_is_told_by_its_name() {
    // SAFETY: the file is given away here, and nobody else closes it.
    let system = System::over(unsafe { Kvm::from_raw_fd(null().into_raw_fd()) });
    all_told(
        [
            told(Vm::new(&system, memory(), DirtyMechanism::Bitmap)),
            told(system.supported_cpuid()),
            told(system.state_msrs()),
        ],
        [
            "KVM_CREATE_VM",
            "KVM_GET_SUPPORTED_CPUID",
            "KVM_GET_MSR_INDEX_LIST",
        ],
    );
}

#[test]
fn every_call_of_a_vm_is_told_by_its_name() {
    let system = require_kvm!();
    let vm = vm_over_null(&system, DirtyMechanism::Bitmap);
    let cpuid = system.supported_cpuid().expect("CPUID");
    let mut log = log_of(&vm, None).expect("a log");
    let mut pages = PageSet::empty(vm.memory().pages());
    all_told(
        [
            told(vm.create_vcpu(0, &cpuid)),
            told(log.start()),
            told(log.collect(&mut pages)),
            told(log.stop()),
            told(vm.clear_log(0, 256, &[0; 4])),
            told(vm.reset_rings()),
            told(vm.stats()),
        ],
        [
            "KVM_CREATE_VCPU",
            "KVM_SET_USER_MEMORY_REGION",
            "KVM_GET_DIRTY_LOG",
            "KVM_SET_USER_MEMORY_REGION",
            "KVM_CLEAR_DIRTY_LOG",
            "KVM_RESET_DIRTY_RINGS",
            "KVM_GET_STATS_FD",
        ],
    );
    let rings = vm_over_null(&system, DirtyMechanism::Ring { entries: 1024 });
    assert!(log_of(&rings, None).is_err(), "a ring needs its reader");
    assert!(
        RingReader::new(&vm, []).is_err(),
        "a VM without rings has none to read"
    );
}

#[test]
fn every_call_of_a_vcpu_is_told_by_its_name() {
    let system = require_kvm!();
    let mut vcpu = vcpu_over_file(&system);
    all_told(
        [
            told(vcpu.run()),
            told(vcpu.settle()),
            told(vcpu.regs()),
            told(vcpu.set_regs(&kvm_regs::default())),
            told(vcpu.sregs()),
            told(vcpu.set_sregs(&kvm_sregs::default())),
            told(vcpu.tsc_khz()),
            told(vcpu.stats()),
            told(VcpuState::save(&mut vcpu, &[])),
            told(state::get_xsave(&vcpu)),
            told(state::set_xsave(&vcpu, &[0; 1024])),
            told(state::get_msrs(vcpu.fd(), &[0x10])),
            told(state::set_msrs(vcpu.fd(), &[(0x10, 0)])),
        ],
        [
            "KVM_RUN",
            "KVM_RUN",
            "KVM_GET_REGS",
            "KVM_SET_REGS",
            "KVM_GET_SREGS",
            "KVM_SET_SREGS",
            "KVM_GET_TSC_KHZ",
            "KVM_GET_STATS_FD",
            "KVM_RUN",
            "KVM_GET_XSAVE",
            "KVM_SET_XSAVE",
            "KVM_GET_MSRS",
            "KVM_SET_MSRS",
        ],
    );
}

#[test]
fn memory_that_can_not_be_had_is_told_by_its_call() {
    let error = GuestMemory::new(Bytes(1 << 60), Backing::Anonymous).expect_err("more than there is");
    let text = error.to_string();
    assert!(
        text.starts_with("mmap: ") && text.contains("smaller guests"),
        "{text}"
    );
}
