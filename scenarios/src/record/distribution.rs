//! A distribution of single values: count, sum, mean and quantiles by nearest rank.

/// Values in the order they came.
#[derive(Debug, Clone, Default)]
pub struct Distribution {
    values: Vec<f64>,
}

impl Distribution {
    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        self.values.push(value);
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The statistic of that name (`mean`, `min`, `max`, `p50`, `p95`, `p99`, `sum`); none without values, and
    /// none for a name that is no statistic.
    ///
    /// Quantiles are by nearest rank: the least value that at least that share of the values does not pass.
    pub fn statistic(&self, name: &str) -> Option<f64> {
        if self.values.is_empty() {
            return None;
        }
        let sum = || self.values.iter().sum::<f64>();
        match name {
            "sum" => Some(sum()),
            "mean" => Some(sum() / self.values.len() as f64),
            "min" => Some(self.quantile(0, 100)),
            "p50" => Some(self.quantile(50, 100)),
            "p95" => Some(self.quantile(95, 100)),
            "p99" => Some(self.quantile(99, 100)),
            "max" => Some(self.quantile(100, 100)),
            _ => None,
        }
    }

    fn quantile(&self, numerator: usize, denominator: usize) -> f64 {
        let mut sorted = self.values.clone();
        let rank = (sorted.len() * numerator).div_ceil(denominator).max(1);
        let (_, value, _) = sorted.select_nth_unstable_by(rank - 1, f64::total_cmp);
        *value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let mut values = Distribution::default();
        assert_eq!(values.statistic("max"), None);
        for value in [5.0, 1.0, 4.0, 2.0, 3.0] {
            values.add(value);
        }
        let told = ["min", "p50", "p95", "max", "mean", "sum"].map(|name| values.statistic(name));
        assert_eq!(told, [1.0, 3.0, 5.0, 5.0, 3.0, 15.0].map(Some));
        assert_eq!(values.statistic("p51"), None);
    }
}
