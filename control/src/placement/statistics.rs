//! Order statistics of short histories: quartile range and median absolute deviation.

/// Interquartile range by the rule `q1 = round(0.25 (n+1)) - 1`, `q3 = round(0.75 (n+1)) - 1` into the sorted values,
/// halves rounded up, as Beloglazov and Buyya's programs take it; 0 for fewer than three values.
pub fn interquartile_range(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let rank = |quarter: f64| (quarter * (sorted.len() + 1) as f64 + 0.5) as usize;
    let at = |quarter| {
        sorted
            .get(
                rank(quarter)
                    .saturating_sub(1)
                    .min(sorted.len().saturating_sub(1)),
            )
            .copied()
    };
    if sorted.len() < 3 {
        0.0
    } else {
        at(0.75).unwrap_or(0.0) - at(0.25).unwrap_or(0.0)
    }
}

/// Median; the mean of the middle two of an even count, 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// Median of the absolute deviations from the median.
pub fn median_absolute_deviation(values: &[f64]) -> f64 {
    let middle = median(values);
    median(
        &values
            .iter()
            .map(|value| (value - middle).abs())
            .collect::<Vec<f64>>(),
    )
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // n = 12: q1 = round(3.25) - 1 = 2, q3 = round(9.75) - 1 = 9 of 1..=12: 10 - 3.
        let values: Vec<f64> = (1..=12).map(f64::from).collect();
        assert_eq!(interquartile_range(&values), 7.0);
        assert_eq!(median(&values), 6.5);
        // Deviations 5.5, 4.5, …, 0.5 twice each: median 3.
        assert_eq!(median_absolute_deviation(&values), 3.0);
        assert_eq!((median(&[]), interquartile_range(&[1.0, 9.0])), (0.0, 0.0));
    }
}
