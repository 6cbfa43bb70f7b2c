//! `/dev/kvm`: the version of its interface, what it can do, and new VMs.

use std::path::Path;
use std::sync::OnceLock;

use kvm_bindings::{CpuId, KVM_API_VERSION, KVM_MAX_CPUID_ENTRIES};
use kvm_ioctls::Kvm;

use super::{Error, Named};

/// An open `/dev/kvm`.
#[derive(Debug)]
pub struct System {
    kvm: Kvm,
    /// Asked for once: to list them the kernel runs `CPUID` a hundred times, each a trap where it is a guest itself.
    cpuid: OnceLock<CpuId>,
    msrs: OnceLock<Vec<u32>>,
}

impl System {
    /// Where it is.
    pub const PATH: &'static str = "/dev/kvm";

    /// Opens it and checks that it speaks version 12, the only one since 2007 (Linux, `Documentation/virt/kvm/api.rst`).
    pub fn open() -> Result<Self, Error> {
        Self::open_at(Path::new(Self::PATH))
    }

    /// Opens the device at `path`.
    pub fn open_at(path: &Path) -> Result<Self, Error> {
        let text = path.to_str().unwrap_or_default();
        let name = std::ffi::CString::new(text).unwrap_or_default();
        let kvm = Kvm::new_with_path(name).named("open /dev/kvm")?;
        if kvm.get_api_version() != KVM_API_VERSION.cast_signed() {
            return Err(Error::Missing {
                what: "KVM interface of version 12",
                mend: "open a KVM device of Linux 2.6.22 or later",
            });
        }
        Ok(Self {
            kvm,
            cpuid: OnceLock::new(),
            msrs: OnceLock::new(),
        })
    }

    /// The version of the interface.
    pub fn api_version(&self) -> i32 {
        self.kvm.get_api_version()
    }

    /// What the kernel answers for a capability (`KVM_CAP_…`): 0 or less when it is absent, else 1 or a size.
    pub fn capability(&self, capability: u32) -> i32 {
        self.kvm.check_extension_raw(u64::from(capability))
    }

    /// The processor features that a guest may see here.
    pub fn supported_cpuid(&self) -> Result<CpuId, Error> {
        if let Some(known) = self.cpuid.get() {
            return Ok(known.clone());
        }
        let asked = self
            .kvm
            .get_supported_cpuid(KVM_MAX_CPUID_ENTRIES)
            .named("KVM_GET_SUPPORTED_CPUID")?;
        Ok(self.cpuid.get_or_init(|| asked).clone())
    }

    /// The model-specific registers that belong to a vCPU's state, by number.
    pub fn state_msrs(&self) -> Result<Vec<u32>, Error> {
        if let Some(known) = self.msrs.get() {
            return Ok(known.clone());
        }
        let asked = self.kvm.get_msr_index_list().named("KVM_GET_MSR_INDEX_LIST")?;
        Ok(self.msrs.get_or_init(|| asked.as_slice().to_vec()).clone())
    }

    /// A system over another file: what fails then.
    #[cfg(test)]
    pub(super) const fn over(kvm: Kvm) -> Self {
        Self {
            kvm,
            cpuid: OnceLock::new(),
            msrs: OnceLock::new(),
        }
    }

    pub(super) fn kvm(&self) -> &Kvm {
        &self.kvm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_is_named() {
        let error = System::open_at(Path::new("/dev/no-such-kvm")).expect_err("not there");
        assert_eq!(error.errno(), Some(libc::ENOENT));
        assert!(error.to_string().starts_with("open /dev/kvm: "), "{error}");
    }

    #[test]
    fn a_device_that_is_no_kvm_is_refused() {
        // /dev/null opens, but knows no KVM_GET_API_VERSION.
        let error = System::open_at(Path::new("/dev/null")).expect_err("no KVM");
        assert!(matches!(error, Error::Missing { .. }), "{error}");
    }
}
