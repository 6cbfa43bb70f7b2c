//! Energy by the tariff: how much of it was used in each part of the day, from the energy that had been used at each sample.

use twinrack_scenario::record::RunRecord;
use twinrack_scenario::spec::tariff::TariffSpec;

/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// Kilowatt-hours in each window of a tariff, over a run that begins at midnight.
pub fn by_window(tariff: &TariffSpec, record: &RunRecord) -> Vec<f64> {
    let total = record
        .summary
        .kpis
        .get("power.energy_kwh.sum")
        .map_or(0.0, |figure| figure.value);
    let mut used = record.series.points("total", "energy_kwh");
    used.insert(0, (0.0, 0.0));
    used.push((record.summary.span_s, total));
    let mut windows = vec![0.0; tariff.windows.len()];
    let parts = tariff.parts();
    let days = libm::ceil(record.summary.span_s / DAY) as u32;
    for day in 0..days {
        let midnight = f64::from(day) * DAY;
        for (from, to, window) in &parts {
            let [before, after] = [from, to].map(|at| until(&used, midnight + f64::from(*at)));
            windows[*window] += after - before;
        }
    }
    windows
}

/// What had been used at a time: between samples as if the power had been constant.
fn until(used: &[(f64, f64)], at: f64) -> f64 {
    let after = used.partition_point(|(t, _)| *t <= at);
    match (used.get(after.wrapping_sub(1)), used.get(after)) {
        (Some((t, kwh)), Some((later, more))) => kwh + (more - kwh) * (at - t) / (later - t),
        (Some((_, kwh)), None) => *kwh,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_samples_power_is_constant() {
        let used = [(0.0, 0.0), (100.0, 1.0), (200.0, 4.0), (200.0, 4.0)];
        for (at, kwh) in [
            (0.0, 0.0),
            (50.0, 0.5),
            (100.0, 1.0),
            (150.0, 2.5),
            (200.0, 4.0),
            (900.0, 4.0),
        ] {
            assert_eq!(until(&used, at), kwh, "{at}");
        }
    }
}
