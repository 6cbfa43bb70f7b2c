//! Post-copy: some rounds of pre-copy, then the VM moves and its pages follow (Hines and Gopalan, VEE'09).

use twinrack_scenario::record::event::StopReason;
use twinrack_scenario::spec::migration::PostCopySpec;
use twinrack_scenario::units::{BitsPerSecond, SimDuration};

use super::PrecopyPolicy;
use crate::migration::round::{Decision, Progress};

/// The policy and its constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostCopy {
    /// Rounds of pre-copy before the switch.
    pub precopy_rounds: u32,
    /// Most bandwidth of the pages that follow.
    pub max_bandwidth: Option<BitsPerSecond>,
    /// Time to bring a page that the guest waits for.
    pub fault_latency: SimDuration,
}

impl From<&PostCopySpec> for PostCopy {
    fn from(spec: &PostCopySpec) -> Self {
        Self {
            precopy_rounds: spec.precopy_rounds,
            max_bandwidth: spec.max_bandwidth,
            fault_latency: spec.fault_latency,
        }
    }
}

impl PrecopyPolicy for PostCopy {
    fn decide(&self, progress: &Progress) -> Decision {
        if progress.left.0 == 0 {
            Decision::stop(StopReason::AllPagesSent)
        } else if progress.rounds.len() >= self.precopy_rounds as usize {
            Decision::stop(StopReason::SwitchedToPostCopy)
        } else {
            Decision::go_on()
        }
    }
}
