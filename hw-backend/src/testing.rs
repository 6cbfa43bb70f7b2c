//! What tests share: KVM where it is, and a loud word where it is not.

/// The open `/dev/kvm`; where there is none, says on standard error which test is skipped and why, and returns.
#[macro_export]
macro_rules! require_kvm {
    () => {
        match $crate::kvm::System::open() {
            Ok(system) => system,
            Err(error) => {
                eprintln!(
                    "SKIPPED {}: needs KVM: {error}",
                    std::thread::current().name().unwrap_or("test")
                );
                return;
            }
        }
    };
}
