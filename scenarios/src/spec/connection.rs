//! `policies.migration.connection` — how long a migration waits for a network that carries nothing.

use super::migration::PrecopyPolicySpec;
use crate::units::SimDuration;

crate::spec! {
    /// When the TCP connection of a migration is given up. What is not acknowledged is sent again, each time after twice
    /// the time waited before; after the last time it waits once more and ends the connection. A network that comes back
    /// meanwhile is noticed when it is sent again next.
    pub struct ConnectionSpec {
        /// First wait for an acknowledgement. Round trips of a data centre are far below the least that TCP waits: 300 ms on
        /// Windows Server 2008 R2, 200 ms on Linux (`TCP_RTO_MIN`) for `qemu`, `xen`, `clark-2005` and `post-copy`. None for
        /// `simgrid`, whose plugin fails at once.
        retransmit_after: SimDuration => optional,
        /// Longest wait; 120 s on Linux (`TCP_RTO_MAX`), never reached with the few times of Windows.
        retransmit_most: SimDuration => default(SimDuration::from_secs(120)),
        /// How often something is sent again: 5 times on Windows (`TcpMaxDataRetransmissions`, KB 170359), which gives up
        /// 18.9 s after the last acknowledgement; 15 on Linux (`tcp_retries2`), which gives up after 924.6 s.
        retransmissions: u32 [0, 255] => optional,
    }
}

impl ConnectionSpec {
    /// With the defaults of the policy where nothing is said.
    #[must_use]
    pub fn filled(&self, policy: Option<&PrecopyPolicySpec>) -> Self {
        let (after, times) = match policy {
            None | Some(PrecopyPolicySpec::HyperVR2(_)) => (SimDuration::from_millis(300), 5),
            Some(PrecopyPolicySpec::SimGrid(_)) => (SimDuration::ZERO, 0),
            Some(
                PrecopyPolicySpec::Qemu(_)
                | PrecopyPolicySpec::Xen(_)
                | PrecopyPolicySpec::Clark2005(_)
                | PrecopyPolicySpec::PostCopy(_),
            ) => (SimDuration::from_millis(200), 15),
        };
        Self {
            retransmit_after: self.retransmit_after.or(Some(after)),
            retransmit_most: self.retransmit_most,
            retransmissions: self.retransmissions.or(Some(times)),
        }
    }
}
