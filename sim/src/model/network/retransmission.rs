//! Retransmission: how long TCP waits for a network that carries nothing, and when it notices that it is back.
//!
//! The wait before retransmission `n + 1` is `min(r·2ⁿ, r_max)`. After the last of `N` retransmissions TCP waits once more, so
//! that a connection over which nothing comes through is given up after `Σₙ₌₀ᴺ min(r·2ⁿ, r_max)`: 300 ms and 5 times give
//! 0.3·(2⁶ − 1) = 18.9 s, 200 ms, 15 times and at most 120 s give 924.6 s.

use twinrack_scenario::spec::connection::ConnectionSpec;
use twinrack_scenario::units::SimDuration;

/// The waits of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retransmission {
    first: SimDuration,
    longest: SimDuration,
    times: u32,
}

impl Retransmission {
    /// As a scenario says; nothing said is no wait at all.
    pub fn new(spec: &ConnectionSpec) -> Self {
        Self {
            first: spec.retransmit_after.unwrap_or_default(),
            longest: spec.retransmit_most,
            times: spec.retransmissions.unwrap_or(0),
        }
    }

    /// How long it waits after so many retransmissions.
    pub fn wait(&self, made: u32) -> SimDuration {
        let doubled = 1_u64.checked_shl(made).unwrap_or(u64::MAX);
        self.first.saturating_mul(doubled).min(self.longest)
    }

    /// Whether that wait is the last.
    pub const fn gives_up(&self, made: u32) -> bool {
        made >= self.times
    }
}

#[cfg(test)]
mod tests {
    use twinrack_scenario::decode::{Decoder, Field};
    use twinrack_scenario::fault::SourceId;
    use twinrack_scenario::spec::migration::MigrationPolicySpec;

    use super::*;

    /// Time from the last acknowledgement until a connection of that policy is given up.
    fn patience(yaml: &str) -> SimDuration {
        let (node, _) = twinrack_scenario::yaml::parse(yaml, SourceId(0)).expect("valid YAML");
        let spec = MigrationPolicySpec::decode(&node, &mut Decoder::default()).expect("no faults");
        let waits = Retransmission::new(&spec.connection.filled(spec.policy.as_ref()));
        let mut waited = SimDuration::ZERO;
        let mut made = 0;
        loop {
            waited += waits.wait(made);
            if waits.gives_up(made) {
                return waited;
            }
            made += 1;
        }
    }

    #[test]
    fn windows_gives_up_before_20_s_and_linux_after_15_minutes() {
        assert_eq!(patience("{}"), SimDuration::from_millis(18_900));
        assert_eq!(
            patience("{policy: {qemu: {}}}"),
            SimDuration::from_millis(924_600)
        );
        assert_eq!(patience("{policy: {simgrid: {}}}"), SimDuration::ZERO);
        // 0.3 + 0.6 + 1 + 1: no wait is longer than the longest.
        let own = "{connection: {retransmit_most: 1s, retransmissions: 3}}";
        assert_eq!(patience(own), SimDuration::from_millis(2_900));
    }
}
