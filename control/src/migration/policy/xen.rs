//! Xen: stop after few rounds, at few pages, or when the traffic passes a multiple of the memory.

use twinrack_scenario::record::event::StopReason;
use twinrack_scenario::spec::migration::XenSpec;

use super::PrecopyPolicy;
use crate::migration::round::{Decision, Progress};

/// The policy and its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Xen {
    /// Most rounds.
    pub max_rounds: u32,
    /// The loop ends when fewer pages than this are left.
    pub threshold_pages: u64,
    /// The loop ends when more than so many times the memory was sent.
    pub max_factor: Option<u32>,
}

impl Xen {
    /// The classic tool stack (Akoush et al., MASCOTS'10): 29 rounds, 50 pages, 3 times the memory.
    pub const LEGACY: Self = Self {
        max_rounds: 29,
        threshold_pages: 50,
        max_factor: Some(3),
    };

    /// Today's libxenguest (`SPP_MAX_ITERATIONS`, `SPP_TARGET_DIRTY_COUNT`).
    pub const CURRENT: Self = Self {
        max_rounds: 5,
        threshold_pages: 50,
        max_factor: None,
    };
}

impl From<&XenSpec> for Xen {
    fn from(spec: &XenSpec) -> Self {
        Self {
            max_rounds: spec.max_rounds,
            threshold_pages: u64::from(spec.threshold_pages),
            max_factor: spec.max_factor,
        }
    }
}

impl PrecopyPolicy for Xen {
    fn decide(&self, progress: &Progress) -> Decision {
        if progress.rounds.is_empty() {
            return Decision::go_on();
        }
        if progress.left.0 == 0 || progress.left.pages() < self.threshold_pages {
            return Decision::converged(progress.left);
        }
        if progress.rounds.len() >= self.max_rounds as usize {
            return Decision::stop(StopReason::MaxRounds);
        }
        if self
            .max_factor
            .is_some_and(|factor| progress.sent_more_than(factor))
        {
            return Decision::stop(StopReason::MaxBytes);
        }
        Decision::go_on()
    }
}
