//! `workloads:` — demand over time, by name.

use crate::decode::Spanned;
use crate::units::{Ratio, SimDuration};

crate::spec! {
    /// The same demand all the time.
    pub struct ConstantSpec {
        /// Share of the virtual processors.
        cpu: Ratio [Ratio(0.0), Ratio(1.0)] => required,
    }
}

crate::spec! {
    /// From this time on, this demand.
    pub struct StepSpec {
        /// When.
        at: SimDuration => required,
        /// Share of the virtual processors.
        cpu: Ratio [Ratio(0.0), Ratio(1.0)] => required,
    }
}

crate::spec! {
    /// Steps; nothing is asked for before the first.
    pub struct StepsSpec {
        /// The steps, in order of time.
        steps: StepSpec => list,
    }
}

crate::spec! {
    /// A wave: `mean + amplitude * cos(2 pi (t - peak) / period)`, cut off at 0 and 1.
    pub struct DiurnalSpec {
        /// Mean demand.
        mean: Ratio [Ratio(0.0), Ratio(1.0)] => required,
        /// How far it swings.
        amplitude: Ratio [Ratio(0.0), Ratio(1.0)] => required,
        /// Time from peak to peak.
        period: SimDuration [SimDuration::from_secs(1), SimDuration::from_secs(31_536_000)] => default(SimDuration::from_secs(86_400)),
        /// Time of the first peak.
        peak: SimDuration => default(SimDuration::from_secs(50_400)),
        /// How often the demand follows the wave.
        interval: SimDuration [SimDuration::from_millis(100), SimDuration::from_secs(86_400)] => default(SimDuration::from_secs(300)),
    }
}

crate::spec! {
    /// A state of a bursty demand.
    pub struct BurstStateSpec {
        /// Demand in it.
        cpu: Ratio [Ratio(0.0), Ratio(1.0)] => required,
        /// Mean stay, exponentially distributed.
        stay: SimDuration [SimDuration::from_millis(1), SimDuration::from_secs(31_536_000)] => required,
    }
}

crate::spec! {
    /// Markov-modulated: each VM goes from state to state on its own, to any other with equal chance.
    pub struct BurstySpec {
        /// The states; each VM begins in one of them by chance, weighted by stay.
        states: BurstStateSpec => list,
    }
}

crate::words! {
    /// Which VM gets which row of a trace.
    pub enum TraceOrder {
        /// Rows are dealt to the VMs in their order, round and round: every run has the same.
        Dealt = "dealt",
        /// Each VM draws its row by chance, with replacement: another seed is another sample of the population that the
        /// trace came from (the bootstrap of Efron, "Bootstrap Methods", 1979).
        Drawn = "drawn",
    }
}

crate::spec! {
    /// Rows of the scenario's trace, one for each VM that follows this workload.
    pub struct TraceSpec {
        /// Time between samples; each holds until the next.
        interval: SimDuration [SimDuration::from_millis(100), SimDuration::from_secs(86_400)] => default(SimDuration::from_secs(300)),
        /// Factor on every sample.
        scale: Ratio [Ratio(0.0), Ratio(100.0)] => default(Ratio(1.0)),
        /// Which VM gets which row.
        order: TraceOrder => default(TraceOrder::Dealt),
    }
}

crate::variants! {
    /// The shape of a demand.
    pub enum WorkloadKind {
        /// The same all the time.
        Constant(ConstantSpec) = "constant",
        /// Steps.
        Steps(StepsSpec) = "steps",
        /// A wave over the day.
        Diurnal(DiurnalSpec) = "diurnal",
        /// Bursts.
        Bursty(BurstySpec) = "bursty",
        /// From a trace.
        Trace(TraceSpec) = "trace",
    }
}

crate::words! {
    /// How a VM's dirty rates go with its demand.
    pub enum DirtyingCourse {
        /// They are what the VM's `dirtying` says, whatever it does with its processors.
        Steady = "steady",
        /// They are reached at full demand and fall with it in proportion: half the work writes half as often.
        FollowsDemand = "follows-demand",
    }
}

crate::spec! {
    /// How much of its memory a VM has touched: in proportion to its demand between two shares, and never less again.
    pub struct MemoryCourseSpec {
        /// Share of its memory that an idle VM has touched.
        idle: Ratio [Ratio(0.0), Ratio(1.0)] => required,
        /// Share of its memory that it has touched once it was fully busy.
        busy: Ratio [Ratio(0.0), Ratio(1.0)] => required,
    }
}

crate::spec! {
    /// A named demand, and what follows from it.
    pub struct WorkloadSpec {
        /// Its name.
        name: Spanned<String> => required,
        /// Its shape.
        demand: WorkloadKind => required,
        /// How the dirty rates of the VMs that follow it go with it.
        dirtying: DirtyingCourse => default(DirtyingCourse::Steady),
        /// Memory that the VMs that follow it have touched, in place of their `untouched`.
        memory: MemoryCourseSpec => optional,
    }
}
