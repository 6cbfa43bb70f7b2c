//! Processor time: fluid proportional share with reserve, cap and weight, as the hypervisor's scheduler gives it.
//!
//! The hypervisor enforces, over hundredths of a second, a reserve, a cap and a weight for each partition (Hypervisor
//! Top-Level Functional Specification 2.0a, section 18: weights 100, 200 and 700 on one processor give 10, 20 and 70 %).
//! Seen over longer times that is a fluid: VM `i` gets
//!
//! ```text
//! x_i = clamp(L * w_i, r_i, d_i)      with L such that  sum x_i = min(C, sum d_i)
//! ```
//!
//! where `d_i` is what it asks for, bounded by its cap and its virtual processors, `r_i` its reserve, `w_i` its weight
//! times its virtual processors, and `C` the logical processors left after hypervisor, migrations and receiving.

/// What one VM asks for. Amounts are logical processors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Claim {
    /// What it asks for, 0 or more; bounded by cap and virtual processors already.
    pub demand: f64,
    /// What it gets before anybody else, if it asks for it.
    pub reserve: f64,
    /// Its weight: scheduler weight times virtual processors, above 0.
    pub weight: f64,
}

impl Claim {
    /// The claim of a VM that asks for `wanted` logical processors.
    pub fn new(wanted: f64, vcpus: u32, weight: u32, reserve: f64, cap: f64) -> Self {
        let processors = f64::from(vcpus);
        let demand = wanted.min(cap * processors).min(processors).max(0.0);
        Self {
            demand,
            reserve: (reserve * processors).min(demand),
            weight: f64::from(weight.max(1)) * processors,
        }
    }
}

/// Divides processors; keeps its work space from one call to the next.
#[derive(Debug, Clone, Default)]
pub struct Divider {
    /// (level at which a claim begins or stops to grow, change of the slope there)
    bends: Vec<(f64, f64)>,
}

impl Divider {
    /// Gives each claim its share of `capacity` logical processors, in the order of the claims.
    ///
    /// Takes time in proportion to the claims when there is enough for all, and to n log n when there is not.
    pub fn divide(&mut self, capacity: f64, claims: &[Claim], shares: &mut Vec<f64>) {
        shares.clear();
        let asked: f64 = claims.iter().map(|claim| claim.demand).sum();
        if asked <= capacity {
            shares.extend(claims.iter().map(|claim| claim.demand));
            return;
        }
        let reserved: f64 = claims.iter().map(|claim| claim.reserve).sum();
        if reserved >= capacity {
            // Admission keeps reserves within the host; overheads may still eat into them, in proportion.
            let scale = if reserved > 0.0 {
                capacity.max(0.0) / reserved
            } else {
                0.0
            };
            shares.extend(claims.iter().map(|claim| claim.reserve * scale));
            return;
        }
        let level = self.level(capacity - reserved, claims);
        shares.extend(
            claims
                .iter()
                .map(|claim| (level * claim.weight).clamp(claim.reserve, claim.demand)),
        );
    }

    /// The level at which what is given beyond the reserves is `room`.
    fn level(&mut self, room: f64, claims: &[Claim]) -> f64 {
        self.bends.clear();
        for claim in claims.iter().filter(|claim| claim.demand > claim.reserve) {
            self.bends.push((claim.reserve / claim.weight, claim.weight));
            self.bends.push((claim.demand / claim.weight, -claim.weight));
        }
        self.bends
            .sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        let (mut level, mut slope, mut given) = (0.0, 0.0, 0.0);
        for &(bend, change) in &self.bends {
            let step = slope * (bend - level);
            if given + step >= room && slope > 0.0 {
                return level + (room - given) / slope;
            }
            given += step;
            level = bend;
            slope += change;
        }
        level
    }
}

#[cfg(test)]
mod tests;
