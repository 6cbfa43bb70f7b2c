//! What post-copy costs the guest: waiting for pages that it touches before they have followed it.
//!
//! The pages follow in one sweep that takes T. A class with m grains still at the source has, by the time its part of
//! the sweep arrives, been touched as [dirtying](super::dirtying) says, so that
//!
//! ```text
//! faults F(E) = Σ m · (mean of P over exposures 0 … E)        P = share of the class touched
//! E = s · (T − F(E) · L / v)                                   each fault stops one of v processors for L
//! ```
//!
//! where s is the share the guest is granted. F grows with E and the right side falls, so there is one solution. The
//! classes know writes only: a guest that reads pages it never writes waits for those too, and the figure is a lower
//! bound for it.

use twinrack_scenario::units::{Ratio, SimDuration};

use super::dirtying::DirtyTracker;

/// What the guest waits for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Faults {
    /// Pages fetched because the guest touched them.
    pub count: f64,
    /// Processor time it waited, over all its virtual processors.
    pub stalled: SimDuration,
    /// Share of its processor time that it waited while the pages followed.
    pub slowdown: Ratio,
}

/// The faults of a guest whose pages follow within `transfer`: `latency` each, on `vcpus` virtual processors that are
/// busy and granted `share` of their time.
pub fn faults(
    guest: &DirtyTracker,
    transfer: SimDuration,
    latency: SimDuration,
    vcpus: u32,
    share: Ratio,
) -> Faults {
    let (transfer, latency) = (transfer.as_secs_f64(), latency.as_secs_f64());
    let vcpus = f64::from(vcpus.max(1));
    let (mut least, mut most) = (0.0, transfer * share.0.max(0.0));
    // Halving 60 times leaves a 10^18th of the transfer.
    for _ in 0..60 {
        let exposure = f64::midpoint(least, most);
        let room = share.0 * (transfer - guest.touched_early(exposure) * latency / vcpus);
        if exposure < room {
            least = exposure;
        } else {
            most = exposure;
        }
    }
    let count = guest.touched_early(least);
    let stalled = count * latency;
    Faults {
        count,
        stalled: SimDuration::from_secs_f64(stalled),
        slowdown: if transfer > 0.0 {
            Ratio((stalled / (transfer * vcpus)).min(1.0))
        } else {
            Ratio::ZERO
        },
    }
}

#[cfg(test)]
mod tests {
    use twinrack_scenario::spec::guest::{PageClassSpec, WritePattern};
    use twinrack_scenario::units::{Bytes, PerSecond, SimTime};

    use super::*;
    use crate::model::dirtying::{DirtyModel, Log};

    fn guest(pages: u64, rate: f64) -> DirtyTracker {
        let class = PageClassSpec {
            size: Some(Bytes::from_pages(pages)),
            rate: PerSecond(rate),
            pattern: WritePattern::Random,
        };
        DirtyTracker::new(
            DirtyModel::new(&[class], Bytes(4 << 30), Log::EarlyClear),
            SimTime::ZERO,
        )
    }

    const LATENCY: SimDuration = SimDuration::from_nanos(496_000);

    #[test]
    fn a_slow_guest_waits_for_half_of_what_it_touches() {
        // 10 touches/s for 10 s among 1,000,000 pages: 100 pages, half of them before they have come.
        let faults = faults(
            &guest(1_000_000, 10.0),
            SimDuration::from_secs(10),
            LATENCY,
            1,
            Ratio::ONE,
        );
        assert!((faults.count - 50.0).abs() < 0.2, "{faults:?}");
        assert!((faults.slowdown.0 - 50.0 * 496e-6 / 10.0).abs() < 1e-5);
    }

    #[test]
    fn waiting_is_bounded_by_the_transfer() {
        // 20 GB written at full speed: the guest does little else than wait, but never more than there is time.
        for vcpus in [1, 20] {
            let time = SimDuration::from_secs(17);
            let faults = faults(&guest(1_000_000, 1e6), time, LATENCY, vcpus, Ratio::ONE);
            assert!(faults.slowdown.0 > 0.5 && faults.slowdown.0 <= 1.0, "{faults:?}");
            assert!(faults.count <= 17.0 * f64::from(vcpus) / 496e-6);
        }
    }

    #[test]
    fn an_idle_guest_waits_for_nothing() {
        let none = faults(
            &guest(1000, 1e6),
            SimDuration::from_secs(1),
            LATENCY,
            4,
            Ratio::ZERO,
        );
        assert_eq!((none.count, none.stalled), (0.0, SimDuration::ZERO));
        assert_eq!(
            faults(&guest(1000, 1e6), SimDuration::ZERO, LATENCY, 4, Ratio::ONE).count,
            0.0
        );
    }
}
