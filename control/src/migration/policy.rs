//! When pre-copy ends: one policy a file, each a pure function of the rounds so far.

mod clark_2005;
mod hyperv_r2;
mod post_copy;
mod qemu;
mod simgrid;
mod xen;

pub use clark_2005::Clark2005;
pub use hyperv_r2::HyperVR2;
pub use post_copy::PostCopy;
pub use qemu::Qemu;
pub use simgrid::SimGrid;
pub use xen::Xen;

use twinrack_scenario::spec::migration::PrecopyPolicySpec;

use super::round::{Decision, Progress};

/// Decides after each round, and once before the first.
pub trait PrecopyPolicy {
    /// What to do next. The same progress gives the same decision, always.
    fn decide(&self, progress: &Progress) -> Decision;
}

/// Any of the policies.
#[derive(Debug, Clone, PartialEq)]
pub enum Policy {
    /// Hyper-V 2008 R2.
    HyperVR2(HyperVR2),
    /// QEMU.
    Qemu(Qemu),
    /// Xen.
    Xen(Xen),
    /// Clark et al. 2005.
    Clark2005(Clark2005),
    /// SimGrid's plugin.
    SimGrid(SimGrid),
    /// Post-copy.
    PostCopy(PostCopy),
}

impl Policy {
    /// The policy that a scenario asks for; Hyper-V 2008 R2 with its defaults when it names none.
    pub fn of(spec: Option<&PrecopyPolicySpec>) -> Self {
        match spec {
            None => Self::HyperVR2(HyperVR2::default()),
            Some(PrecopyPolicySpec::HyperVR2(spec)) => Self::HyperVR2(HyperVR2::from(spec)),
            Some(PrecopyPolicySpec::Qemu(spec)) => Self::Qemu(Qemu::from(spec)),
            Some(PrecopyPolicySpec::Xen(spec)) => Self::Xen(Xen::from(spec)),
            Some(PrecopyPolicySpec::Clark2005(spec)) => Self::Clark2005(Clark2005::from(spec)),
            Some(PrecopyPolicySpec::SimGrid(spec)) => Self::SimGrid(SimGrid::from(spec)),
            Some(PrecopyPolicySpec::PostCopy(spec)) => Self::PostCopy(PostCopy::from(spec)),
        }
    }
}

impl PrecopyPolicy for Policy {
    fn decide(&self, progress: &Progress) -> Decision {
        match self {
            Self::HyperVR2(policy) => policy.decide(progress),
            Self::Qemu(policy) => policy.decide(progress),
            Self::Xen(policy) => policy.decide(progress),
            Self::Clark2005(policy) => policy.decide(progress),
            Self::SimGrid(policy) => policy.decide(progress),
            Self::PostCopy(policy) => policy.decide(progress),
        }
    }
}

#[cfg(test)]
mod tests;
