//! What came of a migration: its outcome and its figures.

use twinrack_scenario::record::event::{Outcome, StopReason};
use twinrack_scenario::units::{Bytes, SimDuration, SimTime};

use super::round::Round;
use super::step::{Refusal, Step};

/// A step that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepTaken {
    /// Which.
    pub step: Step,
    /// When it began.
    pub began: SimTime,
    /// When it ended.
    pub ended: SimTime,
}

/// How a black-out looks to those who talk to the VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Visibility {
    /// Nobody notices.
    Seamless,
    /// Clusters of guests fail over: their heartbeat allows 5 s.
    GuestClusterFailsOver,
    /// TCP connections are reset: they last about 20 s without an answer.
    ConnectionsReset,
}

impl Visibility {
    /// Heartbeat limit of a cluster of guests.
    pub const GUEST_CLUSTER_LIMIT: SimDuration = SimDuration::from_secs(5);
    /// Time after which Windows gives a TCP connection up.
    pub const TCP_LIMIT: SimDuration = SimDuration::from_secs(20);

    /// The class of a black-out.
    pub fn of(blackout: SimDuration) -> Self {
        if blackout <= Self::GUEST_CLUSTER_LIMIT {
            Self::Seamless
        } else if blackout <= Self::TCP_LIMIT {
            Self::GuestClusterFailsOver
        } else {
            Self::ConnectionsReset
        }
    }
}

/// What came of a migration.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// Why, when it did not complete.
    pub reason: Option<Refusal>,
    /// Why pre-copy ended, when it did.
    pub stop: Option<StopReason>,
    /// The rounds.
    pub rounds: Vec<Round>,
    /// The steps, in order.
    pub steps: Vec<StepTaken>,
    /// Bytes on the wire: rounds, rest, state, and pages that followed.
    pub sent: Bytes,
    /// From start to end.
    pub total: SimDuration,
    /// Memory transfer while the VM ran on the source.
    pub brownout: SimDuration,
    /// The virtual processors stood still (hypervisor downtime).
    pub downtime: SimDuration,
    /// A client saw nothing of the VM: the downtime and until the network had learnt.
    pub outage: SimDuration,
    /// Pages that followed the VM after it moved (post-copy): how long that took.
    pub fetch: SimDuration,
    /// Guest memory left when the VM was paused.
    pub left_at_pause: Bytes,
}
