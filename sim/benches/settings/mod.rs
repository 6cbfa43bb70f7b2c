//! How the small benchmarks are measured.

use std::time::Duration;

use criterion::Criterion;

/// So many samples, over so many milliseconds after a short warm-up.
pub fn of(samples: usize, millis: u64) -> Criterion {
    Criterion::default()
        .sample_size(samples)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(millis))
}
