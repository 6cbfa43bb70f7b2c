//! Clark et al., NSDI'05: each round at the dirty rate of the last one plus a fixed increment, within the bounds of rounds and
//! traffic of the tool stack that it was built into.

use twinrack_scenario::record::event::StopReason;
use twinrack_scenario::spec::migration::Clark2005Spec;
use twinrack_scenario::units::{BitsPerSecond, Bytes, Ratio};

use super::PrecopyPolicy;
use crate::migration::round::{Decision, Progress, Until};

/// The policy and its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clark2005 {
    /// Rate of the first round.
    pub min_rate: BitsPerSecond,
    /// Added to the dirty rate of the last round.
    pub increment: BitsPerSecond,
    /// Greatest rate, and that of the pause.
    pub max_rate: BitsPerSecond,
    /// The loop ends when less than this is left.
    pub threshold: Bytes,
    /// Most rounds.
    pub max_rounds: u32,
    /// The loop ends when more than so many times the memory was sent.
    pub max_factor: u32,
}

impl From<&Clark2005Spec> for Clark2005 {
    fn from(spec: &Clark2005Spec) -> Self {
        Self {
            min_rate: spec.min_rate,
            increment: spec.increment,
            max_rate: spec.max_rate,
            threshold: spec.threshold,
            max_rounds: spec.max_rounds,
            max_factor: spec.max_factor,
        }
    }
}

impl Clark2005 {
    const fn stop(&self, reason: StopReason) -> Decision {
        Decision::StopAndCopy {
            reason,
            rate_limit: Some(self.max_rate),
        }
    }
}

impl PrecopyPolicy for Clark2005 {
    fn decide(&self, progress: &Progress) -> Decision {
        let rate = match progress.rounds.last() {
            None => self.min_rate,
            Some(_) if progress.left.0 == 0 => return self.stop(StopReason::AllPagesSent),
            Some(_) if progress.left < self.threshold => return self.stop(StopReason::FewPagesLeft),
            Some(_) if progress.rounds.len() >= self.max_rounds as usize => {
                return self.stop(StopReason::MaxRounds);
            }
            Some(_) if progress.sent_more_than(self.max_factor) => return self.stop(StopReason::MaxBytes),
            Some(last) => {
                let dirty = BitsPerSecond((last.dirty_rate().unwrap_or(0.0) * 8.0) as u64);
                let next = dirty.saturating_add(self.increment).max(self.min_rate);
                if next > self.max_rate {
                    return self.stop(StopReason::DirtyRateTooHigh);
                }
                next
            }
        };
        Decision::Continue {
            rate_limit: Some(rate),
            throttle: Ratio::ZERO,
            until: Until::MapSent,
        }
    }
}
