//! Least squares within bounds: Levenberg and Marquardt's method, each step cut at the bounds.
//!
//! Written here because the kept crates for it (`levenberg-marquardt`, `argmin`) know no bounds, and what is fitted are times and
//! shares that can't be negative. The problems are small: a dozen parameters, some hundred residuals.
//!
//! A step solves `(JᵀJ + λ diag(JᵀJ)) δ = -Jᵀr` by Cholesky's method over the parameters that are free: one that lies at a bound and
//! would leave it stays. λ falls by 10 after a step that helped and rises by 10 after one that did not (Marquardt 1963).

/// A parameter of a fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Free {
    /// Where it starts.
    pub start: f64,
    /// The least that it can be.
    pub least: f64,
    /// The most that it can be.
    pub most: f64,
    /// A change that the model must notice: the residuals' derivatives are taken over it.
    pub step: f64,
}

/// What came of a fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The parameters.
    pub values: Vec<f64>,
    /// Half of the sum of the squared residuals is not told, the sum is.
    pub cost: f64,
    /// How much each parameter is known: one standard error, in its unit, were the residuals of unit variance. Infinite for one that
    /// changes nothing.
    pub errors: Vec<f64>,
}

/// What gives the residuals of some values: as many each time.
pub type Residuals<'a, E> = &'a mut dyn FnMut(&[f64]) -> Result<Vec<f64>, E>;

/// Steps after which a fit ends whatever it has reached.
const STEPS: usize = 200;
/// A step that helps by less than this share of the cost is the last.
const ENOUGH: f64 = 1e-6;
const LAMBDA: f64 = 1e-3;
const LAMBDA_MOST: f64 = 1e8;

/// Fits. `residuals` must give as many numbers each time.
pub fn fit<E>(free: &[Free], residuals: Residuals<'_, E>) -> Result<Fit, E> {
    let mut values: Vec<f64> = free
        .iter()
        .map(|own| own.start.clamp(own.least, own.most))
        .collect();
    let mut now = residuals(&values)?;
    let mut cost = squares(&now);
    let mut lambda = LAMBDA;
    let mut columns = jacobian(free, &values, &now, residuals)?;
    for _ in 0..STEPS {
        let Some(next) = step(free, &values, &columns, &now, lambda) else {
            break;
        };
        let then = residuals(&next)?;
        let reached = squares(&then);
        if reached < cost {
            let gained = cost - reached;
            (values, now, cost) = (next, then, reached);
            if gained <= ENOUGH * cost {
                break;
            }
            lambda = (lambda / 10.0).max(1e-9);
            columns = jacobian(free, &values, &now, residuals)?;
        } else {
            lambda *= 10.0;
            if lambda > LAMBDA_MOST {
                break;
            }
        }
    }
    let errors = errors(&columns);
    Ok(Fit { values, cost, errors })
}

fn squares(residuals: &[f64]) -> f64 {
    residuals.iter().map(|own| own * own).sum()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The derivatives of the residuals, a column for each parameter: over a step up, or down where there is no room above.
pub fn jacobian<E>(
    free: &[Free],
    values: &[f64],
    now: &[f64],
    residuals: Residuals<'_, E>,
) -> Result<Vec<Vec<f64>>, E> {
    let mut columns = Vec::new();
    for (index, own) in free.iter().enumerate() {
        let up = values[index] + own.step <= own.most;
        let moved = if up { own.step } else { -own.step };
        let mut near = values.to_vec();
        near[index] += moved;
        let then = residuals(&near)?;
        columns.push(
            then.iter()
                .zip(now)
                .map(|(then, now)| (then - now) / moved)
                .collect(),
        );
    }
    Ok(columns)
}

/// The next values; nothing when no parameter is free to change.
fn step(free: &[Free], values: &[f64], columns: &[Vec<f64>], now: &[f64], lambda: f64) -> Option<Vec<f64>> {
    let slopes: Vec<f64> = columns.iter().map(|column| dot(column, now)).collect();
    let moves = |index: &usize| {
        let (own, at, slope) = (&free[*index], values[*index], slopes[*index]);
        let stuck = (at <= own.least && slope > 0.0) || (at >= own.most && slope < 0.0);
        !stuck && dot(&columns[*index], &columns[*index]) > 0.0
    };
    let active: Vec<usize> = (0..free.len()).filter(moves).collect();
    if active.is_empty() {
        return None;
    }
    let mut matrix: Vec<Vec<f64>> = active
        .iter()
        .map(|a| active.iter().map(|b| dot(&columns[*a], &columns[*b])).collect())
        .collect();
    for (index, row) in matrix.iter_mut().enumerate() {
        row[index] *= 1.0 + lambda;
    }
    let right: Vec<f64> = active.iter().map(|index| -slopes[*index]).collect();
    let change = solve(matrix, right)?;
    let mut next = values.to_vec();
    for (index, change) in active.iter().zip(change) {
        next[*index] = (next[*index] + change).clamp(free[*index].least, free[*index].most);
    }
    Some(next)
}

/// Solves `A x = b` for a symmetric, positive matrix (Cholesky); nothing when it is not positive.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for i in 0..n {
        for j in 0..=i {
            let sum = a[i][j] - (0..j).map(|k| a[i][k] * a[j][k]).sum::<f64>();
            if i == j {
                if sum.is_nan() || sum <= 0.0 {
                    return None;
                }
                a[i][i] = sum.sqrt();
            } else {
                a[i][j] = sum / a[j][j];
            }
        }
    }
    for i in 0..n {
        b[i] = (b[i] - (0..i).map(|k| a[i][k] * b[k]).sum::<f64>()) / a[i][i];
    }
    for i in (0..n).rev() {
        b[i] = (b[i] - (i + 1..n).map(|k| a[k][i] * b[k]).sum::<f64>()) / a[i][i];
    }
    Some(b)
}

/// One standard error of each parameter, from what its column has that no combination of the others has.
pub fn errors(columns: &[Vec<f64>]) -> Vec<f64> {
    (0..columns.len())
        .map(|index| {
            let others: Vec<&Vec<f64>> = columns
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != index)
                .map(|(_, column)| column)
                .collect();
            let own = length_beside(&columns[index], &others);
            if own > 0.0 { 1.0 / own } else { f64::INFINITY }
        })
        .collect()
}

/// The length of what a column has at right angles to all others (Gram and Schmidt, twice for the sake of rounding).
fn length_beside(column: &[f64], others: &[&Vec<f64>]) -> f64 {
    const NOTHING: f64 = 1e-9;
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for other in others {
        let before = dot(other, other).sqrt();
        let rest = without(other, &basis);
        let length = dot(&rest, &rest).sqrt();
        if length > NOTHING * before.max(f64::MIN_POSITIVE) {
            basis.push(rest.iter().map(|own| own / length).collect());
        }
    }
    let before = dot(column, column).sqrt();
    let rest = without(column, &basis);
    let length = dot(&rest, &rest).sqrt();
    if length > NOTHING * before { length } else { 0.0 }
}

fn without(column: &[f64], basis: &[Vec<f64>]) -> Vec<f64> {
    let mut rest = column.to_vec();
    for _ in 0..2 {
        for unit in basis {
            let along = dot(&rest, unit);
            rest.iter_mut()
                .zip(unit)
                .for_each(|(own, unit)| *own -= along * unit);
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const fn free(start: f64, least: f64, most: f64) -> Free {
        Free {
            start,
            least,
            most,
            step: 1e-6,
        }
    }

    fn fitted(free: &[Free], mut model: impl FnMut(&[f64]) -> Vec<f64>) -> Fit {
        let Ok(fit) = fit::<Infallible>(free, &mut |values| Ok(model(values)));
        fit
    }

    #[test]
    fn rosenbrocks_valley_is_followed_to_its_end() {
        let fit = fitted(&[free(-1.2, -5.0, 5.0), free(1.0, -5.0, 5.0)], |at| {
            vec![10.0 * (at[1] - at[0] * at[0]), 1.0 - at[0]]
        });
        assert!(fit.cost < 1e-8, "{fit:?}");
        assert!((fit.values[0] - 1.0).abs() < 1e-3, "{fit:?}");
    }

    #[test]
    fn a_bound_holds_and_the_others_make_the_best_of_it() {
        // The best is (-1, 3); with the first at 0 the second is best at 2.
        let model = |at: &[f64]| vec![at[0] + 1.0, at[0] + at[1] - 2.0];
        let fit = fitted(&[free(0.5, 0.0, 9.0), free(0.5, 0.0, 9.0)], model);
        assert_eq!(fit.values[0], 0.0);
        assert!((fit.values[1] - 2.0).abs() < 1e-6, "{fit:?}");
    }

    #[test]
    fn errors_are_those_of_a_line_and_what_changes_nothing_has_none() {
        // y = a + b x at x = -1, 0, 1: var a = 1/3, var b = 1/2.
        let model = |at: &[f64]| [-1.0, 0.0, 1.0].map(|x| at[0] + at[1] * x).to_vec();
        let fit = fitted(
            &[free(1.0, -9.0, 9.0), free(1.0, -9.0, 9.0), free(1.0, -9.0, 9.0)],
            model,
        );
        assert!((fit.errors[0] - (1.0_f64 / 3.0).sqrt()).abs() < 1e-6, "{fit:?}");
        assert!((fit.errors[1] - 0.5_f64.sqrt()).abs() < 1e-6, "{fit:?}");
        assert_eq!(fit.errors[2], f64::INFINITY);
        assert_eq!(fit.values[2], 1.0, "it keeps its value");
    }

    #[test]
    fn two_that_only_their_sum_is_seen_of_are_known_by_no_measure() {
        let fit = fitted(&[free(1.0, 0.0, 9.0), free(1.0, 0.0, 9.0)], |at| {
            vec![at[0] + at[1] - 3.0, 2.0 * (at[0] + at[1]) - 6.0]
        });
        assert!(fit.errors.iter().all(|error| error.is_infinite()), "{fit:?}");
        assert!(fit.cost < 1e-9);
    }
}
