//! Several runs of one scenario at different seeds: each figure with its mean and 95 % interval.

use comfy_table::{CellAlignment, Table, TableStyle};
use twinrack_scenario::record::Summary;

use super::number::quantity;

/// Two-sided 95 % points of Student's t for 1 to 30 degrees of freedom; beyond, the normal's 1.96 is within 2 %.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// Mean and half-width of the 95 % confidence interval of the mean; no width for one value.
pub fn mean_and_half_width(values: &[f64]) -> (f64, Option<f64>) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count.max(1.0);
    if values.len() < 2 {
        return (mean, None);
    }
    let variance = values
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum::<f64>()
        / (count - 1.0);
    let t = STUDENT.get(values.len() - 2).copied().unwrap_or(1.96);
    (mean, Some(t * (variance / count).sqrt()))
}

/// The table.
pub fn written(summaries: &[Summary], width: u16) -> String {
    let passed = summaries.iter().filter(|summary| summary.passed()).count();
    let failing: Vec<String> = summaries
        .iter()
        .filter(|summary| !summary.passed())
        .map(|summary| summary.seed.to_string())
        .collect();
    let verdict = if failing.is_empty() {
        format!("PASS: {passed} of {passed} seeds hold what is expected")
    } else {
        format!(
            "FAIL: {passed} of {} seeds hold what is expected; not {}",
            summaries.len(),
            failing.join(", ")
        )
    };
    let mut table = Table::new();
    table
        .load_style(TableStyle::new())
        .set_width(width)
        .set_header(["figure", "mean", "± 95 %", "min", "max"]);
    for column in 1..5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let Some(first) = summaries.first() else {
        return verdict + "\n";
    };
    for (name, figure) in &first.kpis {
        let values: Vec<f64> = summaries
            .iter()
            .filter_map(|summary| summary.kpis.get(name))
            .map(|figure| figure.value)
            .collect();
        let (mean, half) = mean_and_half_width(&values);
        let of = |value: f64| quantity(value, &figure.unit);
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        table.add_row([
            name.clone(),
            of(mean),
            half.map(of).unwrap_or_default(),
            of(least),
            of(most),
        ]);
    }
    let lines: Vec<String> = table
        .to_string()
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    format!("{verdict}\n\n{}\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean() {
        // 1, 2, 3: mean 2, s = 1, t(2) = 4.303: 4.303 / sqrt(3) = 2.484.
        let (mean, half) = mean_and_half_width(&[1.0, 2.0, 3.0]);
        assert_eq!(mean, 2.0);
        assert!((half.expect("three values") - 2.4843).abs() < 1e-4);
        assert_eq!(mean_and_half_width(&[5.0]), (5.0, None));
    }
}
