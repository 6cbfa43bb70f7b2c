//! The dirty log: which writes of a round make a page dirty again, integrated over the sweep that sends the pages.

use twinrack_scenario::spec::guest::WritePattern;
use twinrack_scenario::spec::migration::DirtyLogSpec;

use super::PageClass;

/// Which writes of a round count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// All since the round began: the log is read and cleared as one.
    RoundStart,
    /// Those after the page was sent: the log is cleared just before (KVM's manual clear). A sweep sends each page of
    /// a class at its own time, so what counts is the mean of `U` over the time left after that, `∫₀¹ U(T·(1−x)) dx`
    /// when everything is steady.
    EarlyClear,
    /// All since the round began, and what is dirty again when its turn comes is left out.
    SkipDirty,
}

impl From<DirtyLogSpec> for Log {
    fn from(spec: DirtyLogSpec) -> Self {
        match spec {
            DirtyLogSpec::RoundStart => Self::RoundStart,
            DirtyLogSpec::EarlyClear => Self::EarlyClear,
            DirtyLogSpec::SkipDirty => Self::SkipDirty,
        }
    }
}

/// A round as a path: how much of the map was sent by how much writing. Straight between its points.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Sweep {
    /// (fraction of the map sent, seconds of full-share writing), ascending, behind the origin.
    points: Vec<(f64, f64)>,
    /// Writing so far.
    exposure: f64,
}

impl Sweep {
    /// Adds seconds of full-share writing.
    pub(super) fn write(&mut self, seconds: f64) {
        self.exposure += seconds;
    }

    /// Fixes a point of the path.
    pub(super) fn note_sent(&mut self, fraction: f64) {
        let fraction = fraction.clamp(self.sent(), 1.0);
        self.points.push((fraction, self.exposure));
    }

    /// Fraction of the map sent at the last point.
    pub(super) fn sent(&self) -> f64 {
        self.last().0
    }

    /// The last point.
    pub(super) fn last(&self) -> (f64, f64) {
        self.points.last().copied().unwrap_or_default()
    }

    /// Writing so far, in seconds of full share.
    pub(super) const fn exposure(&self) -> f64 {
        self.exposure
    }

    /// Share of a class written at least once in the whole round.
    pub(super) fn written(&self, class: &PageClass) -> f64 {
        share_written(class, self.exposure)
    }

    /// Share of a class's part of the map that was sent and written again after that.
    pub(super) fn written_after_sent(&self, class: &PageClass) -> f64 {
        let mut from = (0.0, 0.0);
        let mut sum = 0.0;
        for &to in &self.points {
            let mean = mean_written(class, self.exposure - to.1, self.exposure - from.1);
            sum += (to.0 - from.0) * mean;
            from = to;
        }
        sum
    }
}

/// How often, on average, each grain of a class is written in `exposure` seconds of full share.
fn passes(class: &PageClass, exposure: f64) -> f64 {
    if class.size > 0.0 {
        class.rate * exposure / class.size
    } else {
        0.0
    }
}

/// Share of a class that is written at least once in `exposure` seconds of full share.
pub(super) fn share_written(class: &PageClass, exposure: f64) -> f64 {
    let passes = passes(class, exposure);
    match class.pattern {
        WritePattern::Random => -libm::expm1(-passes),
        WritePattern::Sequential => passes.min(1.0),
    }
}

/// The mean of [`share_written`] over exposures from `least` to `most`, in closed form.
pub(super) fn mean_written(class: &PageClass, least: f64, most: f64) -> f64 {
    let (a, b) = (passes(class, least), passes(class, most));
    if b - a < 1e-12 {
        return share_written(class, least);
    }
    match class.pattern {
        // ∫ₐᵇ 1 − e⁻ˣ dx = (b − a) + e⁻ᵇ − e⁻ᵃ
        WritePattern::Random => 1.0 + libm::exp(-a) * libm::expm1(a - b) / (b - a),
        // ∫ₐᵇ min(1, x) dx: a ramp up to 1, then flat.
        WritePattern::Sequential => {
            let (ramp_a, ramp_b) = (a.min(1.0), b.min(1.0));
            ((ramp_b * ramp_b - ramp_a * ramp_a) / 2.0 + (b - b.min(1.0)) - (a - ramp_a)) / (b - a)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(pattern: WritePattern) -> PageClass {
        PageClass {
            size: 1000.0,
            rate: 700.0,
            pattern,
        }
    }

    #[test]
    fn means_agree_with_a_sum_of_many_parts() {
        for pattern in [WritePattern::Random, WritePattern::Sequential] {
            let class = class(pattern);
            for (least, most) in [(0.0, 1.0), (0.5, 3.0), (0.0, 9.0), (2.0, 2.5)] {
                let parts = 100_000;
                let sum: f64 = (0..parts)
                    .map(|i| {
                        share_written(
                            &class,
                            least + (most - least) * (f64::from(i) + 0.5) / f64::from(parts),
                        )
                    })
                    .sum();
                let mean = mean_written(&class, least, most);
                assert!(
                    (mean - sum / f64::from(parts)).abs() < 1e-8,
                    "{pattern} {least} {most}: {mean}"
                );
            }
        }
    }

    #[test]
    fn a_slow_writer_is_halved_by_early_clear() {
        // r·T = 7 of 1,000 pages: nearly linear, so half of them are written before they are sent.
        let mut sweep = Sweep::default();
        sweep.write(0.01);
        sweep.note_sent(1.0);
        let class = class(WritePattern::Random);
        let ratio = sweep.written_after_sent(&class) / sweep.written(&class);
        assert!((ratio - 0.5).abs() < 0.001, "{ratio}");
    }

    #[test]
    fn more_points_on_a_straight_path_change_nothing() {
        let class = class(WritePattern::Random);
        let mut one = Sweep::default();
        one.write(4.0);
        one.note_sent(1.0);
        let mut many = Sweep::default();
        for i in 1..=10 {
            many.write(0.4);
            many.note_sent(f64::from(i) / 10.0);
        }
        assert!((one.written_after_sent(&class) - many.written_after_sent(&class)).abs() < 1e-12);
    }
}
