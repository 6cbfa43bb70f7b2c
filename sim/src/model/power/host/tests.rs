//! A host's power: worked examples, the curve given back, and what parking, idle states and clocks change.

use proptest::prelude::*;
use twinrack_scenario::decode::{Decoder, Field};
use twinrack_scenario::fault::SourceId;
use twinrack_scenario::profile::{ProfileKind, names, text};
use twinrack_scenario::yaml::parse;

use super::*;

fn decode<T: Field>(text: &str) -> T {
    let (node, _) = parse(text, SourceId(0)).expect("valid YAML");
    T::decode(&node, &mut Decoder::default()).expect("a spec")
}

fn host(keys: &str) -> HostPower {
    managed(keys, "{}")
}

fn managed(keys: &str, policy: &str) -> HostPower {
    let spec = decode(&format!(
        "{{name: n, memory: 32GiB, sockets: 2, cores: 4, threads: 2, {keys}}}"
    ));
    HostPower::new(&spec, &decode(policy), false)
}

fn profile(name: &str, policy: &str) -> HostPower {
    let text = text(ProfileKind::Host, name).expect("in the library");
    let spec: HostSpec = decode(&format!("name: n\n{text}"));
    HostPower::new(&spec, &decode(policy), false)
}

fn at(host: &HostPower, busy: f64, awake: u32) -> f64 {
    host.watts(HostLoad { busy, awake })
}

fn close(watts: f64, expected: f64) {
    assert!((watts - expected).abs() < 1e-9, "{watts} is not {expected}");
}

/// Dell `PowerEdge` R710, Xeon X5570 (`SPECpower_ssj2008`, June 2009, spec.org), no idle state known.
const R710: &str = "power: {curve: [65W, 96.8W, 111W, 121W, 131W, 141W, 153W, 170W, 186W, 204W, 220W]}";
const PARTS: &str = "core_active: 10W, core_halt: 4W, core_parked: 0.5W";

#[test]
fn the_worked_example_of_core_parking() {
    let host = host(&format!(
        "power: {{{PARTS}, package_awake: 0W, package_asleep: 0W}}"
    ));
    // 3.2 of 16 processors: spread out 16 * (0.2*10 + 0.8*4), packed on four 4 * (0.8*10 + 0.2*4) + 12 * 0.5.
    close(at(&host, 3.2, 16), 83.2);
    close(at(&host, 3.2, 4), 41.2);
}

#[test]
fn packages_sleep_when_all_their_cores_are_parked() {
    let host = host(&format!(
        "power: {{{PARTS}, package_awake: 20W, package_asleep: 5W}}"
    ));
    // 3.2 on eight: one package of two. 8 * (0.4*10 + 0.6*4) + 8 * 0.5 + 20 + 5; nine processors are five cores, two packages.
    close(at(&host, 3.2, 8), 55.2 + 25.0);
    close(
        at(&host, 3.2, 10),
        10.0 * (0.32 * 10.0 + 0.68 * 4.0) + 6.0 * 0.5 + 40.0,
    );
    // 8.8 with eight awake: work spills over to a ninth, whose core and package wake. 8.8*10 + 1.2*4 + 6*0.5 + 40.
    close(at(&host, 8.8, 8), 88.0 + 4.8 + 3.0 + 40.0);
}

#[test]
fn the_curve_is_met_when_all_are_awake() {
    let host = host(R710);
    close(at(&host, 3.2, 16), 111.0);
    close(at(&host, 0.0, 16), 65.0);
    // One package of two asleep: half of the drop, 2*96.8 - 111 - 65 = 17.6 W.
    close(at(&host, 3.2, 8), 111.0 - 8.8);
    // Work that spills over wakes the package again, though the policy left it parked: half way from 141 to 153.
    close(at(&host, 8.8, 8), 147.0);
    // Seven parked processors are no package.
    close(at(&host, 3.2, 9), 111.0);
    // Between active idle and 10 % the line holds where no idle state is known.
    close(at(&host, 0.8, 16), 80.9);
}

#[test]
fn states_with_powers_of_their_own_change_power() {
    let states = "c_states: [{name: C1, exit_latency: 1us, target_residency: 2us, power: 4W}, {name: C6, exit_latency: \
                  100us, target_residency: 400us, power: 0.5W}]";
    let keys = format!("{states}, power: {{{PARTS}, package_awake: 0W, package_asleep: 0W}}");
    let policy = "{bursts: 10/s, idle_wakeups: 0/s}";
    // 10 bursts a second of work at 20 % on two threads: 4 wake-ups of 100 us for each second idle. Idle 0.64: C6
    // 0.64 * (1 - 4e-4), waking 0.64 * 4e-4. Cores: idle 1 W, waking 14 W, one thread running 14 W, both 20 W.
    let waking = 0.64 * 4e-4;
    let core = (0.64 - waking) * 1.0 + waking * 14.0 + 0.32 * 14.0 + 0.04 * 20.0;
    close(at(&managed(&keys, policy), 3.2, 16), 8.0 * core);
    // Halted only: 4 W for every idle processor, and 2 * 2 * 1 us of waking for each second idle.
    let waking = 0.64 * 4e-6;
    let core = (0.64 - waking) * 8.0 + waking * 14.0 + 0.32 * 14.0 + 0.04 * 20.0;
    let halt = managed(&keys, "{bursts: 10/s, idle_wakeups: 0/s, idle: halt}");
    close(at(&halt, 3.2, 16), 8.0 * core);
}

#[test]
fn clocks_change_power_and_capacity() {
    let keys = format!(
        "clock: 3GHz, p_states: [{{clock: 1.5GHz, voltage: 80%}}], power: {{{PARTS}, package_awake: 0W, package_asleep: 0W}}"
    );
    // 20 % at half the clock is 40 % of the time, at 0.5 * 0.8^2 = 0.32 of the dynamic power of 6 W.
    close(at(&host(&keys), 3.2, 16), 16.0 * (4.0 + 0.4 * 6.0 * 0.32));
    // 40 % would be 80 % of the time, above the target of 60 %: nominal clock.
    close(at(&host(&keys), 6.4, 16), 16.0 * (4.0 + 0.4 * 6.0));
    close(at(&managed(&keys, "{clock: performance}"), 3.2, 16), 83.2);
    let slow = managed(&keys, "{clock: powersave}");
    assert_eq!(slow.capacity(), 8.0);
    close(slow.peak(), 16.0 * (4.0 + 6.0 * 0.32));
    // A quarter of the work waits for memory: speed 1 / (0.75 * 2 + 0.25).
    let bound = managed(&keys, "{clock: powersave, clock_bound: 75%}");
    close(bound.capacity(), 16.0 / 1.75);
}

#[test]
fn the_idle_staircase_has_one_high_step() {
    let host = profile("amd-epyc-7502", "{idle_wakeups: 0/s}");
    close(at(&host, 0.0, 128), 99.05);
}

/// The split gives every curve of the library back at its eleven loads, and no part of it is negative.
#[test]
fn every_profile_gives_its_curve_back() {
    for name in names(ProfileKind::Host) {
        let host = profile(name, "{}");
        let Some(measured) = &host.measured else { continue };
        for point in 0..=10 {
            let load = f64::from(point) / 10.0;
            let all = host.logical_processors();
            let load_of = HostLoad {
                busy: load * f64::from(all),
                awake: all,
            };
            let split = host.split(load_of);
            let watts = measured.curve.at(load);
            assert!(
                (split.total() - watts).abs() < 1e-9,
                "{name} at {load}: {split:?}, not {watts}"
            );
            assert!((host.watts(load_of) - watts).abs() < 1e-9, "{name} at {load}");
            let parts = [
                split.base,
                split.packages,
                split.idle,
                split.waking,
                split.running,
                split.parked,
            ];
            assert!(
                parts.iter().all(|part| *part >= -1e-9),
                "{name} at {load}: {split:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Any curve that does not fall is given back between its points too.
    #[test]
    fn any_curve_is_given_back(
        steps in prop::collection::vec(0.0..60.0f64, 10),
        idle in 20.0..300.0f64,
        load in 0.1..1.0f64,
        states in any::<bool>(),
    ) {
        let mut watts = vec![idle];
        for step in steps {
            watts.push(watts[watts.len() - 1] + step);
        }
        let curve: Vec<String> = watts.iter().map(|watts| format!("{watts}W")).collect();
        let states = if states {
            "c_states: [{name: C1, exit_latency: 2us, target_residency: 2us}, {name: C6, exit_latency: 133us, \
             target_residency: 600us}],"
        } else {
            ""
        };
        let host = host(&format!("{states} power: {{curve: [{}]}}", curve.join(", ")));
        let load_of = HostLoad { busy: load * 16.0, awake: 16 };
        let expected = host.measured.as_ref().expect("a curve").curve.at(load);
        prop_assert!((host.split(load_of).total() - expected).abs() < 1e-6);
        prop_assert!((at(&host, 0.0, 16) - idle).abs() < 1e-9);
        let nothing = HostLoad { busy: 0.0, awake: 16 };
        prop_assert!((host.split(nothing).total() - idle).abs() < 1e-6);
    }

    /// Parking that empties packages never costs power at one clock, at any load that those awake can carry. Where
    /// `ondemand` slows clocks down it may: fewer processors are busier, and want a higher clock. And it may by a hair where
    /// no package can sleep without the others: cores that idle at random idle together more seldom when each is busier.
    #[test]
    fn parking_saves(load in 0.0..1.0f64, awake in 1..=16u32, which in 0..100usize) {
        let names = names(ProfileKind::Host);
        let host = profile(names[which % names.len()], "{clock: performance}");
        prop_assume!(!host.together);
        let all = host.logical_processors();
        let package = host.cores * host.threads;
        let awake = (awake * all / 16).next_multiple_of(package);
        let busy = load * f64::from(awake);
        let (few, wide) = (HostLoad { busy, awake }, HostLoad { busy, awake: all });
        let (few, wide) = (host.split(few), host.split(wide));
        prop_assert!(few.total() <= wide.total() + 1e-6, "{few:?} {wide:?}");
    }
}
