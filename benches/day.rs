//! How fast a day of PlanetLab goes: 1,052 VMs on 800 hosts, in the preset that equals CloudSim and in the honest model.
//!
//! The published day of 3 March 2011 where `TWINRACK_DATA` has it, else a synthetic one; the name of each figure says which.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use twinrack_scenario::Scenario;
use twinrack_scenario::read::{FileLookup, Lookup, LookupError, read};
use twinrack_sim::model::workload::synthetic;
use twinrack_sim::{RunOptions, run};

struct Synthetic;

impl Lookup for Synthetic {
    fn trace(&self, _: &str) -> Result<Vec<u8>, LookupError> {
        Ok(synthetic::trace(1, 1052, 1).to_csv().into_bytes())
    }
}

/// A planning scenario, and whether it has the published day.
fn scenario(name: &str) -> (Scenario, &'static str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/planning");
    let path = folder.join(format!("{name}.yaml"));
    let text = std::fs::read_to_string(&path).expect("part of the library");
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let data = std::env::var_os("TWINRACK_DATA").map_or(beside, PathBuf::from);
    let place = path.display().to_string();
    if let Ok(scenario) = read(&place, &text, &FileLookup::new(&folder, data), &[]) {
        return (scenario, "published");
    }
    let synthetic = read(&place, &text, &Synthetic, &[]);
    (
        synthetic.unwrap_or_else(|rejected| panic!("{rejected}")),
        "synthetic",
    )
}

fn day(c: &mut Criterion) {
    let mut group = c.benchmark_group("day");
    group.sampling_mode(SamplingMode::Flat);
    for name in [
        "cloudsim-npa",
        "cloudsim-thr-mmt",
        "cloudsim-lr-mmt",
        "cloudsim-mad-mmt",
        "cloudsim-iqr-mc",
        "planetlab-npa",
        "planetlab-thr-mmt",
        "planetlab-lr-mmt",
    ] {
        let (scenario, which) = scenario(name);
        let id = BenchmarkId::new(name, format!("{which}, 1052 VMs, 800 hosts, 24 h"));
        let options = || RunOptions {
            seed: scenario.spec.seed,
        };
        group.bench_function(id, |b| {
            b.iter(|| {
                black_box(run(&scenario, options(), &mut |_| ControlFlow::Continue(())).expect("runs"))
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(5));
    targets = day
}
criterion_main!(benches);
