//! `expect:` — what must come out: what CI checks.

use crate::decode::Spanned;
use crate::units::Ratio;

crate::words! {
    /// How a figure is held against its limit.
    pub enum Operator {
        /// Equal.
        Equal = "==",
        /// Not equal.
        NotEqual = "!=",
        /// Below.
        Below = "<",
        /// Below or equal.
        AtMost = "<=",
        /// Above.
        Above = ">",
        /// Above or equal.
        AtLeast = ">=",
        /// Within `tolerance` of the limit.
        Near = "~",
    }
}

crate::words! {
    /// Which body carries a scenario out.
    pub enum Backend {
        /// The simulated one, in virtual time.
        Sim = "sim",
        /// Real hosts with KVM.
        Kvm = "kvm",
    }
}

crate::spec! {
    /// One expectation.
    pub struct ExpectSpec {
        /// The figure: `migration.downtime_s.max`.
        kpi: Spanned<String> => required,
        /// How it is held against the limit.
        op: Operator => required,
        /// The limit, in the figure's unit.
        limit: f64 => required,
        /// For `~`: how far off it may be, as a share of the limit.
        tolerance: Ratio => default(Ratio(0.01)),
        /// The one body that it is asked of: `sim` for what follows from costs of a product that only the simulated body has.
        /// Both when absent.
        backend: Backend => optional,
        /// Why this must hold: the worked example or publication.
        why: String => optional,
        /// Why this is known not to hold: the miss is told beside the verdict, and fails nothing. Once it holds, that fails, so that this
        /// is taken out.
        known: String => optional,
    }
}
