//! `limits:` — how far a figure may go the wrong way from one version to the next: what `compare` warns of and fails.

use crate::decode::Spanned;
use crate::units::Ratio;

crate::words! {
    /// Which way a figure should go.
    pub enum Direction {
        /// Down.
        Lower = "lower",
        /// Up.
        Higher = "higher",
        /// Neither way: a change is told and fails nothing.
        Neither = "neither",
    }
}

crate::spec! {
    /// The limits of a figure in a comparison of runs. They touch no run and no figure.
    pub struct LimitSpec {
        /// The figure, all its statistics or one: `migration.downtime_s` or `migration.downtime_s.max`. Of several entries that fit,
        /// the last holds.
        figure: Spanned<String> => required,
        /// Worse by this share of the baseline warns.
        warn: Ratio => default(Ratio(0.01)),
        /// Worse by this share of the baseline fails.
        fail: Ratio => default(Ratio(0.03)),
        /// A difference below this, in the figure's unit, is none. What nobody would notice when absent: 1 ms, a page, 0.1 W.
        floor: f64 => optional,
        /// Which way the figure should go; as the reference of figures says when absent.
        better: Direction => optional,
    }
}
