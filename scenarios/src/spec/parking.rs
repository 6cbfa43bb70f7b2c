//! `policies.parking` — when cores are parked.

use crate::units::{Ratio, SimDuration};

crate::spec! {
    /// Core parking as the Windows Server 2008 R2 power manager does it.
    pub struct ParkingSpec {
        /// Whether cores are parked at all.
        enabled: bool => default(true),
        /// Interval between evaluations.
        check_interval: SimDuration => default(SimDuration::from_millis(100)),
        /// Least share of logical processors left awake.
        min_cores: Ratio [Ratio(0.0), Ratio(1.0)] => default(Ratio(0.1)),
        /// Greatest share of logical processors left awake; parking is off when it is not above the least.
        max_cores: Ratio [Ratio(0.0), Ratio(1.0)] => default(Ratio(1.0)),
        /// Busy level above which more are woken.
        increase_threshold: Ratio => default(Ratio(0.8)),
        /// Busy level below which more are parked.
        decrease_threshold: Ratio => default(Ratio(0.6)),
        /// Evaluations in a row before more are woken.
        increase_checks: u32 [1, 100] => default(1),
        /// Evaluations in a row before more are parked.
        decrease_checks: u32 [1, 100] => default(10),
    }
}
