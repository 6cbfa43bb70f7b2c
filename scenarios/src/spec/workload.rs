//! `workloads:` — demand over time, by name.

use crate::decode::Spanned;
use crate::units::{Ratio, SimDuration};

crate::spec! {
    /// The same demand all the time.
    pub struct ConstantSpec {
        /// Share of the virtual processors.
        cpu: Ratio => required,
    }
}

crate::spec! {
    /// Rows of the scenario's trace, dealt to the VMs in order.
    pub struct TraceSpec {
        /// Time between samples.
        interval: SimDuration => default(SimDuration::from_secs(300)),
    }
}

crate::variants! {
    /// The shape of a demand.
    pub enum WorkloadKind {
        /// The same all the time.
        Constant(ConstantSpec) = "constant",
        /// From a trace.
        Trace(TraceSpec) = "trace",
    }
}

crate::spec! {
    /// A named demand.
    pub struct WorkloadSpec {
        /// Its name.
        name: Spanned<String> => required,
        /// Its shape.
        demand: WorkloadKind => required,
    }
}
