//! What tests of the simulated body share: a scenario run from its text, its figures, specs from a line of YAML, published data.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use twinrack_scenario::Scenario;
use twinrack_scenario::decode::{Decoder, Field};
use twinrack_scenario::fault::SourceId;
use twinrack_scenario::record::RunRecord;
use twinrack_sim::{RunOptions, run};

/// The record of a scenario at seed 1.
pub fn simulated(yaml: &str) -> RunRecord {
    let scenario = Scenario::from_yaml(yaml).unwrap_or_else(|rejected| panic!("{rejected}"));
    run(&scenario, RunOptions { seed: 1 }, &mut |_| {
        ControlFlow::Continue(())
    })
    .expect("runs")
}

/// A figure of a record; not a number when it has none such.
pub fn figure(record: &RunRecord, name: &str) -> f64 {
    record.summary.kpis.get(name).map_or(f64::NAN, |kpi| kpi.value)
}

/// Holds a value to one that is not 0, within a share of it.
pub fn near(found: f64, wanted: f64, within: f64) {
    assert!((found / wanted - 1.0).abs() < within, "{found} is not {wanted}");
}

/// A part of a scenario from its YAML.
pub fn decoded<T: Field>(yaml: &str) -> T {
    let (node, faults) = twinrack_scenario::yaml::parse(yaml, SourceId(0)).expect("valid YAML");
    let mut decoder = Decoder::default();
    decoder.faults = faults;
    let spec = T::decode(&node, &mut decoder);
    assert_eq!(decoder.faults, []);
    spec.expect("no faults")
}

/// Published data, which are not part of the repository: a file under `TWINRACK_DATA`, or `../shared/data` beside the repository.
/// Nothing, said aloud with what is not tested then, where it is not here.
#[expect(
    clippy::disallowed_methods,
    reason = "a test reads published data; the simulator does not"
)]
pub fn published(file: &str, untested: &str) -> Option<Vec<u8>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let data = std::env::var_os("TWINRACK_DATA").map_or(beside, PathBuf::from);
    let path = data.join(file);
    let bytes = std::fs::read(&path);
    if bytes.is_err() {
        let line = format!(
            "SKIPPED: {} is not here (set TWINRACK_DATA); {untested}\n",
            path.display()
        );
        // Past the test harness, which keeps what passing tests print.
        std::io::stderr()
            .write_all(line.as_bytes())
            .expect("standard error takes it");
    }
    bytes.ok()
}
