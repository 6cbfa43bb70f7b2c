//! The one lock of a VM's shadow: a finite number of virtual processors, one server, exact waits.

/// Fills, intercepted writes and the tables that a load finds written to, of one VM, pass through it one at a time, in the order they come.
///
/// Each of `N` busy virtual processors computes for an exponential time with mean `1/f` between two passes; a pass takes
/// what its kind costs, a mixture of constants. That is the machine-repair queue M/G/1//N, whose server is busy for
///
/// ```text
/// U = N ρ Y / (1 + N ρ Y)      Y = Σ_{r<N} C(N-1, r) Π_{i≤r} (1 - φ(i f)) / φ(i f)      ρ = f s
/// ```
///
/// with `s` the mean and `φ` the Laplace transform of a pass (Takács, "Introduction to the Theory of Queues", 1962; for
/// constants Ashcroft, JRSS B 12, 1950). By Little's law a round of computing, waiting and passing takes `N s / U`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lock {
    /// (passes of this kind each second of computing, seconds that one takes)
    kinds: [(f64, f64); 3],
}

impl Lock {
    /// The lock with such passes.
    pub(super) const fn new(kinds: [(f64, f64); 3]) -> Self {
        Self { kinds }
    }

    /// Share of each processor's time that it waits when `busy` of them compete.
    pub(super) fn wait(&self, busy: u32) -> f64 {
        let rate: f64 = self.kinds.iter().map(|kind| kind.0).sum();
        let demand: f64 = self.kinds.iter().map(|(rate, cost)| rate * cost).sum();
        if busy <= 1 || rate <= 0.0 || demand <= 0.0 {
            return 0.0;
        }
        let (alone, load) = (1.0 + demand, f64::from(busy) * demand * self.sum(busy, rate));
        // The sum may exceed what a double can hold: then the lock is never free.
        let utilisation = if load.is_finite() {
            load / (1.0 + load)
        } else {
            1.0
        };
        // For each second of computing a processor passes for `demand` seconds, so a round takes `N demand / U`.
        let round = f64::from(busy) * demand / utilisation;
        (1.0 - alone / round).max(0.0)
    }

    /// `Y` of the equation.
    fn sum(&self, busy: u32, rate: f64) -> f64 {
        let (mut term, mut sum) = (1.0, 1.0);
        for r in 1..busy {
            let times = f64::from(r);
            // 1 - φ and φ of the mixture, with expm1 so that short passes keep their digits.
            let (mut missing, mut transform) = (0.0, 0.0);
            for (own, cost) in self.kinds {
                missing -= own / rate * libm::expm1(-times * rate * cost);
                transform += own / rate * libm::exp(-times * rate * cost);
            }
            // C(N-1, r) = C(N-1, r-1) (N-r) / r
            term *= f64::from(busy - r) / times * missing / transform;
            sum += term;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processors_by_hand() {
        // Constant passes of 1 s, 0.5 each second: Y = e^0.5, U = e^0.5 / (1 + e^0.5) = 0.62246; a round for each second
        // of computing is 2 * 0.5 / U = 1.60653, alone it is 1.5: 6.63 % of it is waiting.
        let wait = Lock::new([(0.5, 1.0), (0.0, 0.0), (0.0, 0.0)]).wait(2);
        let utilisation = libm::exp(0.5) / (1.0 + libm::exp(0.5));
        assert!((wait - (1.0 - 1.5 * utilisation)).abs() < 1e-12, "{wait}");
    }

    #[test]
    fn a_lock_that_is_never_free_serves_in_turn() {
        // 64 processors that ask for 10 s of the lock each second: a round takes 64 * 10 s, of which 11 are one's own.
        let wait = Lock::new([(10.0, 1.0), (0.0, 0.0), (0.0, 0.0)]).wait(64);
        assert!((wait - (1.0 - 11.0 / 640.0)).abs() < 1e-12, "{wait}");
    }

    #[test]
    fn a_rare_pass_meets_half_of_another() {
        // One other that holds the lock for 1e-4 of the time: the mean rest of a constant pass is half of it.
        let wait = Lock::new([(1e-4, 1.0), (0.0, 0.0), (0.0, 0.0)]).wait(2);
        assert!((wait / (1e-4 * 1e-4 / 2.0) - 1.0).abs() < 1e-3, "{wait}");
    }
}
