//! The time series of a run as comma-separated values (RFC 4180): the columns of `series.parquet`, for tools that read no Parquet.

use std::fmt::Write as _;

use twinrack_scenario::record::Series;

use crate::html::data::quoted;

/// A head and a line for each sample, with all digits.
pub fn written(series: &Series) -> String {
    let mut csv = "t_s,entity,metric,value\r\n".to_owned();
    for sample in &series.samples {
        let name = |names: &[String], at: usize| names.get(at).map_or_else(String::new, |name| quoted(name));
        let entity = name(&series.entities, sample.entity as usize);
        let metric = name(&series.metrics, usize::from(sample.metric));
        let _ = write!(csv, "{},{entity},{metric},{}\r\n", sample.t_s, sample.value);
    }
    csv
}

#[cfg(test)]
mod tests {
    use twinrack_scenario::record::Sample;

    use super::*;

    #[test]
    fn every_sample_is_a_line_with_all_its_digits() {
        let mut series = Series::default();
        let (entity, metric) = (series.entity("host:a, \"b\""), series.metric("power_w"));
        let sample = |t_s, value| Sample {
            t_s,
            entity,
            metric,
            value,
        };
        series.samples = vec![sample(0.5, 1.0 / 3.0), sample(60.0, 86.0)];
        assert_eq!(
            written(&series),
            "t_s,entity,metric,value\r\n0.5,\"host:a, \"\"b\"\"\",power_w,0.3333333333333333\r\n60,\"host:a, \"\"b\"\"\",power_w,86\r\n"
        );
    }
}
