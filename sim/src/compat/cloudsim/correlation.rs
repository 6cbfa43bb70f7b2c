//! Multiple correlation as the program's linear-algebra library rounds it.
//!
//! The pasts of VMs nearly depend on each other, so which of two explains the other better hangs on the last bits: least
//! squares by Householder reflections in that library's order of operations, a matrix held to be singular only where a
//! diagonal element is exactly zero, as many values as unknowns let through, and the variance by running means.
//!
//! The program fits each VM by all others anew. The fits of two VMs have the reflections by the intercept and by all VMs before
//! both in common: these are made once, and each fit goes on from where it parts. Rows lie one after another, so that what a
//! reflection does to many columns at once is done column by column in the program's order.

/// Why a regression gives nothing, so that another rule has to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfit;

/// Of each past the share of its variance that a linear combination of the others, with intercept, explains. Not a number, or
/// far below zero, where it does not vary.
pub fn explained(pasts: &[Vec<f64>]) -> Result<Vec<f64>, Unfit> {
    let length = pasts.first().map_or(0, Vec::len);
    if pasts.len() < 2 || pasts.len() > length {
        return Err(Unfit);
    }
    let mut common = Reflections::begin(pasts, length);
    common.reflect()?;
    let mut shares = Vec::with_capacity(pasts.len());
    for (own, past) in pasts.iter().enumerate() {
        let mut fit = common.without(own);
        while fit.done < pasts.len() {
            fit.reflect()?;
        }
        shares.push(1.0 - residual(&fit.solve(), pasts, own) / variation(past));
        if own + 1 < pasts.len() {
            common.reflect()?;
        }
    }
    Ok(shares)
}

/// The matrix `[1, pasts…]` while it is reflected into a triangle.
#[derive(Clone)]
struct Reflections {
    width: usize,
    /// Row after row.
    cells: Vec<f64>,
    /// Columns that are reflected; of these the part from the diagonal down is of no more use.
    done: usize,
    diagonal: Vec<f64>,
    /// The column of the last reflection, and what it takes of each column after it.
    own: Vec<f64>,
    factors: Vec<f64>,
}

impl Reflections {
    fn begin(pasts: &[Vec<f64>], length: usize) -> Self {
        let row = |at: usize| std::iter::once(1.0).chain(pasts.iter().map(move |past| past[at]));
        Self {
            width: pasts.len() + 1,
            cells: (0..length).flat_map(row).collect(),
            done: 0,
            diagonal: Vec::with_capacity(pasts.len()),
            own: Vec::with_capacity(length),
            factors: Vec::with_capacity(pasts.len()),
        }
    }

    /// The same with a past of which no reflection was made moved to the end: it is what the others are to explain.
    fn without(&self, past: usize) -> Self {
        let mut parted = self.clone();
        for row in parted.cells.chunks_exact_mut(self.width) {
            row[past + 1..].rotate_left(1);
        }
        parted
    }

    /// Reflects all columns by the next.
    fn reflect(&mut self) -> Result<(), Unfit> {
        let (at, width) = (self.done, self.width);
        self.own.clear();
        self.own
            .extend(self.cells.chunks_exact(width).skip(at).map(|row| row[at]));
        let norm = self.own.iter().fold(0.0, |sum, x| sum + x * x).sqrt();
        let element = if self.own[0] > 0.0 { -norm } else { norm };
        if element == 0.0 {
            return Err(Unfit);
        }
        self.own[0] -= element;
        self.factors.clear();
        self.factors.resize(width - at - 1, 0.0);
        for (row, own) in self.cells.chunks_exact(width).skip(at).zip(&self.own) {
            for (dot, x) in self.factors.iter_mut().zip(&row[at + 1..]) {
                *dot -= x * own;
            }
        }
        let scale = element * self.own[0];
        for dot in &mut self.factors {
            *dot /= scale;
        }
        for (row, own) in self.cells.chunks_exact_mut(width).skip(at).zip(&self.own) {
            for (x, alpha) in row[at + 1..].iter_mut().zip(&self.factors) {
                *x -= alpha * own;
            }
        }
        self.diagonal.push(element);
        self.done += 1;
        Ok(())
    }

    /// The coefficients that give the last column best.
    fn solve(&self) -> Vec<f64> {
        let cell = |row: usize, column: usize| self.cells[row * self.width + column];
        let mut y: Vec<f64> = (0..self.done).map(|row| cell(row, self.width - 1)).collect();
        for row in (0..self.done).rev() {
            y[row] /= self.diagonal[row];
            let solved = y[row];
            for (above, y) in y[..row].iter_mut().enumerate() {
                *y -= solved * cell(above, row);
            }
        }
        y
    }
}

/// Sum of the squares of what the others leave unexplained of a past.
fn residual(coefficients: &[f64], pasts: &[Vec<f64>], own: usize) -> f64 {
    let others = || pasts[..own].iter().chain(&pasts[own + 1..]);
    let (intercept, slopes) = coefficients.split_at(1);
    let mut fitted = vec![intercept[0]; pasts[own].len()];
    for (other, slope) in others().zip(slopes) {
        for (sum, x) in fitted.iter_mut().zip(other) {
            *sum += x * slope;
        }
    }
    let off = pasts[own]
        .iter()
        .zip(&fitted)
        .map(|(value, fitted)| value - fitted);
    off.fold(0.0, |sum, off| sum + off * off)
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
    use proptest::prelude::*;

    use super::*;

    /// The program's way: each anew, column after column.
    fn anew(values: &[f64], others: &[&Vec<f64>]) -> Result<f64, Unfit> {
        let columns: Vec<Vec<f64>> = std::iter::once(vec![1.0; values.len()])
            .chain(others.iter().map(|other| (*other).clone()))
            .collect();
        if others.is_empty() || columns.len() > values.len() {
            return Err(Unfit);
        }
        let coefficients = InColumns::new(columns.clone()).solve(values)?;
        let fitted = |row: usize| {
            let parts = columns.iter().zip(&coefficients);
            parts.fold(0.0, |sum, (column, factor)| sum + column[row] * factor)
        };
        let residual = (0..values.len())
            .map(|row| values[row] - fitted(row))
            .fold(0.0, |sum, off| sum + off * off);
        Ok(1.0 - residual / variation(values))
    }

    /// A matrix as a product of reflections and a triangle; below its diagonal a column keeps the vector it was reflected by.
    struct InColumns {
        columns: Vec<Vec<f64>>,
        diagonal: Vec<f64>,
    }

    impl InColumns {
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

    fn each_anew(pasts: &[Vec<f64>]) -> Result<Vec<f64>, Unfit> {
        let others = |own: usize| pasts[..own].iter().chain(&pasts[own + 1..]).collect::<Vec<_>>();
        (0..pasts.len())
            .map(|own| anew(&pasts[own], &others(own)))
            .collect()
    }

    proptest! {
        /// To the last bit, with pasts of few levels among them that depend on each other.
        #[test]
        fn what_fits_have_in_common_changes_no_bit(
            pasts in (2..9usize, 1..31usize).prop_flat_map(|(vms, length)| {
                let value = prop_oneof![(0..4u32).prop_map(|level| f64::from(level) / 10.0), 0.0..1.0f64];
                prop::collection::vec(prop::collection::vec(value, length), vms)
            }),
        ) {
            let bit = |share: &f64| if share.is_nan() { f64::NAN.to_bits() } else { share.to_bits() };
            let bits = |shares: Vec<f64>| shares.iter().map(bit).collect::<Vec<_>>();
            prop_assert_eq!(explained(&pasts).map(bits), each_anew(&pasts).map(bits));
        }
    }

    #[test]
    fn what_depends_on_others_is_explained_by_them() {
        let a = vec![1.0, 2.0, 3.0, 4.0, 5.0, 7.0];
        let b = vec![2.0, 1.0, 4.0, 3.0, 6.0, 5.0];
        let sum: Vec<f64> = a.iter().zip(&b).map(|(a, b)| 3.0 * a - b + 1.0).collect();
        for share in explained(&[sum, a, b]).expect("fits") {
            assert!((share - 1.0).abs() < 1e-12, "{share}");
        }
        // A line through (0, 0), (1, 2), (2, 1), either way: slope 1/2, 1/4 of the variance.
        for share in explained(&[vec![0.0, 2.0, 1.0], vec![0.0, 1.0, 2.0]]).expect("fits") {
            assert!((share - 0.25).abs() < 1e-12, "{share}");
        }
    }

    #[test]
    fn what_cannot_be_fitted_is_said() {
        assert_eq!(explained(&[vec![1.0, 2.0, 3.0, 5.0], vec![0.0; 4]]), Err(Unfit));
        let three = [vec![1.0, 2.0], vec![1.0, 2.0], vec![2.0, 1.0]];
        assert_eq!(explained(&three), Err(Unfit), "three unknowns, two values");
        assert_eq!(explained(&[vec![1.0, 2.0]]), Err(Unfit), "alone");
    }

    #[test]
    fn values_that_do_not_vary_have_no_share() {
        // Halves leave nothing after the intercept, tenths what rounding leaves.
        assert_eq!(explained(&[vec![0.5; 4], vec![1.0, 2.0, 3.0, 5.0]]), Err(Unfit));
        let varied = vec![1.0, 2.0, 3.0, 5.0, 1.0, 4.0, 1.0];
        let shares = explained(&[vec![0.1; 7], varied]).expect("fits but for rounding");
        assert!(shares[0].is_nan() || shares[0] <= 0.0, "{shares:?}");
    }
}
