//! Where VMs start whose author named no host: the product's rules first, then the placement policy.

/// What they share.
mod support;

use std::collections::BTreeMap;

use support::simulated;
use twinrack_scenario::HostId;
use twinrack_scenario::record::{Event, RunRecord};

/// A record of a minute of these hosts and VMs.
fn record(rest: &str) -> RunRecord {
    simulated(&format!("name: placement\nduration: 60s\n{rest}"))
}

/// The host of each VM that started, in the order of the VMs.
fn homes(record: &RunRecord) -> Vec<u32> {
    let started = record.events.iter().filter_map(|record| match record.event {
        Event::VmStarted {
            vm,
            host: HostId(host),
        } => Some((vm, host)),
        _ => None,
    });
    started.collect::<BTreeMap<_, _>>().into_values().collect()
}

/// Why VMs were refused, each reason once.
fn refusals(record: &RunRecord) -> Vec<&str> {
    let reasons = record.events.iter().filter_map(|record| match &record.event {
        Event::VmRefused { reason, .. } => Some(reason.as_str()),
        _ => None,
    });
    let mut reasons: Vec<&str> = reasons.collect();
    reasons.dedup();
    reasons
}

const POLICIES: [&str; 5] = ["power-aware", "first-fit", "best-fit", "worst-fit", "dot-product"];

#[test]
fn a_vm_starts_on_a_possible_owner() {
    for policy in POLICIES {
        let record = record(&format!(
            "hosts: [{{name: n, count: 4, profile: hyperv-2009-16lp}}]
clusters: [{{name: c1}}]
vms:
  - {{name: a, count: 3, memory: 1GiB, vcpus: 1, possible_owners: [n3]}}
  - {{name: b, memory: 1GiB, vcpus: 1, possible_owners: [n2, n4]}}
policies: {{placement: {policy}}}"
        ));
        let homes = homes(&record);
        assert_eq!(homes[..3], [2; 3], "{policy}");
        assert!([1, 3].contains(&homes[3]), "{policy}: {homes:?}");
    }
}

#[test]
fn owners_without_room_are_no_reason_to_go_elsewhere() {
    let record = record(
        "hosts: [{name: n, count: 2, profile: hyperv-2009-16lp}]
clusters: [{name: c1}]
vms: [{name: a, count: 3, memory: 14GiB, vcpus: 1, possible_owners: [n2]}]",
    );
    assert_eq!(homes(&record), [1, 1]);
    let told = refusals(&record);
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("no host takes it; 1 host: LM_NOT_POSSIBLE_OWNER: ")
            && told[0].contains("; 1 host: Unable to allocate "),
        "{told:?}"
    );
}

#[test]
fn what_is_highly_available_starts_in_a_cluster() {
    let rest = |more: &str| {
        format!(
            "hosts: [{{name: alone, profile: hyperv-2009-16lp}}, {{name: n, count: 2, profile: hyperv-2009-16lp}}]
vms: [{{name: a, memory: 1GiB, vcpus: 1}}, {{name: b, memory: 1GiB, vcpus: 1, highly_available: false}}]
policies: {{placement: first-fit}}
{more}"
        )
    };
    assert_eq!(
        homes(&record(&rest("clusters: [{name: c1, hosts: [n]}]"))),
        [1, 0]
    );
    assert_eq!(
        homes(&record(&rest(""))),
        [0, 0],
        "no cluster answers for anybody"
    );

    let full = record(
        "hosts: [{name: alone, profile: hyperv-2009-16lp}, {name: n, memory: 8GiB}]
clusters: [{name: c1, hosts: [n]}]
vms: [{name: a, memory: 16GiB, vcpus: 1}]",
    );
    let told = refusals(&full);
    assert!(
        told[0].contains("1 host: HA_NOT_CLUSTERED: ") && told[0].contains("1 host: Unable to allocate"),
        "{told:?}"
    );
}

#[test]
fn a_vm_starts_where_its_networks_are() {
    let record = record(
        "hosts: [{name: n, count: 3, profile: hyperv-2009-16lp}]
networks: [{name: lan, speed: 1Gb/s}, {name: dmz, speed: 1Gb/s, hosts: [n3]}]
vms: [{name: a, memory: 1GiB, vcpus: 1, traffic: [{to: b, network: dmz, rate: 1Mb/s}]}, {name: b, memory: 1GiB, vcpus: 1}]
policies: {placement: first-fit}",
    );
    assert_eq!(homes(&record), [2, 0]);
}

#[test]
fn a_crowded_host_keeps_within_its_product() {
    // Sixteen virtual processors for two logical ones.
    let crowd = |edition: &str, count: u32| {
        record(&format!(
            "edition: {edition}
hosts: [{{name: n, count: 2, sockets: 1, cores: 2, memory: 256GiB}}]
vms: [{{name: a, count: {count}, memory: 1GiB, vcpus: 4}}, {{name: b, memory: 1GiB, vcpus: 1}}]"
        ))
    };
    let full = crowd("hyperv-2008-r2", 10);
    let homes_of = homes(&full);
    let on = |host: u32| homes_of.iter().filter(|home| **home == host).count();
    assert_eq!((on(0), on(1)), (4, 4));
    assert_eq!(
        refusals(&full),
        [
            "no host takes it; 2 hosts: virtual processors at eight for each logical one: 20 are over the limit of 16",
            "no host takes it; 2 hosts: virtual processors at eight for each logical one: 17 are over the limit of 16",
        ]
    );
    // A small one finds what large ones did not.
    let left = crowd("hyperv-2008-r2", 7);
    assert_eq!((homes(&left).len(), refusals(&left).len()), (8, 0));
    assert!(refusals(&crowd("modern", 10)).is_empty());
}

#[test]
fn hyper_v_server_2008_is_filled_to_its_31_gib() {
    let record = record(
        "edition: hyperv-2008
hosts: [{name: n, profile: hyperv-2009-16lp, memory: 64GiB}]
vms: [{name: a, count: 33, memory: 1GiB, vcpus: 1}]",
    );
    assert_eq!(homes(&record).len(), 31);
    assert_eq!(
        refusals(&record),
        [
            "no host takes it; 1 host: running virtual machines would use 32GiB; Hyper-V Server 2008 has 31GiB for all together"
        ]
    );
}

#[test]
fn a_cluster_runs_a_thousand() {
    let crowd = |hosts: &str| {
        record(&format!(
            "hosts: [{{name: n, count: 3, sockets: 8, cores: 8, memory: 1TiB}}]
clusters: [{{name: c1, hosts: {hosts}}}]
vms: [{{name: a, count: 1002, memory: 512MiB, vcpus: 1, highly_available: false}}]"
        ))
    };
    let full = crowd("[n]");
    assert_eq!(homes(&full).len(), 1000);
    assert_eq!(
        refusals(&full),
        [
            "no host takes it; 3 hosts: running virtual machines of the failover cluster: 1001 are over the limit of 1000"
        ]
    );
    // A host of its own has room, up to what one host runs.
    assert_eq!(homes(&crowd("[n1, n2]")).len(), 1002);
}

#[test]
fn a_host_in_maintenance_takes_no_vm() {
    let record = record(
        "hosts: [{name: n, count: 2, profile: hyperv-2009-16lp}]
clusters: [{name: c1}]
vms: [{name: a, memory: 1GiB, vcpus: 1, running: false}]
policies: {placement: first-fit}
timeline: [start_maintenance: {at: 5s, host: n1}, start: {at: 10s, vm: a}]",
    );
    assert_eq!(homes(&record), [1]);
}
