//! Several runs of one scenario at different seeds: each figure with its mean and 95 % interval.

use twinrack_scenario::record::{Expectation, Summary, Verdict};

use super::expectation::{because, limit, misses, unit};
use super::number::quantity;
use super::table::{Last, drawn, table};

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

/// The verdict, each expectation over all seeds, and the figures that depend on the seed.
pub fn written(summaries: &[Summary], width: u16) -> String {
    let mut parts = vec![verdict(summaries)];
    if let Some(first) = summaries.first() {
        parts.extend(expectations(summaries, first, width));
        parts.push(figures(summaries, first, width));
    }
    parts.join("\n\n") + "\n"
}

fn verdict(summaries: &[Summary]) -> String {
    let failing: Vec<String> = summaries
        .iter()
        .filter(|summary| !summary.passed())
        .map(|summary| summary.seed.to_string())
        .collect();
    let (all, passed) = (summaries.len(), summaries.len() - failing.len());
    if failing.is_empty() {
        let misses = summaries
            .iter()
            .max_by_key(|summary| summary.count(Verdict::KnownMiss))
            .map(|run: &Summary| misses(run.count(Verdict::KnownMiss)))
            .unwrap_or_default();
        format!("PASS{misses}: {passed} of {all} seeds hold what is expected")
    } else {
        format!(
            "FAIL: {passed} of {all} seeds hold what is expected; not {}",
            failing.join(", ")
        )
    }
}

fn expectations(summaries: &[Summary], first: &Summary, width: u16) -> Option<String> {
    if first.expectations.is_empty() {
        return None;
    }
    let header = [
        "holds", "figure", "mean", "± 95 %", "min", "max", "expected", "because",
    ];
    let mut table = table(width, &header, &[0, 2, 3, 4, 5], Last::Words);
    for (index, item) in first.expectations.iter().enumerate() {
        let over: Vec<&Expectation> = summaries
            .iter()
            .filter_map(|summary| summary.expectations.get(index))
            .collect();
        let holds = over
            .iter()
            .filter(|item| matches!(item.verdict(), Verdict::Held | Verdict::NotAsked))
            .count();
        let values: Vec<f64> = over.iter().filter_map(|item| item.value).collect();
        let mut row = vec![format!("{holds}/{}", over.len()), item.kpi.clone()];
        row.extend(spread(&values, unit(item)));
        row.extend([limit(item), because(item)]);
        table.add_row(row);
    }
    Some(drawn(&table))
}

fn figures(summaries: &[Summary], first: &Summary, width: u16) -> String {
    let mut table = table(
        width,
        &["figure", "mean", "± 95 %", "min", "max"],
        &[1, 2, 3, 4],
        Last::Number,
    );
    let mut same = 0;
    for (name, figure) in &first.kpis {
        let values: Vec<f64> = summaries
            .iter()
            .filter_map(|summary| summary.kpis.get(name))
            .map(|figure| figure.value)
            .collect();
        if values.len() == summaries.len() && values.iter().all(|value| *value == figure.value) {
            same += 1;
            continue;
        }
        table.add_row(std::iter::once(name.clone()).chain(spread(&values, &figure.unit)));
    }
    match (table.row_count(), same) {
        (0, same) => format!("Nothing depends on the seed: all {same} figures are the same in every run."),
        (_, same) => format!(
            "{}\n\n the same at every seed, in each run's record: {same} figures",
            drawn(&table)
        ),
    }
}

/// Mean, half-width of its 95 % interval, least and greatest.
fn spread(values: &[f64], unit: &str) -> [String; 4] {
    if values.is_empty() {
        return ["absent".to_owned(), String::new(), String::new(), String::new()];
    }
    let of = |value: f64| quantity(value, unit);
    let (mean, half) = mean_and_half_width(values);
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    [of(mean), half.map(of).unwrap_or_default(), of(least), of(most)]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn summary(seed: u64, delay: f64) -> Summary {
        let figure = |value: f64| json!({"value": value, "unit": "s", "source": "modelled"});
        serde_json::from_value(json!({
            "schema": "twinrack-record-1", "backend": "sim", "seed": seed, "digest": "", "span_s": 1.0, "wall_s": 0.0,
            "scenario": {"name": "queue", "title": null, "blake3": ""}, "versions": {},
            "kpis": {"cpu.ready_s.max": figure(delay), "migration.downtime_s.max": figure(0.5)},
            "expectations": [{"kpi": "cpu.ready_s.max", "op": "<=", "limit": 2.5, "tolerance": 0.0,
                "value": delay, "ok": delay <= 2.5, "why": "a quarter of the time"}],
        }))
        .expect("a summary")
    }

    #[test]
    fn the_verdict_then_what_depends_on_the_seed() {
        let several = [summary(0, 1.0), summary(1, 2.0), summary(2, 3.0)];
        insta::assert_snapshot!(written(&several, 120), @r"
        FAIL: 2 of 3 seeds hold what is expected; not 2

         holds  figure           mean   ± 95 %  min  max  expected  because
           2/3  cpu.ready_s.max   2 s  2.484 s  1 s  3 s  <= 2.5 s  a quarter of the time

         figure           mean   ± 95 %  min  max
         cpu.ready_s.max   2 s  2.484 s  1 s  3 s

         the same at every seed, in each run's record: 1 figures
        ");
        let alike = [summary(0, 1.0), summary(1, 1.0)];
        assert!(
            written(&alike, 120)
                .ends_with("Nothing depends on the seed: all 2 figures are the same in every run.\n")
        );
    }

    #[test]
    fn the_interval_of_a_mean() {
        // 1, 2, 3: mean 2, s = 1, t(2) = 4.303: 4.303 / sqrt(3) = 2.484.
        let (mean, half) = mean_and_half_width(&[1.0, 2.0, 3.0]);
        assert_eq!(mean, 2.0);
        assert!((half.expect("three values") - 2.4843).abs() < 1e-4);
        assert_eq!(mean_and_half_width(&[5.0]), (5.0, None));
    }
}
