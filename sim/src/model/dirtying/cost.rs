//! What migration costs beside the pause: dirty faults in the guest, processor time to send.

use twinrack_scenario::spec::migration::MigrationCostSpec;
use twinrack_scenario::units::{Bytes, Ratio, SimDuration};

/// Prices of one migration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Guest time for the first write to a page in each round.
    pub dirty_fault: SimDuration,
    /// Seconds of one host processor for each byte, at either end.
    pub seconds_per_byte: f64,
}

impl From<&MigrationCostSpec> for Cost {
    fn from(spec: &MigrationCostSpec) -> Self {
        Self {
            dirty_fault: spec.dirty_fault,
            seconds_per_byte: f64::from(spec.send_nanos_per_byte) * 1e-9,
        }
    }
}

impl Cost {
    /// Host processors kept busy by sending or receiving at `rate` bytes per second.
    pub fn processors(&self, rate: f64) -> f64 {
        rate * self.seconds_per_byte
    }
}

/// Share of the guest's processor time that goes into dirty faults when it dirtied so much in such a time, on `vcpus`
/// busy virtual processors. It is reported, and taken from the guest's work; it is not fed back into the dirty rate,
/// which scenarios give as observed.
pub fn slowdown(dirtied: Bytes, elapsed: SimDuration, vcpus: f64, fault: SimDuration) -> Ratio {
    let guest = elapsed.as_secs_f64() * vcpus;
    if guest <= 0.0 {
        return Ratio::ZERO;
    }
    Ratio((dirtied.pages() as f64 * fault.as_secs_f64() / guest).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_cost_what_they_take() {
        // 200,000 pages in 7.447 s at 1.2 µs: 0.24 s of 7.447 s.
        let cost = slowdown(
            Bytes::from_pages(200_000),
            SimDuration::from_millis(7447),
            1.0,
            SimDuration::from_nanos(1200),
        );
        assert!((cost.0 - 0.24 / 7.447).abs() < 1e-9);
        assert_eq!(
            slowdown(Bytes::GIB, SimDuration::ZERO, 1.0, SimDuration::from_nanos(1)),
            Ratio::ZERO
        );
    }
}
