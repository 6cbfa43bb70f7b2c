//! Samplers: distributions drawn by fixed methods on `libm`, the same to the bit on every platform.

use super::Rng;

impl Rng {
    /// Uniform in [0, 1): the upper 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in (0, 1]: for logarithms.
    fn uniform_open(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// Uniform below `n`, without bias (Lemire, "Fast random integer generation in an interval", 2019); 0 when `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        loop {
            let product = u128::from(self.bits()) * u128::from(n);
            if product as u64 >= n.wrapping_neg().checked_rem(n).unwrap_or(0) {
                return (product >> 64) as u64;
            }
        }
    }

    /// True in `numerator` of `denominator` cases, exactly.
    pub fn chance(&mut self, numerator: u64, denominator: u64) -> bool {
        self.below(denominator.max(1)) < numerator
    }

    /// Exponential with the given mean: -mean ln U.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(self.uniform_open())
    }

    /// Normal with the given mean and standard deviation, by the Box-Muller transform; one draw uses two numbers.
    pub fn normal(&mut self, mean: f64, deviation: f64) -> f64 {
        let radius = (-2.0 * libm::log(self.uniform_open())).sqrt();
        mean + deviation * radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// Log-normal: e to a normal with the given parameters.
    pub fn log_normal(&mut self, mu: f64, sigma: f64) -> f64 {
        libm::exp(self.normal(mu, sigma))
    }

    /// Pareto with the given least value and shape: minimum / U^(1/shape).
    pub fn pareto(&mut self, minimum: f64, shape: f64) -> f64 {
        minimum / libm::pow(self.uniform_open(), 1.0 / shape)
    }
}

#[cfg(test)]
mod tests {
    use crate::random::{Rng, Streams};

    const DRAWS: usize = 40_000;

    fn mean_and_variance(mut draw: impl FnMut(&mut Rng) -> f64) -> (f64, f64) {
        let mut rng = Streams::new(3).stream("test", "moments");
        let values: Vec<f64> = (0..DRAWS).map(|_| draw(&mut rng)).collect();
        let mean = values.iter().sum::<f64>() / DRAWS as f64;
        (
            mean,
            values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / DRAWS as f64,
        )
    }

    /// Within four standard errors of the mean.
    fn near(mean: f64, expected: f64, variance: f64) {
        let allowed = 4.0 * (variance / DRAWS as f64).sqrt();
        assert!(
            (mean - expected).abs() <= allowed,
            "{mean} is not {expected} within {allowed}"
        );
    }

    #[test]
    fn moments_are_those_of_the_distribution() {
        let (mean, variance) = mean_and_variance(Rng::uniform);
        near(mean, 0.5, variance);
        let (mean, variance) = mean_and_variance(|rng| rng.exponential(3.0));
        near(mean, 3.0, 9.0);
        assert!((variance / 9.0 - 1.0).abs() < 0.1);
        let (mean, variance) = mean_and_variance(|rng| rng.normal(-2.0, 5.0));
        near(mean, -2.0, 25.0);
        assert!((variance / 25.0 - 1.0).abs() < 0.05);
        // Pareto with shape 3: mean 3/2 of the minimum, variance 3/4 of its square.
        let (mean, _) = mean_and_variance(|rng| rng.pareto(2.0, 3.0));
        near(mean, 3.0, 3.0);
        // Log-normal: e^(mu + sigma^2/2).
        let (mean, variance) = mean_and_variance(|rng| rng.log_normal(0.0, 0.5));
        near(mean, libm::exp(0.125), variance);
        let (mean, _) = mean_and_variance(|rng| rng.below(7) as f64);
        near(mean, 3.0, 4.0);
        let (mean, _) = mean_and_variance(|rng| f64::from(u8::from(rng.chance(1, 4))));
        near(mean, 0.25, 0.1875);
    }

    #[test]
    fn below_nothing_is_nothing() {
        assert_eq!(Streams::new(0).stream("a", "b").below(0), 0);
    }
}
