//! A number that was measured several times, with its spread.

use serde::Serialize;

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Its name: that of the key it fills, where there is one.
    pub name: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// The median.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
    /// How often it was measured.
    pub times: usize,
}

/// The median of some values; 0 of none.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    Figure::of("", "", "", values.collect()).median
}

impl Figure {
    /// Of some values; nothing but zeros of none.
    pub fn of(name: &'static str, what: &'static str, unit: &'static str, mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        Self {
            name,
            what,
            unit,
            median: at(values.len() / 2),
            least: at(0),
            greatest: at(values.len().saturating_sub(1)),
            times: values.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_median_with_its_spread() {
        let figure = Figure::of("a", "b", "s", vec![3.0, 1.0, 2.0]);
        assert_eq!(
            (figure.least, figure.median, figure.greatest, figure.times),
            (1.0, 2.0, 3.0, 3)
        );
        assert_eq!(Figure::of("a", "b", "s", Vec::new()).median, 0.0);
    }
}
