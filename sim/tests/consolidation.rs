//! Consolidation proposes no move that the product would refuse: what speaks against a target is known before it is chosen.

/// What they share.
mod support;

use support::simulated;
use twinrack_scenario::HostId;
use twinrack_scenario::record::{Event, RunRecord};

/// Three hosts with a VM each, the first the emptiest; the fullest, which best fit takes first, is in some way unlike the
/// others.
fn record(vm: &str, unlike: &str, network: &str) -> RunRecord {
    let yaml = format!(
        "name: consolidation
duration: 12min
hosts:
  - {{name: n, count: 2, profile: hyperv-2009-16lp}}
  - {{name: x, profile: hyperv-2009-16lp{unlike}}}
  - {{name: spare, profile: hyperv-2009-16lp}}
networks:
  - {{name: csv, metric: 1000{network}}}
storage:
  - {{name: csv1, kind: csv}}
clusters:
  - {{name: c1, hosts: [n, x]}}
  - {{name: c2, hosts: [spare]}}
vms:
  - {{name: a, host: n1, memory: 1GiB, vcpus: 4, cpu: 10%{vm}}}
  - {{name: b, host: n2, memory: 1GiB, vcpus: 4, cpu: 50%, local_device: its drive}}
  - {{name: c, host: x, memory: 1GiB, vcpus: 4, cpu: 90%, local_device: its drive}}
policies:
  placement: best-fit
  consolidation: {{detector: thr, parameter: 0.8, selector: mmt, interval: 5min}}
faults: [host_crash: {{at: 0s, host: spare}}]
"
    );
    simulated(&yaml)
}

/// Where VMs were asked to go, in order.
fn proposed(record: &RunRecord) -> Vec<HostId> {
    let events = record.events.iter();
    let refused = record.summary.kpis["migration.refused"].value;
    assert!(refused == 0.0, "{refused} of the moves were refused");
    events
        .filter_map(|record| match record.event {
            Event::MigrationRequested { to, .. } => Some(to),
            _ => None,
        })
        .collect()
}

const N2: HostId = HostId(1);
const X: HostId = HostId(2);

#[test]
fn a_like_host_is_taken_as_the_policy_says() {
    assert_eq!(proposed(&record("", "", "")), [X]);
}

#[test]
fn an_unlike_host_is_passed_over() {
    for unlike in [
        ", vendor: amd, generation: barcelona",
        ", generation: core2",
        ", system_drive: 'D:'",
    ] {
        assert_eq!(proposed(&record("", unlike, "")), [N2], "{unlike}");
    }
    assert_eq!(proposed(&record(", possible_owners: [n]", "", "")), [N2]);
    assert_eq!(proposed(&record("", "", ", hosts: [n, spare]")), [N2]);
}

#[test]
fn a_vm_that_may_not_move_stays() {
    for vm in [", local_device: its drive", ", highly_available: false"] {
        assert_eq!(proposed(&record(vm, "", "")), [], "{vm}");
    }
}

#[test]
fn a_host_that_no_network_reaches_any_more_is_passed_over() {
    let yaml = "name: cut
duration: 12min
edition: modern
hosts:
  - {name: n, count: 3, profile: hyperv-2009-16lp}
networks:
  - {name: lan}
storage:
  - {name: csv1, kind: csv}
vms:
  - {name: a, host: n1, memory: 1GiB, vcpus: 4, cpu: 10%}
  - {name: b, host: n2, memory: 1GiB, vcpus: 4, cpu: 50%, local_device: its drive}
  - {name: c, host: n3, memory: 1GiB, vcpus: 4, cpu: 90%, local_device: its drive}
policies:
  placement: best-fit
  consolidation: {detector: thr, parameter: 0.8, selector: mmt, interval: 5min}
faults: [link: {at: 1min, host: n3, network: lan}]
";
    let record = simulated(yaml);
    assert_eq!(proposed(&record), [N2]);
}
