//! Overload: when a host has too much to do (Beloglazov and Buyya, "Optimal online deterministic algorithms …", 2012).

use twinrack_scenario::spec::consolidation::DetectorSpec;

use super::regress::{loess, robust_loess};
use super::statistics::{interquartile_range, median_absolute_deviation};

/// Values needed before a spread is trusted, and those a regression looks at.
const SPREAD_NEEDS: usize = 12;
const REGRESSION_USES: usize = 10;
/// The static threshold until then.
const FALLBACK: f64 = 0.7;

/// How an overloaded host is told. The parameter is a threshold for THR and a safety factor for the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Detector {
    /// Load above a fixed threshold.
    Thr(f64),
    /// Load above `1 - s * IQR`.
    Iqr(f64),
    /// Load above `1 - s * MAD`.
    Mad(f64),
    /// `s` times the load foreseen by local regression reaches 1.
    Lr(f64),
    /// The same, robust.
    Lrr(f64),
}

impl Detector {
    /// The detector of a scenario, with the published parameter where none is given.
    pub fn new(spec: DetectorSpec, parameter: Option<f64>) -> Self {
        match spec {
            DetectorSpec::Thr => Self::Thr(parameter.unwrap_or(0.8)),
            DetectorSpec::Iqr => Self::Iqr(parameter.unwrap_or(1.5)),
            DetectorSpec::Mad => Self::Mad(parameter.unwrap_or(2.5)),
            DetectorSpec::Lr => Self::Lr(parameter.unwrap_or(1.2)),
            DetectorSpec::Lrr => Self::Lrr(parameter.unwrap_or(1.2)),
        }
    }

    /// Whether it looks at the past at all.
    pub const fn needs_history(self) -> bool {
        !matches!(self, Self::Thr(_))
    }

    /// Whether a host is overloaded that is asked for `load` of its capacity now and was asked for `history`, oldest
    /// first; `ahead` is how many intervals a migration takes.
    pub fn overloaded(self, load: f64, history: &[f64], ahead: f64) -> bool {
        match self {
            Self::Thr(threshold) => load > threshold,
            Self::Iqr(_) | Self::Mad(_) if history.len() < SPREAD_NEEDS => load > FALLBACK,
            Self::Iqr(safety) => load > 1.0 - safety * interquartile_range(history),
            Self::Mad(safety) => load > 1.0 - safety * median_absolute_deviation(history),
            Self::Lr(_) | Self::Lrr(_) if history.len() < REGRESSION_USES => load > FALLBACK,
            Self::Lr(safety) => safety * loess(recent(history)).at(REGRESSION_USES as f64 + ahead) >= 1.0,
            Self::Lrr(safety) => {
                safety * robust_loess(recent(history)).at(REGRESSION_USES as f64 + ahead) >= 1.0
            }
        }
    }
}

fn recent(history: &[f64]) -> &[f64] {
    &history[history.len() - REGRESSION_USES..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_follow_the_spread() {
        let steady = [0.5; 12];
        assert!(
            !Detector::Iqr(1.5).overloaded(0.99, &steady, 1.0),
            "no spread: threshold 1"
        );
        // 0.1, 0.2, …: IQR 0.7 of 12 values 0.1..1.2 makes the threshold 1 - 1.5*0.7 < 0.
        let wild: Vec<f64> = (1..=12).map(|x| f64::from(x) / 10.0).collect();
        assert!(Detector::Iqr(1.5).overloaded(0.1, &wild, 1.0));
        assert!(
            Detector::Mad(2.5).overloaded(0.3, &wild, 1.0),
            "MAD 0.3: threshold 0.25"
        );
        assert!(!Detector::Mad(2.5).overloaded(0.2, &wild, 1.0));
    }

    #[test]
    fn regression_sees_it_coming() {
        // 0.05 more each time, 0.8 now: 0.85 one step ahead, times 1.2 is 1.02.
        let rising: Vec<f64> = (0..10).map(|x| 0.35 + 0.05 * f64::from(x)).collect();
        assert!(Detector::Lr(1.2).overloaded(0.8, &rising, 1.0));
        let falling: Vec<f64> = rising.iter().rev().copied().collect();
        assert!(!Detector::Lr(1.2).overloaded(0.8, &falling, 1.0));
        assert!(
            Detector::Lr(1.2).overloaded(0.71, &rising[..3], 1.0),
            "too short a past: 0.7"
        );
    }
}
