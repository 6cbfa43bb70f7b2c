//! Racks and power feeds: how many hosts it takes to live without one, and what the loss of one does.

/// What they share.
mod support;

use twinrack_plan::{Answer, text};

/// Thirty VMs, six on each host by memory: five hosts hold them.
const THIRTY: &str = "
name: thirty
duration: 10min
edition: modern
hosts:
  - {name: node, count: 5, sockets: 1, cores: 4, memory: 16GiB, racks: [r1, r2, r3], feeds: [a, b]}
storage: [{name: array, kind: csv}]
clusters: [{name: c1}]
vms:
  - {name: v, count: 30, memory: 2GiB, vcpus: 1, cpu: 10%}
policies: {placement: worst-fit}
plan:
  hosts: node
  to: 20
  spare: 0
  replications: {least: 1, most: 1}
";

fn answered(sets: &[(&str, &str)]) -> Answer {
    support::answered("thirty", THIRTY, sets)
}

#[test]
fn what_may_be_missing_sets_how_many_hosts_there_must_be() {
    // Five must be left. Of n hosts dealt over three racks the fullest has ceil(n / 3), over two feeds ceil(n / 2).
    let cases = [
        ("0", 5, "no host to spare"),
        ("1", 6, "N+1"),
        ("2", 7, "N+2"),
        ("{hosts: 0, racks: 1}", 8, "N+1 rack"),
        ("{hosts: 0, racks: 2}", 15, "N+2 rack"),
        ("{hosts: 0, feeds: 1}", 10, "N+1 power feed"),
        (
            "{hosts: 1, racks: 1, feeds: 1}",
            10,
            "N+1, N+1 rack, N+1 power feed",
        ),
    ];
    for (spare, hosts, words) in cases {
        let answer = answered(&[("plan.spare", spare)]);
        assert_eq!(answer.alternatives[0].hosts, Some(hosts), "{spare}");
        assert!(text::verdict(&answer).starts_with(&format!("FITS with {words}: {hosts} hosts")));
    }
}

#[test]
fn vms_that_find_no_room_after_a_failure_are_named() {
    // Seven hosts, 4 or 5 VMs on each; five would hold all.
    let answer = answered(&[("plan.from", "7")]);
    let failure = |kind: &str, count: usize| {
        let found = answer
            .failures
            .iter()
            .find(|own| own.kind == kind && own.count == count);
        found.unwrap_or_else(|| panic!("nothing of {count} {kind}"))
    };
    let hit = |kind, count| {
        let failure = failure(kind, count);
        let outage = &failure.outage;
        (outage.hosts, outage.vms, outage.not_restarted.len())
    };
    assert_eq!(hit("host", 1), (1, 5, 0));
    assert_eq!(hit("host", 2), (2, 10, 0));
    // Racks of 3, 2 and 2: without the first, four hosts hold 24.
    assert_eq!(failure("rack", 1).worst, ["r1"]);
    let (hosts, vms, down) = hit("rack", 1);
    assert_eq!((hosts, down), (3, 6), "{vms} were hit");
    // Feeds of 4 and 3: three hosts hold 18.
    assert_eq!(failure("power feed", 1).worst, ["a"]);
    assert_eq!(hit("power feed", 1).2, 12);
    assert_eq!(failure("power feed", 1).outage.not_restarted.len(), 12);
    // 10 min is a whole number of heartbeats: 5 s of silence, 1 s, 3 s, 60 s.
    assert!((failure("host", 1).outage.longest_s - 69.0).abs() < 0.5);
    assert!(
        answer
            .failures
            .iter()
            .all(|own| own.kind != "power feed" || own.count == 1),
        "two feeds are all"
    );
}
