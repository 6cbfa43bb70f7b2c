//! The idle staircase of two EPYC 7502: what the wall says when cores leave their deepest state one by one.

use twinrack_scenario::profile::{ProfileKind, text};
use twinrack_scenario::spec::host::HostSpec;
use twinrack_scenario::spec::processor::ProcessorSpec;
use twinrack_sim::model::power::{HostLoad, HostPower};

use super::curves::published;
use super::support::decoded;
use super::tables::{in_manual, percent, table};

/// The profile, with so many threads a core used, under a policy for idle processors.
fn host(threads: u32, policy: &str) -> HostPower {
    let text = text(ProfileKind::Host, "amd-epyc-7502").expect("in the library");
    let text = text.replace("threads: 2", &format!("threads: {threads}"));
    let spec: HostSpec = decoded(&format!("name: n\n{text}"));
    HostPower::new(&spec, &decoded::<ProcessorSpec>(policy), false)
}

const ASLEEP: &str = "{idle_wakeups: 0/s, clock: performance}";
const HALTED: &str = "{idle: halt, idle_wakeups: 0/s, clock: performance}";

/// Watts with so many cores out of C2: halted, with one thread running, with both. The others are parked in C2.
fn halted(cores: u32) -> f64 {
    host(2, HALTED).watts(HostLoad {
        busy: 0.0,
        awake: 2 * cores,
    })
}

fn running(cores: u32, threads: u32) -> f64 {
    let awake = cores * threads;
    host(threads, ASLEEP).watts(HostLoad {
        busy: f64::from(awake),
        awake,
    })
}

#[test]
fn the_staircase() {
    let asleep = host(2, ASLEEP).watts(HostLoad {
        busy: 0.0,
        awake: 128,
    });
    let of_one = |watts: &dyn Fn(u32) -> f64| (watts(64) - watts(1)) / 63.0;
    let steps = [
        ("all threads in C2", 99.05, asleep),
        (
            "one thread of one core in C1: more",
            81.0,
            halted(1) - halted_one() - asleep,
        ),
        ("each core in C1", 0.091, of_one(&halted)),
        (
            "each core in C0, one thread",
            0.332,
            of_one(&|cores| running(cores, 1)),
        ),
        (
            "second thread in C0",
            0.052,
            of_one(&|cores| running(cores, 2)) - of_one(&|cores| running(cores, 1)),
        ),
    ];
    let rows: Vec<Vec<String>> = steps
        .iter()
        .map(|(name, published, simulated)| {
            assert!(
                (simulated - published).abs() < 1e-6,
                "{name}: {simulated}, not {published}"
            );
            let error = simulated / published - 1.0;
            vec![
                (*name).to_owned(),
                format!("{published} W"),
                format!("{simulated:.3} W"),
                percent(error.abs()),
            ]
        })
        .collect();
    in_manual(
        "the staircase",
        &table(&["step", "published", "simulated", "error"], &rows),
    );
}

/// What one core in C1 adds itself.
fn halted_one() -> f64 {
    (halted(64) - halted(1)) / 63.0
}

/// The staircase says what waking all packages costs on one machine of its kind. Published curves of others of the same
/// generation have it as their drop at idle.
#[test]
fn the_step_in_published_curves() {
    let Some(curves) = published() else { return };
    let mut rows = Vec::new();
    for processor in ["EPYC 7702", "EPYC 7742"] {
        let mut drops: Vec<f64> = curves
            .iter()
            .filter(|curve| curve.packages == 2 && curve.processor.contains(processor))
            .map(|curve| curve.through(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).idle_drop())
            .collect();
        drops.sort_by(f64::total_cmp);
        let median = drops[drops.len() / 2];
        rows.push(vec![
            format!("2 x {processor}, {} systems", drops.len()),
            "81 W".to_owned(),
            format!("{median:.1} W ({:.1} to {:.1})", drops[0], drops[drops.len() - 1]),
            percent((median / 81.0 - 1.0).abs()),
        ]);
    }
    let header = [
        "systems",
        "EPYC 7502, measured",
        "drop at idle, median and range",
        "error of the median",
    ];
    in_manual("the step in published curves", &table(&header, &rows));
}
