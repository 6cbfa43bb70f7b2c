//! SimGrid's plugin: go on while what is left takes longer than the wanted pause at the last round's bandwidth.

use twinrack_scenario::spec::migration::SimGridSpec;
use twinrack_scenario::units::{BitsPerSecond, Ratio, SimDuration};

use super::PrecopyPolicy;
use crate::migration::round::{Decision, Progress, Until};

/// The policy, and the constants of the plugin's own dirty model, which the body must use with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimGrid {
    /// Cap of the flow, and the base of the dirty rate.
    pub speed: BitsPerSecond,
    /// Bytes dirtied by a busy virtual processor, as a share of `speed`.
    pub intensity: Ratio,
    /// Most that a round can dirty, as a share of the memory.
    pub working_set: Ratio,
    /// Longest pause wanted.
    pub max_downtime: SimDuration,
    /// Rounds without a new least remainder after which it gives up.
    pub stalled_rounds: u32,
}

impl From<&SimGridSpec> for SimGrid {
    fn from(spec: &SimGridSpec) -> Self {
        Self {
            speed: spec.speed,
            intensity: spec.intensity,
            working_set: spec.working_set,
            max_downtime: spec.max_downtime,
            stalled_rounds: spec.stalled_rounds,
        }
    }
}

impl PrecopyPolicy for SimGrid {
    fn decide(&self, progress: &Progress) -> Decision {
        if !progress.rounds.is_empty() {
            let threshold = progress.bandwidth.unwrap_or(0.0) * self.max_downtime.as_secs_f64();
            if progress.left.0 <= threshold as u64 {
                return Decision::StopAndCopy {
                    reason: if progress.left.0 == 0 {
                        twinrack_scenario::record::event::StopReason::AllPagesSent
                    } else {
                        twinrack_scenario::record::event::StopReason::FewPagesLeft
                    },
                    rate_limit: Some(self.speed),
                };
            }
            if progress.stalled() >= self.stalled_rounds as usize {
                return Decision::GiveUp;
            }
        }
        Decision::Continue {
            rate_limit: Some(self.speed),
            throttle: Ratio::ZERO,
            until: Until::MapSent,
        }
    }
}
