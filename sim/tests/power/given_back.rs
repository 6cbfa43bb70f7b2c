//! Parts worked out from each published curve give that curve back, and mean something: none is negative.

use twinrack_scenario::spec::host::HostSpec;
use twinrack_scenario::spec::processor::ProcessorSpec;
use twinrack_sim::model::power::{HostLoad, HostPower};

use super::curves::{Published, published};
use super::specpower::median;
use super::support::decoded;
use super::tables::{in_manual, percent, table};

/// The idle states that are tried: none, those of Nehalem and those of Skylake (Linux `intel_idle`).
const STATES: [(&str, &str); 3] = [
    ("none listed", ""),
    (
        "C1, C1E, C3, C6 of Nehalem",
        "{name: C1, exit_latency: 3us, target_residency: 6us}, {name: C1E, exit_latency: 10us, target_residency: 20us}, \
         {name: C3, exit_latency: 20us, target_residency: 80us}, {name: C6, exit_latency: 200us, target_residency: 800us}",
    ),
    (
        "C1, C1E, C6 of Skylake",
        "{name: C1, exit_latency: 2us, target_residency: 2us}, {name: C1E, exit_latency: 10us, target_residency: 20us}, \
         {name: C6, exit_latency: 133us, target_residency: 600us}",
    ),
];

fn host(curve: &Published, states: &str) -> HostPower {
    let watts: Vec<String> = curve.watts.iter().map(|watts| format!("{watts}W")).collect();
    let cores = (curve.cores / curve.packages).max(1);
    let text = format!(
        "{{name: n, memory: 32GiB, sockets: {}, cores: {cores}, threads: {}, c_states: [{states}], power: {{curve: [{}]}}}}",
        curve.packages,
        (curve.threads / curve.cores).max(1),
        watts.join(", ")
    );
    HostPower::new(
        &decoded::<HostSpec>(&text),
        &decoded::<ProcessorSpec>("{}"),
        false,
    )
}

/// The greatest error in watts at the eleven loads, the least component, and the packages' share of the step from idle to 10 %.
fn given_back(curve: &Published, states: &str) -> (f64, f64, f64) {
    let host = host(curve, states);
    let all = host.logical_processors();
    let at = |step: usize| {
        host.split(HostLoad {
            busy: step as f64 / 10.0 * f64::from(all),
            awake: all,
        })
    };
    let (mut error, mut least) = (0.0_f64, f64::INFINITY);
    for (step, watts) in curve.watts.iter().enumerate() {
        let split = at(step);
        error = error.max((split.total() - watts).abs());
        for part in [
            split.base,
            split.packages,
            split.idle,
            split.waking,
            split.running,
            split.parked,
        ] {
            least = least.min(part);
        }
    }
    let packages = (at(1).packages - at(0).packages) / (curve.watts[1] - curve.watts[0]);
    (error, least, packages)
}

#[test]
fn every_published_curve() {
    let Some(curves) = published() else { return };
    let mut rows = Vec::new();
    for (name, states) in STATES {
        let all: Vec<(f64, f64, f64)> = curves.iter().map(|curve| given_back(curve, states)).collect();
        let back = all.iter().filter(|(error, ..)| *error < 1e-9).count();
        let negative = all.iter().filter(|(_, least, _)| *least < -1e-9).count();
        rows.push(vec![
            name.to_owned(),
            all.len().to_string(),
            back.to_string(),
            negative.to_string(),
            percent(median(all.iter().map(|(.., packages)| *packages).collect())),
        ]);
    }
    let header = [
        "idle states",
        "curves",
        "given back to 1e-9 W",
        "with a negative part",
        "packages' part of the step to 10 %, median",
    ];
    in_manual("curves given back", &table(&header, &rows));
}
