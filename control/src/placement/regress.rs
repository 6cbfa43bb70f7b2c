//! Regression: straight lines through recent load, weighted as Cleveland's loess does, and multiple correlation.

/// A line `intercept + slope * x`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Value at 0.
    pub intercept: f64,
    /// Growth for each step.
    pub slope: f64,
}

impl Line {
    /// The value at `x`.
    pub fn at(self, x: f64) -> f64 {
        self.intercept + self.slope * x
    }
}

/// Least squares through `(1, y[0]), (2, y[1]), …`, each with its weight.
pub fn weighted_line(values: &[f64], weights: &[f64]) -> Line {
    let (mut sw, mut sx, mut sy, mut sxx, mut sxy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (index, (y, w)) in values.iter().zip(weights).enumerate() {
        let x = (index + 1) as f64;
        sw += w;
        sx += w * x;
        sy += w * y;
        sxx += w * x * x;
        sxy += w * x * y;
    }
    let spread = sw * sxx - sx * sx;
    let slope = if spread.abs() > f64::EPSILON {
        (sw * sxy - sx * sy) / spread
    } else {
        0.0
    };
    Line {
        intercept: if sw > 0.0 { (sy - slope * sx) / sw } else { 0.0 },
        slope,
    }
}

/// The line at the right end of a loess fit: tricube weights of the distance to the newest value (Cleveland, "Robust
/// locally weighted regression", 1979).
pub fn loess(values: &[f64]) -> Line {
    weighted_line(values, &tricube(values.len()))
}

/// The same, made robust by one pass of bisquare weights of the residuals.
pub fn robust_loess(values: &[f64]) -> Line {
    let weights = tricube(values.len());
    let first = weighted_line(values, &weights);
    let residuals: Vec<f64> = values
        .iter()
        .enumerate()
        .map(|(index, y)| (y - first.at((index + 1) as f64)).abs())
        .collect();
    let scale = 6.0 * super::statistics::median(&residuals);
    if scale <= 0.0 {
        return first;
    }
    let robust: Vec<f64> = residuals
        .iter()
        .zip(&weights)
        .map(|(residual, weight)| {
            let part = (1.0 - (residual / scale) * (residual / scale)).max(0.0);
            weight * part * part
        })
        .collect();
    weighted_line(values, &robust)
}

fn tricube(count: usize) -> Vec<f64> {
    // The distance is taken to just beyond the oldest value, so that it keeps a little weight.
    let width = count as f64;
    let cubed = |d: f64| d * d * d;
    (0..count)
        .map(|index| cubed(1.0 - cubed((count - 1 - index) as f64 / width)))
        .collect()
}

/// Share of the variance of `values` that a linear combination of `others` explains (R squared, with intercept);
/// `None` when it can't be fitted: too few values, or others that depend on each other.
pub fn explained(values: &[f64], others: &[&[f64]]) -> Option<f64> {
    let (n, k) = (values.len(), others.len() + 1);
    if others.is_empty() || n <= k || others.iter().any(|other| other.len() != n) {
        return None;
    }
    // Householder QR of the design matrix [1, others…], applied to the values on the way.
    let mut columns: Vec<Vec<f64>> = std::iter::once(vec![1.0; n])
        .chain(others.iter().map(|other| other.to_vec()))
        .collect();
    let mut rotated = values.to_vec();
    for at in 0..k {
        let norm = columns[at][at..].iter().map(|x| x * x).sum::<f64>().sqrt();
        if norm < 1e-10 {
            return None;
        }
        let alpha = if columns[at][at] > 0.0 { -norm } else { norm };
        let mut reflector = columns[at][at..].to_vec();
        reflector[0] -= alpha;
        let length: f64 = reflector.iter().map(|x| x * x).sum();
        let reflect = |column: &mut [f64]| {
            let dot: f64 = reflector.iter().zip(column.iter()).map(|(a, b)| a * b).sum();
            for (value, direction) in column.iter_mut().zip(&reflector) {
                *value -= 2.0 * dot / length * direction;
            }
        };
        for column in &mut columns[at..] {
            reflect(&mut column[at..]);
        }
        reflect(&mut rotated[at..]);
    }
    let residual: f64 = rotated[k..].iter().map(|x| x * x).sum();
    let mean = values.iter().sum::<f64>() / n as f64;
    let total: f64 = values.iter().map(|y| (y - mean) * (y - mean)).sum();
    (total > 0.0).then(|| 1.0 - residual / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_whatever_the_weights() {
        let values: Vec<f64> = (1..=10).map(|x| 0.3 + 0.05 * f64::from(x)).collect();
        for line in [loess(&values), robust_loess(&values)] {
            assert!((line.at(11.0) - 0.85).abs() < 1e-12, "{line:?}");
        }
    }

    #[test]
    fn the_newest_values_count_most_and_outliers_least() {
        let values = [0.2, 0.2, 0.2, 0.2, 0.2, 0.5, 0.6, 0.7, 0.8, 0.9];
        let plain = weighted_line(&values, &[1.0; 10]);
        assert!(loess(&values).at(11.0) > plain.at(11.0));
        let spiked = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 5.0, 0.5, 0.5];
        let error = |line: Line| (line.at(11.0) - 0.5).abs();
        assert!(error(robust_loess(&spiked)) < error(loess(&spiked)) / 10.0);
    }

    #[test]
    fn what_depends_on_others_is_explained_by_them() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 7.0];
        let b = [2.0, 1.0, 4.0, 3.0, 6.0, 5.0];
        let sum: Vec<f64> = a.iter().zip(&b).map(|(a, b)| 3.0 * a - b + 1.0).collect();
        assert!((explained(&sum, &[&a, &b]).expect("fits") - 1.0).abs() < 1e-12);
        assert_eq!(explained(&sum, &[&a, &a]), None, "two alike");
        assert_eq!(explained(&sum[..2], &[&a[..2]]), None, "too few");
    }
}
