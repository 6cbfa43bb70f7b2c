//! Any `--set path=value` changes the scenario or is a fault that can be drawn.

#![no_main]

use libfuzzer_sys::fuzz_target;
use twinrack_scenario::read::{NoFiles, read};

const SCENARIO: &str = include_str!("../../scenarios/deck/live-migration.yaml");

fuzz_target!(|set: (String, String)| {
    if let Err(rejected) = read("scenario.yaml", SCENARIO, &NoFiles, &[set]) {
        assert!(rejected.to_string().contains("fault"));
    }
});
