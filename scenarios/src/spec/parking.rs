//! `policies.parking` — when cores are parked.

use crate::units::{Ratio, SimDuration};

crate::words! {
    /// How far the number of cores awake goes when it changes: the "increase policy" and "decrease policy" of the
    /// power settings.
    pub enum ParkingStep {
        /// Straight to the number that the load asks for.
        Ideal = "ideal",
        /// One core.
        Single = "single",
        /// All that may be: to `max_cores` upwards, to `min_cores` downwards.
        All = "all",
    }
}

crate::spec! {
    /// Core parking as the Windows Server 2008 R2 power manager does it. The settings are the product's own; their
    /// defaults were not published and are assumed, except the interval and the 10 % of `min_cores`.
    pub struct ParkingSpec {
        /// Whether cores are parked at all.
        enabled: bool => default(true),
        /// Interval between evaluations ("time check interval").
        check_interval: SimDuration => default(SimDuration::from_millis(100)),
        /// Least share of logical processors left awake, rounded up to whole cores.
        min_cores: Ratio [Ratio(0.0), Ratio(1.0)] => default(Ratio(0.1)),
        /// Greatest share of logical processors left awake, rounded down to whole cores; parking is off when it is
        /// not above the least.
        max_cores: Ratio [Ratio(0.0), Ratio(1.0)] => default(Ratio(1.0)),
        /// Busy level above which more are woken; 50 to 95 % are usual.
        increase_threshold: Ratio => default(Ratio(0.8)),
        /// Busy level below which more are parked; 20 to 80 % are usual.
        decrease_threshold: Ratio => default(Ratio(0.6)),
        /// Evaluations in a row before more are woken ("increase time").
        increase_checks: u32 [1, 100] => default(1),
        /// Evaluations in a row before more are parked ("decrease time").
        decrease_checks: u32 [1, 100] => default(10),
        /// How far up it goes at once.
        increase_policy: ParkingStep => default(ParkingStep::Ideal),
        /// How far down it goes at once.
        decrease_policy: ParkingStep => default(ParkingStep::Ideal),
        /// Time until a parked processor runs what it is given; work that is sent to it waits so long. Assumed.
        wake_latency: SimDuration => default(SimDuration::from_nanos(100_000)),
    }
}
