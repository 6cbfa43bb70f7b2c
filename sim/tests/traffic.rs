//! Guests' traffic through the whole body: it follows the VMs, and so does the work of receiving it.

/// What they share.
mod support;

use support::{figure, near, simulated};
use twinrack_scenario::record::Event;

const MOVED: &str = "name: traffic
duration: 10min
sampling: 10s
edition: modern
hosts:
  - {name: n, count: 3, memory: 64GiB, power: {curve: [100W, 110W, 120W, 130W, 140W, 150W, 160W, 170W, 180W, 190W, 200W]}}
networks:
  - {name: migration, metric: 1000}
  - {name: lan, metric: 10000}
storage:
  - {name: san, kind: csv}
clusters:
  - {name: c}
vms:
  - {name: sender, host: n1, memory: 1GiB, vcpus: 1, cpu: 0%, traffic: [{to: receiver, rate: 500Mb/s, network: lan}]}
  - {name: receiver, host: n2, memory: 1GiB, vcpus: 1, cpu: 0%}
timeline:
  - live_migrate: {vm: receiver, to: n3}
  - stop: {at: 5min, vm: sender}
";

#[test]
fn receiving_costs_the_host_where_the_receiver_is() {
    let record = simulated(MOVED);
    let watts_at = |host: &str, seconds: f64| {
        let points = record.series.points(&format!("host:{host}"), "power_w");
        points
            .iter()
            .find(|(at, _)| *at == seconds)
            .map(|(_, watts)| *watts)
    };
    // 500 Mb/s in packets of 1,460 bytes are 42,808 a second, of 3.341 us each in the parent: 0.1430 of 8 processors, and
    // 100 W more for all of them.
    let receiving = 100.0 + 100.0 * 0.143_02 / 8.0;
    for (host, seconds, wanted) in [
        ("n3", 0.0, 100.0),
        ("n2", 240.0, 100.0),
        ("n3", 240.0, receiving),
        ("n3", 600.0, 100.0),
    ] {
        let watts = watts_at(host, seconds);
        assert!(
            watts.is_some_and(|watts| (watts - wanted).abs() < 1e-3),
            "{host} at {seconds} s: {watts:?}, not {wanted}"
        );
    }
}

/// Jumbo frames need every adapter: one of 1,500 bytes holds the whole network to them, one on another network does not.
#[test]
fn packets_are_no_larger_than_the_least_adapter_carries() {
    let efficiency = |mtu: &str, on: &str| {
        let yaml = format!(
            "name: mtu
duration: 1min
edition: modern
hosts:
  - {{name: n, count: 2, memory: 64GiB}}
  - {{name: x, memory: 64GiB, nics: [{{speed: 1Gb/s, mtu: {mtu}}}]}}
networks: [{{name: lan, speed: 1Gb/s, mtu: 9000B, hosts: [{on}]}}]
vms:
  - {{name: s, host: n1, memory: 1GiB, vcpus: 1, cpu: 0%, traffic: [{{to: r, rate: 500Mb/s}}]}}
  - {{name: r, host: n2, memory: 1GiB, vcpus: 1, cpu: 0%}}
"
        );
        figure(&simulated(&yaml), "net.efficiency.mean")
    };
    near(efficiency("9000B", "n, x"), 8960.0 / 9038.0, 1e-12);
    near(efficiency("1500B", "n, x"), 1460.0 / 1538.0, 1e-12);
    near(efficiency("1500B", "n"), 8960.0 / 9038.0, 1e-12);
}

/// Weighted max-min fairness on one link of 1 Gb/s, as in the textbook (Bertsekas and Gallager, "Data Networks", 6.5.2): flows
/// share it by their weights, and what one of them can't use is the others'.
#[test]
fn a_migration_and_traffic_share_a_link_by_their_weights() {
    let first_round = |rate: &str, weight: u32, own: u32| {
        let yaml = format!(
            "name: weights
duration: 5min
edition: modern
hosts: [{{name: n, count: 2, memory: 64GiB}}]
networks: [{{name: lan, speed: 1Gb/s, framing: none}}]
vms:
  - {{name: moved, host: n1, memory: 1GiB, vcpus: 1, cpu: 0%}}
  - {{name: sender, host: n1, memory: 1GiB, vcpus: 1, cpu: 0%, traffic: [{{to: receiver, rate: {rate}, weight: {weight}}}]}}
  - {{name: receiver, host: n2, memory: 1GiB, vcpus: 1, cpu: 0%}}
policies: {{migration: {{weight: {own}}}}}
timeline: [live_migrate: {{vm: moved, to: n2}}]"
        );
        let record = simulated(&yaml);
        let round = record.events.iter().find_map(|record| match record.event {
            Event::MigrationRound { nanos, .. } => Some(nanos as f64 / 1e9),
            _ => None,
        });
        round.expect("it was sent")
    };
    let gib = 8.0 * f64::from(1 << 30);
    for (rate, weight, own, share) in [
        ("1Gb/s", 1, 1, 0.5e9),
        ("1Gb/s", 3, 1, 0.25e9),
        ("1Gb/s", 1, 3, 0.75e9),
        ("600Mb/s", 3, 1, 0.4e9),
    ] {
        let (found, wanted) = (first_round(rate, weight, own), gib / share);
        assert!(
            (found / wanted - 1.0).abs() < 1e-3,
            "{weight} to {own}: {found} is not {wanted}"
        );
    }
}
