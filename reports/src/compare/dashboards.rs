//! The new runs as other people's dashboards read them: github-action-benchmark and the Bencher Metric Format.

use serde_json::{Map, Value, json};
use twinrack_scenario::record::Better;

use super::gates::Side;
use super::{Comparison, FigureVerdict};

fn measured(comparison: &Comparison) -> impl Iterator<Item = (&str, &FigureVerdict, Side)> {
    comparison.scenarios.iter().flat_map(|scenario| {
        let figures = scenario.figures.iter();
        figures.filter_map(|figure| Some((scenario.name.as_str(), figure, figure.new?)))
    })
}

/// For `customSmallerIsBetter` or `customBiggerIsBetter` of github-action-benchmark: the figures of that direction.
pub fn action_benchmark(comparison: &Comparison, better: Better) -> Value {
    let of = measured(comparison).filter(|(_, figure, _)| figure.better == better);
    let entry = |(scenario, figure, side): (&str, &FigureVerdict, Side)| {
        json!({
            "name": format!("{scenario}: {}", figure.figure),
            "unit": figure.unit,
            "value": side.mean,
            "range": format!("{} to {}", side.min, side.max),
            "extra": format!("{} runs; {}", side.runs, figure.why.join("; ")),
        })
    };
    of.map(entry).collect()
}

/// The Bencher Metric Format: a benchmark for each scenario, a measure for each figure, with the least and greatest run.
pub fn bencher(comparison: &Comparison) -> Value {
    let mut benchmarks: Map<String, Value> = Map::new();
    for (scenario, figure, side) in measured(comparison) {
        let measures = benchmarks.entry(scenario).or_insert_with(|| json!({}));
        measures[&figure.figure] =
            json!({"value": side.mean, "lower_value": side.min, "upper_value": side.max});
    }
    Value::Object(benchmarks)
}
