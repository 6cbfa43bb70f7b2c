//! One scenario on both bodies: every figure that both have.
//!
//! The simulated body is given what the real one measures of itself: the steps of a migration take what they take on this host
//! (see [`Fixed`]), in place of what the product's take. What the scenario says of its own is left.

use std::path::Path;

use twinrack_hw::calibrate::Fixed;
use twinrack_reports::twin::{TwinCase, TwinFigure, markdown, written};
use twinrack_scenario::Scenario;
use twinrack_scenario::record::Summary;
use twinrack_scenario::spec::expect::Backend;

use super::{CALIBRATIONS, pressure, system};
use crate::exit::{Exit, Stop, print};
use crate::progress::Bar;
use crate::report::write_atomically;
use crate::run::{on_hosts, simulate, stopped};
use crate::scenario::load;

/// Runs a scenario on real hosts `repeats` times, and once in the simulator.
pub fn of_file(path: &Path, sets: &[(String, String)], repeats: u32) -> Result<TwinCase, Stop> {
    let scenario = load(Backend::Kvm, path, sets)?;
    let mut measured = Vec::new();
    for _ in 0..repeats {
        let bar = Bar::new(&scenario.spec.name, 1);
        let record = on_hosts(&scenario, scenario.spec.seed, (false, None), &bar);
        bar.clear();
        measured.push(record?.summary);
    }
    beside(scenario, &measured)
}

/// What was measured beside what the simulator makes of the same scenario.
fn beside(mut scenario: Scenario, measured: &[Summary]) -> Result<TwinCase, Stop> {
    let seed = measured
        .first()
        .map_or(scenario.spec.seed, |summary| summary.seed);
    let name = scenario.spec.name.value.clone();
    let moves = measured
        .iter()
        .any(|summary| summary.kpis.contains_key("migration.rounds.max"));
    if moves {
        let fixed = Fixed::measure(&system()?, &scenario.spec.policies.migration, CALIBRATIONS)
            .map_err(|error| Stop::bad_input(format!("error: {name}: {error}")))?;
        fixed.put(&mut scenario.spec.policies.migration);
    }
    let record =
        simulate(&scenario, seed, &mut |_| {}).map_err(|error| stopped(error, "nothing was compared"))?;
    let measured: Vec<&Summary> = measured.iter().collect();
    Ok(TwinCase {
        figures: TwinFigure::beside(&record.summary, &measured),
        name,
    })
}

/// Prints a comparison, and writes its table.
pub fn told(case: &TwinCase, out: Option<&Path>) -> Result<Exit, Stop> {
    print(&format!(
        "simulated / measured (error, spread of the repeats)\n{}",
        written(case)
    ))?;
    if let Some(path) = out {
        let repeats = case.figures.first().map_or(0, |figure| figure.measured.len());
        let about = format!("{}, measured {repeats} times; {}", case.name, pressure());
        write_atomically(path, markdown(std::slice::from_ref(case), &about).as_bytes())?;
    }
    Ok(Exit::Done)
}
