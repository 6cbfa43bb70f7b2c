//! Guests' traffic through the whole body: it follows the VMs, and so does the work of receiving it.

/// What they share.
mod support;

use support::{figure, near, simulated};
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
