//! The canary in a whole run: a world that is broken on purpose, in one way for each checker, and the checker that must say so.

use std::ops::ControlFlow;

use twinrack_control::fabric::VmState;
use twinrack_scenario::record::Event;
use twinrack_scenario::units::{BitsPerSecond, Bytes, SimTime};
use twinrack_scenario::{HostId, Scenario, VmId};

use super::body::Body;
use super::{RunError, RunOptions, drive};

/// Two nodes, two VMs of 2 GiB on the first, one of which moves from the tenth second until it is called back and the
/// other from the fiftieth on, and four that nobody starts.
const SCENARIO: &str = "name: canary
duration: 60s
hosts: [{name: n, count: 2, sockets: 1, cores: 2, memory: 8GiB}]
networks: [{name: lan, speed: 1Gb/s}]
storage: [{name: csv, kind: csv}]
clusters: [{name: c}]
vms:
  - {name: v, count: 2, host: n1, memory: 2GiB, vcpus: 1, cpu: 50%, dirtying: [{rate: 1000/s, size: 64MiB}]}
  - {name: w, count: 4, host: n2, memory: 2GiB, vcpus: 1, cpu: 1%, running: false}
timeline:
  - live_migrate: {at: 10s, vm: v1, to: n2}
  - set_cpu: {at: 15s, vm: v, cpu: 60%}
  - cancel_migration: {at: 20s, vm: v1}
  - set_cpu: {at: 40s, vm: v, cpu: 100%}
  - live_migrate: {at: 50s, vm: v2, to: n2}
  - set_cpu: {at: 55s, vm: v, cpu: 90%}
";

/// Runs it, and breaks something once from the given second on; who has found it.
fn found(second: u64, mut break_it: impl FnMut(&mut Body<'_>)) -> Option<&'static str> {
    let scenario = Scenario::from_yaml(SCENARIO).unwrap_or_else(|rejected| panic!("{rejected}"));
    let mut broken = false;
    let meddle = |body: &mut Body<'_>| {
        if !broken && body.engine.now() >= SimTime::from_secs(second) {
            broken = true;
            break_it(body);
        }
    };
    let ran = drive(
        &scenario,
        RunOptions { seed: 1 },
        &mut |_| ControlFlow::Continue(()),
        meddle,
    );
    match ran {
        Ok(_) => None,
        Err(RunError::Check(violation)) => Some(violation.checker),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_sound_world_passes() {
    assert_eq!(found(15, |_| {}), None);
}

#[test]
fn every_checker_bites() {
    type Break = fn(&mut Body<'_>);
    let breaks: [(&str, u64, Break); 8] = [
        ("time-forward", 15, |body| {
            body.journal
                .write(SimTime::from_secs(1), Event::HostUp { host: HostId(1) });
        }),
        ("one-host", 15, |body| {
            body.state.vms[1].state = VmState::Off;
            body.start_vm(VmId(1), HostId(1));
        }),
        // The link slows down, and the target goes on counting.
        ("bytes-arrive", 15, |body| {
            let fluid = &mut body.links.networks[0].fluid;
            fluid.set_link(0, [BitsPerSecond(100_000_000); 2]);
            fluid.settle(body.engine.now());
        }),
        // The body forgets what it is doing.
        ("answered", 55, |body| body.moves.clear()),
        ("memory-fits", 40, |body| {
            body.kinds.vms[1].footprint = Bytes::ZERO;
            for vm in 2..6 {
                body.start_vm(VmId(vm), HostId(1));
            }
        }),
        ("energy-is-integral", 15, |body| {
            let now = body.engine.now();
            body.meters.power.replace(now, 0.0, 1.0);
        }),
        ("counts-agree", 15, |body| {
            let now = body.engine.now();
            body.meters.active.replace(now, 1.0, 0.0);
        }),
        ("processors-fit", 15, |body| {
            for kind in &mut body.kinds.hosts {
                kind.capacity *= 100.0;
            }
            for kind in &mut body.kinds.vms {
                kind.vcpus *= 100;
            }
        }),
    ];
    for (checker, second, break_it) in breaks {
        assert_eq!(found(second, break_it), Some(checker));
    }
}
