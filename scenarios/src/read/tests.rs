//! Reading as a whole: what is filled in, set, written again, and told.

use super::*;
use crate::units::Bytes;

const TEXT: &str = "\
name: t
duration: 1min
defaults:
  vms: {memory: 1GiB}
hosts:
  - {name: n, count: 2, memory: 32GiB}
vms:
  - {name: a, host: n1}
  - {name: b, count: 3, memory: 2GiB, host: n}
";

fn read_with(sets: &[(&str, &str)]) -> Result<Scenario, Box<Rejected>> {
    let sets: Vec<(String, String)> = sets
        .iter()
        .map(|(p, v)| ((*p).to_owned(), (*v).to_owned()))
        .collect();
    read("t.yaml", TEXT, &NoFiles, &sets)
}

#[test]
fn defaults_fill_what_is_absent() {
    let scenario = read_with(&[]).expect("valid");
    assert_eq!(scenario.spec.vms[0].memory.value, Bytes::GIB);
    assert_eq!(scenario.spec.vms[1].memory.value, Bytes(2 << 30));
    assert_eq!((scenario.hosts.len(), scenario.vms.len()), (2, 4));
}

#[test]
fn what_was_resolved_resolves_to_itself() {
    let first = read_with(&[("hosts[0].memory", "64GiB"), ("vms.a.memory", "3GiB")]).expect("valid");
    assert_eq!(first.spec.hosts[0].memory.value, Bytes(64 << 30));
    assert_eq!(first.spec.vms[0].memory.value, Bytes(3 << 30));
    let again = read("t.yaml", &first.yaml, &NoFiles, &[]).expect("valid");
    assert_eq!(again.yaml, first.yaml);
    assert_eq!(again.blake3, first.blake3);
}

#[test]
fn a_set_path_that_leads_nowhere_is_a_fault() {
    let rejected = read_with(&[("hosts[7].memory", "64GiB"), ("vms.c.memory", "1GiB")]).expect_err("wrong");
    assert_eq!(rejected.faults.len(), 2, "{rejected}");
}
