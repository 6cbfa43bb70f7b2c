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
        /// Static threshold, maximum correlation.
        ThrMc = "thr-mc",
        /// Interquartile range, minimum migration time.
        IqrMmt = "iqr-mmt",
        /// Interquartile range, maximum correlation.
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

crate::words! {
    /// Something that the program computes otherwise than its paper says, or than a datacenter does.
    pub enum Oddity {
        /// A host without load draws nothing, nor does one in the interval in which it wakes. Mended: it draws its idle power
        /// while VMs are on it, and always where no policy switches hosts off.
        FreeIdle = "free-idle",
        /// A VM that asks for nothing in two samples on end disappears for good. Mended: it stays.
        VanishingVms = "vanishing-vms",
        /// Memory limits the placement at the start alone. Mended: a target has room for the VM's memory.
        UncheckedMemory = "unchecked-memory",
        /// A VM on its way is on its target too, is allocated a tenth of its request there, and makes that host violated. Mended:
        /// it is on its source alone until it arrives.
        ArrivingTenth = "arriving-tenth",
        /// A VM on its way gets nine tenths of its request. Mended: all of it.
        LeavingTenth = "leaving-tenth",
        /// Local regression is a plain line: its weights are computed and not used. Mended: tricube weights, and for `lrr` the
        /// bisquare ones of its residuals.
        PlainLine = "plain-line",
        /// The host that takes a VM of an overloaded one may be emptied in the same decision, which moves the VM twice. Mended: it
        /// may not.
        DoubleMoves = "double-moves",
        /// A host that never ran counts as shut down once. Mended: it does not.
        PhantomShutdowns = "phantom-shutdowns",
        /// Under shortage shares are rounded down to whole MIPS. Mended: they are not.
        WholeMips = "whole-mips",
    }
}

crate::spec! {
    /// The `PlanetLab` consolidation experiment of `CloudSim` 3.0.3.
    pub struct CloudSimSpec {
        /// The policy.
        policy: CloudSimPolicy => required,
        /// Oddities of the program to do without: how much of a figure each of them is.
        mended: Oddity => list,
    }
}

crate::variants! {
    /// A published experiment.
    pub enum ExperimentSpec {
        /// `PlanetLab` on 800 hosts, as `CloudSim` 3.0.3 computes it.
        CloudSimPlanetLab(CloudSimSpec) = "cloudsim_planetlab",
    }
}
