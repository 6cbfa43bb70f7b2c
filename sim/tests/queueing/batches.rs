//! Batch means: a confidence interval from one long run whose observations depend on each other.
//!
//! The run is cut into batches so long that their means hardly depend on each other; those are averaged as independent
//! (Law, "Simulation Modeling and Analysis", section 9.5).

/// Batches of a run.
pub(crate) const BATCHES: usize = 20;
/// Student's t for 19 degrees of freedom, 99.9 % two-sided: one sound test in a thousand would fail for a random seed. Seeds are
/// fixed, so one that passes goes on to pass.
const T: f64 = 3.883;

/// A mean and how far it may be from the truth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Estimate {
    pub(crate) mean: f64,
    pub(crate) half_width: f64,
}

impl Estimate {
    /// From the means of [`BATCHES`] batches.
    pub(crate) fn of(means: &[f64]) -> Self {
        let count = means.len() as f64;
        let mean = means.iter().sum::<f64>() / count;
        let squares: f64 = means.iter().map(|x| (x - mean) * (x - mean)).sum();
        let half_width = T * (squares / (count - 1.0) / count).sqrt();
        Self { mean, half_width }
    }

    /// Whether the interval covers a value.
    pub(crate) fn covers(self, value: f64) -> bool {
        (self.mean - value).abs() <= self.half_width
    }

    /// Fails unless the interval covers the value and is narrower than a share of it: a wide one would cover anything.
    pub(crate) fn confirms(self, what: &str, value: f64, sharpness: f64) {
        assert!(self.covers(value), "{what}: {self:?} does not cover {value}");
        assert!(
            self.half_width <= sharpness * value,
            "{what}: {self:?} is too wide to say anything about {value}"
        );
    }
}

#[test]
fn an_interval_by_hand() {
    // 20 batch means, half of them 9 and half 11: mean 10, variance 20/19, standard error 0.22942.
    let means: Vec<f64> = (0..BATCHES)
        .map(|i| if i % 2 == 0 { 9.0 } else { 11.0 })
        .collect();
    let estimate = Estimate::of(&means);
    assert!((estimate.mean - 10.0).abs() < 1e-12);
    assert!((estimate.half_width - 3.883 * 0.229_415_733).abs() < 1e-6);
    assert!(estimate.covers(10.8) && !estimate.covers(10.9));
}
