//! Holm's correction: of many figures that are tested, one is extreme by chance.

/// Corrected p-values, in the order they came: below `alpha` means that the chance of *any* false alarm among all of them is below
/// `alpha`, however they depend on each other (Holm, *A simple sequentially rejective multiple test procedure*, 1979).
pub fn corrected(tests: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..tests.len()).collect();
    order.sort_by(|a, b| tests[*a].total_cmp(&tests[*b]));
    let mut corrected = vec![0.0; tests.len()];
    let mut least = 0.0_f64;
    for (rank, index) in order.into_iter().enumerate() {
        least = least.max(tests[index] * (tests.len() - rank) as f64).min(1.0);
        corrected[index] = least;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_is_multiplied_by_all_and_none_overtakes_another() {
        assert_eq!(corrected(&[0.03, 0.01, 0.02]), [0.04, 0.03, 0.04]);
        assert_eq!(corrected(&[0.5, 0.9]), [1.0, 1.0]);
    }
}
