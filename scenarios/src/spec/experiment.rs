//! `experiment:` — a published experiment, run as its own simulator computes it.

crate::words! {
    /// A policy of the experiment.
    pub enum CloudSimPolicy {
        /// Non power aware: every host at full power.
        Npa = "npa",
        /// Power follows load; no migration.
        Dvfs = "dvfs",
        /// Static threshold, minimum migration time.
        ThrMmt = "thr-mmt",
        /// Static threshold, minimum utilisation.
        ThrMu = "thr-mu",
        /// Static threshold, maximum correlation. Not exact: the description of its regression did not suffice.
        ThrMc = "thr-mc",
        /// Interquartile range, minimum migration time.
        IqrMmt = "iqr-mmt",
        /// Interquartile range, maximum correlation. Not exact: the description of its regression did not suffice.
        IqrMc = "iqr-mc",
        /// Median absolute deviation, minimum migration time.
        MadMmt = "mad-mmt",
        /// Local regression, minimum migration time.
        LrMmt = "lr-mmt",
        /// Robust local regression, minimum migration time.
        LrrMmt = "lrr-mmt",
        /// Local regression, minimum utilisation.
        LrMu = "lr-mu",
    }
}

crate::spec! {
    /// The `PlanetLab` consolidation experiment of `CloudSim` 3.0.3.
    pub struct CloudSimSpec {
        /// The policy.
        policy: CloudSimPolicy => required,
    }
}

crate::variants! {
    /// A published experiment.
    pub enum ExperimentSpec {
        /// `PlanetLab` on 800 hosts, as `CloudSim` 3.0.3 computes it.
        CloudSimPlanetLab(CloudSimSpec) = "cloudsim_planetlab",
    }
}
