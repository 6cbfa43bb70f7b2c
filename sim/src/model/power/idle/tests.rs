//! Idle states: limits, conservation of time, and a simulated governor against the closed forms.

use proptest::prelude::*;
use twinrack_scenario::decode::{Decoder, Field};
use twinrack_scenario::fault::SourceId;
use twinrack_scenario::yaml::parse;

use super::*;
use crate::engine::Streams;

/// Nehalem's states (Linux `intel_idle`).
const NEHALEM: &str = "[{name: C1, exit_latency: 3us, target_residency: 6us}, {name: C1E, exit_latency: 10us, \
                       target_residency: 20us}, {name: C3, exit_latency: 20us, target_residency: 80us}, {name: C6, \
                       exit_latency: 200us, target_residency: 800us}]";

fn decode<T: Field>(text: &str) -> T {
    let (node, _) = parse(text, SourceId(0)).expect("valid YAML");
    T::decode(&node, &mut Decoder::default()).expect("a spec")
}

fn idle(threads: u32, policy: &str) -> Idle {
    let host = decode::<HostSpec>(&format!(
        "{{name: n, memory: 32GiB, threads: {threads}, c_states: {NEHALEM}}}"
    ));
    Idle::new(&host, &decode(policy), false)
}

fn core(idle: &Idle, u: f64) -> CoreTime {
    let mut time = CoreTime::default();
    idle.core(u, &mut time);
    time
}

#[test]
fn an_idle_core_is_in_its_deepest_state() {
    // Two wake-ups a second: idle times of 0.5 s, each ended by 200 us of waking.
    let time = core(&idle(2, "{}"), 0.0);
    assert!((time.states[3] - (1.0 - 2.0 * 200e-6)).abs() < 1e-9, "{time:?}");
    assert!((time.waking - 4e-4).abs() < 1e-9, "{time:?}");
}

#[test]
fn the_tick_keeps_an_idle_core_out_of_nothing_but_its_wakeups() {
    let host = decode::<HostSpec>(&format!("{{name: n, memory: 32GiB, c_states: {NEHALEM}}}"));
    let time = core(&Idle::new(&host, &decode("{}"), true), 0.0);
    // 64 idle times of 15.6 ms a second, far above the 0.8 ms of C6: 64 * 200 us of waking.
    assert!((time.waking - 0.0128).abs() < 1e-6, "{time:?}");
    assert!(time.states[3] > 0.987, "{time:?}");
}

#[test]
fn short_idle_times_keep_cores_in_shallow_states() {
    // 100,000 bursts for each second of work: at 50 % load idle times of 20 us on one thread.
    let time = core(&idle(1, "{bursts: 100000/s}"), 0.5);
    assert!(time.states[3] < 1e-12 && time.states[2] < 1e-6, "{time:?}");
    assert!(time.states[0] > 0.1 && time.states[1] > 0.1, "{time:?}");
}

#[test]
fn halting_only_has_no_deep_state_and_wakes_fast() {
    let time = core(&idle(2, "{idle: halt}"), 0.2);
    // Both threads idle: 0.8^2. A burst finds the core idle with that probability and waits 3 us: 1000 a second of work.
    assert_eq!((time.states.len(), time.deep), (1, 0.0));
    assert!((time.delay - 1000.0 * 0.64 * 3e-6).abs() < 1e-12, "{time:?}");
}

#[test]
fn the_mean_of_eight_is_erlang() {
    // Tables of the chi-square distribution with 16 degrees of freedom, 2 * 8x: 7.962 at 5 %, 15.338 at 50 %, 26.296 at 95 %.
    for (quantile, probability) in [(7.962, 0.05), (15.338, 0.5), (26.296, 0.95)] {
        assert!((erlang(quantile / 16.0) - probability).abs() < 1e-4);
    }
    assert_eq!((erlang(0.0), erlang(1e9)), (0.0, 1.0));
}

/// Plays bursts and a governor that keeps the last eight idle times, and compares what it did with the closed forms.
#[test]
fn a_governor_played_out_does_what_the_closed_forms_say() {
    let model = idle(1, "{bursts: 4000/s, idle_wakeups: 20/s}");
    let mut draws = Streams::new(7).stream("core", "idle");
    let u = 0.3;
    let rate = 4000.0 * u + 20.0;
    let mut recent = [1.0 / rate; 8];
    let (mut stayed, mut woke, mut total) = ([0.0; 4], 0.0, 0.0);
    for turn in 0..200_000 {
        let foreseen = recent.iter().sum::<f64>() / 8.0;
        let state = model
            .states
            .iter()
            .rposition(|state| state.residency <= foreseen)
            .unwrap_or(0);
        let length = draws.exponential(1.0 / rate);
        recent[turn % 8] = length;
        stayed[state] += length;
        woke += model.states[state].latency;
        total += length;
    }
    let time = core(&model, u);
    let idle: f64 = time.states.iter().sum::<f64>() + time.waking;
    assert!(
        (time.waking / idle - woke / total).abs() < 0.002,
        "{time:?} {woke} {total}"
    );
    for (share, stayed) in time.states.iter().zip(stayed) {
        let simulated = stayed / total * (1.0 - time.waking / idle);
        assert!((share / idle - simulated).abs() < 0.01, "{time:?} {simulated}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn time_is_conserved_and_work_makes_sleep_shallower(
        u in 0.0..1.0f64,
        more in 0.0..0.3f64,
        threads in 1..5u32,
        bursts in 1.0..1e5f64,
    ) {
        let model = idle(threads, &format!("{{bursts: {bursts}/s}}"));
        let (time, busier) = (core(&model, u), core(&model, (u + more).min(1.0)));
        let idle = power(1.0 - u, threads);
        let told = time.states.iter().sum::<f64>() + time.waking;
        prop_assert!((told - idle).abs() < 1e-9, "{told} is not {idle}");
        prop_assert!(time.states.iter().all(|share| *share >= -1e-12));
        // Shorter idle times: shallower states, so that less is waited for each wake-up.
        let idle_then = power(1.0 - (u + more).min(1.0), threads);
        prop_assert!(busier.delay * idle <= time.delay * idle_then + 1e-9);
    }
}
