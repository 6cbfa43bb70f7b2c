//! Hyper-V 2008 R2: copy what was dirtied until all pages are sent or 10 rounds are done.

use twinrack_scenario::record::event::StopReason;
use twinrack_scenario::spec::migration::HyperVR2Spec;
use twinrack_scenario::units::SimDuration;

use super::PrecopyPolicy;
use crate::migration::round::{Decision, Progress};

/// The policy and its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HyperVR2 {
    /// Most rounds.
    pub max_rounds: u32,
    /// Whether the full copy is one of them.
    pub count_full_copy: bool,
    /// The loop ends when no more pages than this are left.
    pub threshold_pages: u64,
    /// The loop ends when what is left can be sent in this time.
    pub threshold_time: SimDuration,
}

impl Default for HyperVR2 {
    fn default() -> Self {
        Self {
            max_rounds: 10,
            count_full_copy: true,
            threshold_pages: 0,
            threshold_time: SimDuration::ZERO,
        }
    }
}

impl From<&HyperVR2Spec> for HyperVR2 {
    fn from(spec: &HyperVR2Spec) -> Self {
        Self {
            max_rounds: spec.max_rounds,
            count_full_copy: spec.count_full_copy,
            threshold_pages: u64::from(spec.threshold_pages),
            threshold_time: spec.threshold_time,
        }
    }
}

impl PrecopyPolicy for HyperVR2 {
    fn decide(&self, progress: &Progress) -> Decision {
        if progress.rounds.is_empty() {
            return Decision::go_on();
        }
        let in_time = progress.bandwidth.unwrap_or(0.0) * self.threshold_time.as_secs_f64();
        if progress.left.pages() <= self.threshold_pages.max((in_time / 4096.0) as u64) {
            return Decision::converged(progress.left);
        }
        let limit = self.max_rounds as usize + usize::from(!self.count_full_copy);
        if progress.rounds.len() >= limit {
            return Decision::stop(StopReason::MaxRounds);
        }
        Decision::go_on()
    }
}
