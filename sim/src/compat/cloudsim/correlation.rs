//! Multiple correlation as the program's linear-algebra library rounds it.
//!
//! The pasts of VMs nearly depend on each other, so which of two explains the other better hangs on the last bits: least
//! squares by Householder reflections in that library's order of operations, a matrix held to be singular only where a
//! diagonal element is exactly zero, as many values as unknowns let through, and the variance by running means.

/// Why a regression gives nothing, so that another rule has to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfit;

/// Share of the variance of `values` that a linear combination of `others`, with intercept, explains. Not a number, or
/// far below zero, where `values` do not vary.
pub fn explained(values: &[f64], others: &[&[f64]]) -> Result<f64, Unfit> {
    let columns: Vec<Vec<f64>> = std::iter::once(vec![1.0; values.len()])
        .chain(others.iter().map(|other| other.to_vec()))
        .collect();
    if others.is_empty() || columns.len() > values.len() {
        return Err(Unfit);
    }
    let coefficients = Reflections::new(columns.clone()).solve(values)?;
    let residual: f64 = (0..values.len())
        .map(|row| {
            let fitted: f64 = columns
                .iter()
                .zip(&coefficients)
                .fold(0.0, |sum, (column, factor)| sum + column[row] * factor);
            let off = values[row] - fitted;
            off * off
        })
        .fold(0.0, |sum, square| sum + square);
    Ok(1.0 - residual / variation(values))
}

/// A matrix as a product of reflections and a triangle; below its diagonal a column keeps the vector it was reflected by.
struct Reflections {
    columns: Vec<Vec<f64>>,
    diagonal: Vec<f64>,
}

impl Reflections {
    fn new(mut columns: Vec<Vec<f64>>) -> Self {
        let mut diagonal = Vec::with_capacity(columns.len());
        for at in 0..columns.len() {
            let (done, right) = columns.split_at_mut(at + 1);
            let own = &mut done[at];
            let norm = own[at..].iter().fold(0.0, |sum, x| sum + x * x).sqrt();
            let element = if own[at] > 0.0 { -norm } else { norm };
            diagonal.push(element);
            if element == 0.0 {
                continue;
            }
            own[at] -= element;
            for column in right {
                let dot = own[at..]
                    .iter()
                    .zip(&column[at..])
                    .fold(0.0, |sum, (own, x)| sum - x * own);
                let alpha = dot / (element * own[at]);
                for (x, own) in column[at..].iter_mut().zip(&own[at..]) {
                    *x -= alpha * own;
                }
            }
        }
        Self { columns, diagonal }
    }

    fn solve(&self, values: &[f64]) -> Result<Vec<f64>, Unfit> {
        if self.diagonal.contains(&0.0) {
            return Err(Unfit);
        }
        let mut y = values.to_vec();
        for (at, (column, element)) in self.columns.iter().zip(&self.diagonal).enumerate() {
            let dot = y[at..]
                .iter()
                .zip(&column[at..])
                .fold(0.0, |sum, (y, own)| sum + y * own);
            let factor = dot / (element * column[at]);
            for (y, own) in y[at..].iter_mut().zip(&column[at..]) {
                *y += factor * own;
            }
        }
        for row in (0..self.columns.len()).rev() {
            y[row] /= self.diagonal[row];
            let solved = y[row];
            for (y, own) in y[..row].iter_mut().zip(&self.columns[row]) {
                *y -= solved * own;
            }
        }
        y.truncate(self.columns.len());
        Ok(y)
    }
}

/// Sum of squared distances from the mean, one value after the other.
fn variation(values: &[f64]) -> f64 {
    let (mut mean, mut sum) = (0.0, 0.0);
    for (before, value) in values.iter().enumerate() {
        let distance = value - mean;
        let step = distance / (before + 1) as f64;
        mean += step;
        sum += before as f64 * distance * step;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_depends_on_others_is_explained_by_them() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 7.0];
        let b = [2.0, 1.0, 4.0, 3.0, 6.0, 5.0];
        let sum: Vec<f64> = a.iter().zip(&b).map(|(a, b)| 3.0 * a - b + 1.0).collect();
        assert!((explained(&sum, &[&a, &b]).expect("fits") - 1.0).abs() < 1e-12);
        // A line through (0, 0), (1, 2), (2, 1): slope 1/2, 1/4 of the variance.
        let share = explained(&[0.0, 2.0, 1.0], &[&[0.0, 1.0, 2.0]]).expect("fits");
        assert!((share - 0.25).abs() < 1e-12, "{share}");
    }

    #[test]
    fn what_cannot_be_fitted_is_said() {
        let zeros = [0.0; 4];
        assert_eq!(explained(&[1.0, 2.0, 3.0, 5.0], &[&zeros]), Err(Unfit));
        assert_eq!(
            explained(&[1.0, 2.0], &[&[1.0, 2.0], &[2.0, 1.0]]),
            Err(Unfit),
            "three unknowns, two values"
        );
        assert_eq!(explained(&[1.0, 2.0], &[]), Err(Unfit), "alone");
    }

    #[test]
    fn values_that_do_not_vary_have_no_share() {
        let share = explained(&[0.5; 4], &[&[1.0, 2.0, 3.0, 5.0]]).expect("fits");
        assert!(share.is_nan() || share <= 0.0, "{share}");
    }
}
