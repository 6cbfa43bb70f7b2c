//! Power management in whole runs: what parking, idle states and clocks do to power, waiting and capacity.

use super::support::simulated;

/// Runs a host of 16 logical processors with 16 VMs under policies; gives its figures by name.
fn figures(host: &str, vms: &str, policies: &str, timeline: &str) -> impl Fn(&str) -> f64 + use<> {
    let text = format!(
        "name: whole\nduration: 100s\nhosts: [{{name: n1, {host}}}]\nvms: [{{name: vm, count: 16, profile: idle, memory: \
         1GiB, vcpus: 1, host: n1, paging: {{}}, {vms}}}]\npolicies: {{{policies}}}\ntimeline: [{timeline}]\n"
    );
    let record = simulated(&text);
    move |name| {
        record
            .summary
            .kpis
            .get(name)
            .unwrap_or_else(|| panic!("no figure {name}"))
            .value
    }
}

#[test]
fn the_staircase_as_a_scenario() {
    let text = include_str!("../../../scenarios/validation/v29-epyc-7502-staircase.yaml");
    let expectations = simulated(text).summary.expectations;
    assert_eq!(expectations.len(), 3);
    assert!(
        expectations.iter().all(|expectation| expectation.ok),
        "{expectations:?}"
    );
}

fn close(value: f64, expected: f64) {
    assert!(
        (value - expected).abs() < 1e-6 * expected.abs().max(1.0),
        "{value} is not {expected}"
    );
}

const PARTS: &str = "memory: 32GiB, clock: 3GHz, sockets: 2, cores: 4, threads: 2, power: {core_active: 10W, core_halt: 4W, \
                     core_parked: 0.5W, package_awake: 0W, package_asleep: 0W}";

#[test]
fn work_waits_for_parked_processors_to_wake() {
    let burst = "set_cpu: {at: 50.05s, vm: vm, cpu: 75%}";
    let of = |latency: &str| {
        figures(
            PARTS,
            "cpu: 20%",
            &format!("parking: {{wake_latency: {latency}}}"),
            burst,
        )
    };
    // Four awake; load jumps to 12, so eight parked ones are woken at once, and 16 VMs share 8 * 100 us.
    close(of("100us")("cpu.ready_s.sum"), 8.0 * 100e-6);
    close(of("100us")("cpu.ready_s.max"), 50e-6);
    close(of("0s")("cpu.ready_s.sum"), 0.0);
    close(of("5ms")("cpu.ready_s.sum"), 8.0 * 5e-3);
    assert_eq!(of("5ms")("sla.overall"), 0.0, "waiting is no work undone");
    // From the rise to the check at 50.2 s, and the wake.
    close(of("5ms")("cores.unpark_latency_s.max"), 0.155);
}

#[test]
fn only_products_that_park_do() {
    let watts = |edition: &str| {
        figures(
            &format!("{PARTS}, edition: {edition}"),
            "cpu: 20%",
            "parking: {}",
            "",
        )("power.watts.min")
    };
    close(watts("hyperv-2008-r2"), 41.2);
    close(watts("hyperv-2008"), 83.2);
}

#[test]
fn idle_states_cost_waiting_and_save_power() {
    let states = "c_states: [{name: C1, exit_latency: 2us, target_residency: 2us, power: 4W}, {name: C6, exit_latency: 100us, \
                  target_residency: 300us, power: 0.5W}]";
    let of = |policy: &str| {
        let policies = format!("processor: {{bursts: 100/s, idle_wakeups: 0/s, {policy}}}");
        figures(&format!("{PARTS}, {states}"), "cpu: 20%", &policies, "")
    };
    let (menu, halt) = (of("idle: menu"), of("idle: halt"));
    // 20 bursts a second on each of two threads: idle times of 25 ms, always C6. Both threads idle for 0.8^2 of the time, in
    // which each second has 40 wake-ups of 100 us.
    close(menu("cores.residency.c0"), 0.2);
    close(menu("cores.residency.waking"), 0.64 * 40.0 * 100e-6);
    close(menu("cores.residency.c6"), 0.64 * (1.0 - 40.0 * 100e-6));
    close(menu("cores.residency.c1"), 0.16);
    // Bursts that find the core idle wait: 100 for each second of work, 64 %, 100 us; 16 * 0.2 * 100 s of work.
    close(menu("cpu.wake_s.sum"), 320.0 * 100.0 * 0.64 * 100e-6);
    close(halt("cpu.wake_s.sum"), 320.0 * 100.0 * 0.64 * 2e-6);
    assert_eq!(halt("cpu.ready_s.sum"), 0.0);
    // Eight cores: idle 1 W in C6, 14 W waking or with one thread running, 20 W with both.
    let waking = 0.64 * 40.0 * 100e-6;
    close(
        menu("power.watts.mean"),
        8.0 * ((0.64 - waking) * 1.0 + (waking + 0.32) * 14.0 + 0.04 * 20.0),
    );
    assert!(menu("power.watts.mean") < halt("power.watts.mean") - 30.0);
}

#[test]
fn residencies_are_all_of_the_time() {
    let states = ["c0", "waking", "c1", "c1e", "c3", "c6"];
    for policies in ["", "parking: {}", "processor: {bursts: 20000/s}, parking: {}"] {
        let of = figures(
            "profile: dell-r710-x5570",
            "cpu: 30%",
            policies,
            "set_cpu: {at: 50s, vm: vm, cpu: 5%}",
        );
        let sum: f64 = states
            .iter()
            .map(|state| of(&format!("cores.residency.{state}")))
            .sum();
        close(sum, 1.0);
    }
}

#[test]
fn clocks_trade_capacity_for_power() {
    let host = format!("{PARTS}, p_states: [{{clock: 1.5GHz, voltage: 80%}}]");
    let of = |clock: &str, cpu: &str| {
        figures(
            &host,
            &format!("cpu: {cpu}"),
            &format!("processor: {{clock: {clock}}}"),
            "",
        )
    };
    // 20 % at half the clock is 40 % of the time, at 0.5 * 0.8^2 of the dynamic 6 W.
    close(
        of("ondemand", "20%")("power.watts.mean"),
        16.0 * (4.0 + 0.4 * 6.0 * 0.32),
    );
    close(of("ondemand", "20%")("cores.clock_hz.mean"), 1.5e9);
    close(of("performance", "20%")("power.watts.mean"), 83.2);
    close(of("performance", "20%")("cores.clock_hz.mean"), 3e9);
    // 75 % of 16 does not fit at half the clock: each VM asks for 0.75 and gets 0.5 for 100 s.
    close(of("powersave", "75%")("cpu.ready_s.max"), 25.0);
    close(of("powersave", "75%")("cpu.utilisation.mean"), 0.5);
    close(of("ondemand", "75%")("cpu.ready_s.max"), 0.0);
}

#[test]
fn a_host_with_a_curve_draws_it_whatever_its_states() {
    let plain = "memory: 32GiB, clock: 3GHz, sockets: 2, cores: 4, threads: 2, power: {curve: [65W, 96.8W, 111W, 121W, 131W, 141W, 153W, \
                 170W, 186W, 204W, 220W]}";
    for host in [plain, "profile: dell-r710-x5570"] {
        close(figures(host, "cpu: 20%", "", "")("power.watts.mean"), 111.0);
        close(figures(host, "cpu: 0%", "", "")("power.watts.mean"), 65.0);
    }
    // Packages hardly sleep at 5 %: well above the line from 65 W to 96.8 W where idle states are known.
    close(figures(plain, "cpu: 5%", "", "")("power.watts.mean"), 80.9);
    assert!(figures("profile: dell-r710-x5570", "cpu: 5%", "", "")("power.watts.mean") > 82.0);
    // What the nominal clock costs, and idle states switched off.
    let watts =
        |policy: &str| figures("profile: dell-r710-x5570", "cpu: 20%", policy, "")("power.watts.mean");
    assert!(watts("processor: {clock: performance}") > 111.5);
    assert!(watts("processor: {idle: halt}") > 111.5);
}
