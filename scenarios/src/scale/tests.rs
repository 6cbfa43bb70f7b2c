//! What scaling keeps, what it fills in, and what it leaves alone.

use super::*;
use crate::Scenario;
use crate::spec::guest::PageClassSpec;
use crate::spec::timeline::ActionSpec;
use crate::spec::workload::{ConstantSpec, WorkloadKind};
use crate::units::Ratio;

const BUSY: &str = r#"
name: busy
duration: 2min
hosts: [{name: n, count: 2, memory: 32GiB, sockets: 2, cores: 4, threads: 2}]
networks: [{name: lan, speed: 1Gb/s}]
workloads: [{name: day, demand: {constant: {cpu: 80%}}}]
vms:
  - {name: sql, host: n1, memory: 4GiB, vcpus: 4, cpu: 50%, dirtying: [{rate: 20000/s, size: 512MiB}]}
  - {name: web, count: 3, host: n1, memory: 1GiB, vcpus: 1, workload: day}
timeline:
  - live_migrate: {at: 10s, vm: sql, to: n2}
  - set_cpu: {at: 20s, vm: sql, cpu: 100%}
expect:
  - {kpi: migration.brownout_s.max, op: "~", limit: 56.82}
  - {kpi: migration.rounds.max, op: "==", limit: 10}
"#;

fn read(scale: &str) -> Scenario {
    Scenario::from_yaml(&format!("{BUSY}scale: {scale}\n")).unwrap_or_else(|rejected| panic!("{rejected}"))
}

fn factors(scale: &str) -> [f64; 5] {
    let of = Factors::of(read(scale).spec.scale.as_ref().expect("given"));
    [of.memory, of.network, of.time, of.rates, of.cpu].map(|factor| factor.0)
}

#[test]
fn what_is_not_given_follows_by_similarity() {
    assert_eq!(factors("{memory: 1/16}"), [0.0625, 1.0, 0.0625, 1.0, 1.0]);
    assert_eq!(factors("{network: 1/4}"), [1.0, 0.25, 4.0, 0.25, 1.0]);
    assert_eq!(
        factors("{memory: 1/16, network: 1/4}"),
        [0.0625, 0.25, 0.25, 0.25, 1.0]
    );
    assert_eq!(
        factors("{memory: 1/16, time: 1/4}"),
        [0.0625, 0.25, 0.25, 0.25, 1.0]
    );
    assert_eq!(factors("{time: 1/4}"), [0.25, 1.0, 0.25, 1.0, 1.0]);
    assert_eq!(factors("{}"), [1.0; 5]);
    assert_eq!(
        factors("{memory: 1/16, time: 1, rates: 2}"),
        [0.0625, 0.0625, 1.0, 2.0, 1.0]
    );
}

#[test]
fn the_ratios_that_decide_a_migration_are_kept() {
    let spec = read("{memory: 1/16, network: 1/4}").spec;
    let vm = &spec.vms[0];
    assert_eq!(
        (vm.memory.value, spec.hosts[0].memory.value),
        (Bytes(256 << 20), Bytes(2 << 30))
    );
    let PageClassSpec { size, rate, .. } = vm.dirtying[0];
    assert_eq!((size, rate), (Some(Bytes(32 << 20)), PerSecond(5000.0)));
    assert_eq!(spec.networks[0].speed, BitsPerSecond(250_000_000));
    assert_eq!(spec.duration.value, SimDuration::from_secs(30));
    assert_eq!((spec.expect[0].limit, spec.expect[1].limit), (56.82 / 4.0, 10.0));
    let timings = spec.policies.migration.timings;
    assert_eq!(
        timings.csv_hand_over,
        Some(SimDuration::from_nanos(62_500_000)),
        "a default of the policy"
    );
    assert_eq!(timings.state, Some(Bytes(128 << 10)));
    assert_eq!(
        spec.policies.migration.quick.per_gib,
        Some(SimDuration::from_secs(64)),
        "a quarter of the time for a sixteenth"
    );
}

#[test]
fn demand_over_capacity_is_kept_where_processors_are_few() {
    let spec = read("{cpu: 1/8}").spec;
    let host = &spec.hosts[0];
    assert_eq!((host.sockets, host.cores, host.threads), (1, 2, 1));
    let (sql, web) = (&spec.vms[0], &spec.vms[1]);
    assert_eq!(sql.vcpus.as_ref().map(|vcpus| vcpus.value), Some(1));
    assert_eq!(
        sql.cpu.as_ref().map(|cpu| cpu.value),
        Some(Ratio(0.25)),
        "2 of 16 are 0.25 of 2"
    );
    assert_eq!(sql.cap, Ratio(0.5));
    let name = web.workload.as_ref().map(|name| name.value.as_str());
    let day = spec
        .workloads
        .iter()
        .find(|workload| Some(workload.name.value.as_str()) == name);
    let demand = day.map(|day| day.demand.clone());
    assert_eq!(
        demand,
        Some(WorkloadKind::Constant(ConstantSpec { cpu: Ratio(0.1) }))
    );
    let Some(ActionSpec::SetCpu(set)) = spec.timeline.get(1) else {
        panic!("the second action sets a demand")
    };
    assert_eq!(set.cpu, Ratio(0.5));
}

#[test]
fn a_scenario_without_factors_is_as_written_and_the_resolved_one_reads_the_same() {
    let plain = Scenario::from_yaml(BUSY).expect("valid");
    assert_eq!(plain.spec.vms[0].memory.value, Bytes(4 << 30));
    let scaled = read("{memory: 1/16}");
    let again = Scenario::from_yaml(&scaled.yaml).expect("valid");
    assert_eq!(
        (again.spec.vms[0].memory.value, &again.blake3),
        (Bytes(256 << 20), &scaled.blake3)
    );
}

#[test]
fn factors_for_one_body_leave_the_other_as_written() {
    let text = format!("{BUSY}scale: {{backend: kvm, memory: 1/16}}\n");
    let read = |body| Scenario::from_yaml_for(body, &text).expect("valid");
    let (sim, kvm) = (read(Backend::Sim), read(Backend::Kvm));
    assert_eq!(
        (sim.spec.vms[0].memory.value, &sim.spec.scale),
        (Bytes(4 << 30), &None)
    );
    assert_eq!(kvm.spec.vms[0].memory.value, Bytes(256 << 20));
    assert_eq!(
        (&sim.blake3, sim.body, kvm.body),
        (&kvm.blake3, Backend::Sim, Backend::Kvm)
    );
}

#[test]
fn what_is_something_never_becomes_nothing() {
    let spec = read("{memory: 1/1000000, network: 1/1000000, time: 1/1000000}").spec;
    assert_eq!(spec.vms[1].memory.value, Bytes::PAGE);
    assert_eq!(spec.networks[0].speed, BitsPerSecond(1000));
    assert_eq!(spec.duration.value, SimDuration::from_nanos(120_000));
}

#[test]
fn a_published_experiment_is_computed_at_its_own_size() {
    let text =
        "name: e\nduration: 24h\nscale: {time: 1/10}\nexperiment: {cloudsim_planetlab: {policy: npa}}\n";
    let rejected = Scenario::from_yaml(text).expect_err("both");
    assert!(
        rejected.to_string().contains("a published experiment is scaled"),
        "{rejected}"
    );
}
