//! `policies.consolidation` — how running VMs are packed and hosts switched off.

use crate::units::{Ratio, SimDuration};

crate::words! {
    /// How an overloaded host is told (Beloglazov and Buyya 2012).
    pub enum DetectorSpec {
        /// Static threshold.
        Thr = "thr",
        /// Interquartile range.
        Iqr = "iqr",
        /// Median absolute deviation.
        Mad = "mad",
        /// Local regression.
        Lr = "lr",
        /// Robust local regression.
        Lrr = "lrr",
    }
}

crate::words! {
    /// Which VM leaves an overloaded host.
    pub enum SelectorSpec {
        /// Minimum migration time.
        Mmt = "mmt",
        /// Minimum utilisation.
        Mu = "mu",
        /// Random.
        Rs = "rs",
        /// Maximum correlation.
        Mc = "mc",
    }
}

crate::words! {
    /// Which host a VM is put on.
    pub enum PlacementSpec {
        /// Least increase of power (power-aware best fit decreasing).
        PowerAware = "power-aware",
        /// First host with room.
        FirstFit = "first-fit",
        /// Fullest host with room.
        BestFit = "best-fit",
        /// Emptiest host.
        WorstFit = "worst-fit",
        /// Greatest dot product of demand and room.
        DotProduct = "dot-product",
    }
}

crate::spec! {
    /// Periodic consolidation.
    pub struct ConsolidationSpec {
        /// Interval between decisions.
        interval: SimDuration [SimDuration::from_secs(1), SimDuration::from_secs(86_400)] => default(SimDuration::from_secs(300)),
        /// Overload detector.
        detector: DetectorSpec => default(DetectorSpec::Thr),
        /// Its parameter: the threshold of `thr`, the safety factor of the others; the published one when absent.
        parameter: Ratio => optional,
        /// VM selector.
        selector: SelectorSpec => default(SelectorSpec::Mmt),
        /// Whether hosts that can be emptied are, and are switched off.
        empty_hosts: bool => default(true),
        /// Most VMs that leave or reach one host by one decision: more would still be moving at the next.
        moves_max: u32 [1, 1000] => default(8),
        /// Utilisation above which a host takes no more VMs.
        target_ceiling: Ratio => default(Ratio(0.8)),
    }
}
