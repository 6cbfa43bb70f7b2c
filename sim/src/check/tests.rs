//! The canary: each checker is shown what it must not let pass, and must bite.

use twinrack_scenario::record::{Event, EventRecord, MigrationKind, Outcome, StopReason};
use twinrack_scenario::units::{Bytes, SimTime};
use twinrack_scenario::{HostId, MigrationId, VmId};

use super::answered::Answered;
use super::bytes::BytesArrive;
use super::capacity::MemoryFits;
use super::counts::CountsAgree;
use super::energy::EnergyIsIntegral;
use super::one_host::OneHost;
use super::processors::ProcessorsFit;
use super::time_forward::TimeForward;
use super::{Checker, Told, Violation};

const VM: VmId = VmId(0);
const A: HostId = HostId(0);
const B: HostId = HostId(1);
const M: MigrationId = MigrationId(0);

fn shown(checker: &mut impl Checker<EventRecord>, events: &[(u64, Event)]) -> Result<(), Violation> {
    for (seconds, event) in events {
        let at = SimTime::from_secs(*seconds);
        checker.see(
            at,
            &EventRecord {
                t_ns: at.as_nanos(),
                event: event.clone(),
            },
        )?;
    }
    Ok(())
}

fn requested() -> Event {
    Event::MigrationRequested {
        migration: M,
        vm: VM,
        from: A,
        to: B,
        how: MigrationKind::Live,
    }
}

fn paused() -> Event {
    Event::MigrationPaused {
        migration: M,
        reason: StopReason::AllPagesSent,
        pages_left: 0,
    }
}

fn ended(outcome: Outcome) -> Event {
    Event::MigrationEnded {
        migration: M,
        outcome,
        reason: None,
        bytes: 0,
        total_nanos: 0,
        brownout_nanos: 0,
        downtime_nanos: 0,
        outage_nanos: 0,
        rounds: 0,
    }
}

#[test]
fn a_vm_on_two_hosts_is_found() {
    let started = |host| Event::VmStarted { vm: VM, host };
    assert!(shown(&mut OneHost::default(), &[(0, started(A)), (1, started(B))]).is_err());
    let resumed = Event::MigrationResumed {
        migration: M,
        host: B,
    };
    let proper = [
        (0, started(A)),
        (1, requested()),
        (2, paused()),
        (3, resumed.clone()),
        (4, ended(Outcome::Completed)),
    ];
    assert_eq!(shown(&mut OneHost::default(), &proper), Ok(()));
    // Resumed without having been paused: it runs twice.
    assert!(
        shown(
            &mut OneHost::default(),
            &[(0, started(A)), (1, requested()), (3, resumed)]
        )
        .is_err()
    );
    assert!(
        shown(
            &mut OneHost::default(),
            &[(0, Event::HostCrashed { host: A }), (1, started(A))]
        )
        .is_err()
    );
}

#[test]
fn lost_bytes_are_found() {
    let transfer = |received| Event::Transferred {
        migration: M,
        sent: 4096,
        received,
    };
    assert_eq!(shown(&mut BytesArrive::default(), &[(0, transfer(4096))]), Ok(()));
    assert!(shown(&mut BytesArrive::default(), &[(0, transfer(4095))]).is_err());
}

#[test]
fn a_request_answered_twice_is_found() {
    let proper = [(0, requested()), (1, ended(Outcome::Refused))];
    assert_eq!(shown(&mut Answered::default(), &proper), Ok(()));
    let twice = [
        (0, requested()),
        (1, ended(Outcome::Refused)),
        (2, ended(Outcome::Refused)),
    ];
    assert!(shown(&mut Answered::default(), &twice).is_err());
    let mut never = Answered::default();
    shown(&mut never, &proper[..1]).expect("it may still be answered");
    let mut told = Told::default();
    assert!(never.finish(SimTime::from_secs(10), &told).is_err());
    told.under_way.insert(M);
    assert_eq!(never.finish(SimTime::from_secs(10), &told), Ok(()));
}

#[test]
fn energy_from_nowhere_is_found() {
    let mut checker = EnergyIsIntegral::default();
    let power = |watts| Event::HostPower { host: A, watts };
    shown(&mut checker, &[(0, power(83.2)), (1, power(41.2))]).expect("proper");
    let mut told = |joules| {
        let told = Told {
            joules,
            ..Told::default()
        };
        checker.finish(SimTime::from_secs(10), &told)
    };
    assert_eq!(told(83.2 + 9.0 * 41.2), Ok(()));
    assert!(told(454.1).is_err());
    assert!(shown(&mut checker, &[(10, power(-1.0))]).is_err());
}

#[test]
fn time_that_goes_back_is_found() {
    let up = Event::HostUp { host: A };
    assert!(shown(&mut TimeForward::default(), &[(5, up.clone()), (4, up)]).is_err());
}

#[test]
fn memory_that_is_not_there_is_found() {
    let sizes = || MemoryFits::new(Box::new(|_| Bytes::GIB), Box::new(|_, _| Bytes(700 << 20)));
    let started = |vm| Event::VmStarted { vm, host: A };
    assert_eq!(shown(&mut sizes(), &[(0, started(VM))]), Ok(()));
    assert!(shown(&mut sizes(), &[(0, started(VM)), (1, started(VmId(1)))]).is_err());
    // A target that keeps memory for a VM on its way has less for others.
    let round = Event::MigrationRound {
        migration: M,
        round: 1,
        pages: 1,
        bytes: 4096,
        nanos: 1,
        dirtied: 0,
    };
    let elsewhere = |vm| Event::VmStarted { vm, host: B };
    let crowded = [
        (0, started(VM)),
        (1, requested()),
        (2, round),
        (3, elsewhere(VmId(1))),
    ];
    assert!(shown(&mut sizes(), &crowded).is_err());
    assert_eq!(shown(&mut sizes(), &crowded[..3]), Ok(()));
}

#[test]
fn counts_of_what_never_happened_are_found() {
    let mut checker = CountsAgree::new(2);
    let started = Event::VmStarted { vm: VM, host: A };
    let proper = [
        (1, started),
        (2, Event::HostDown { host: B }),
        // A host that is off can lose its power too.
        (3, Event::HostCrashed { host: B }),
    ];
    shown(&mut checker, &proper).expect("proper");
    let mut told = |hosts_up, vms_running| {
        let told = Told {
            hosts_up,
            vms_running,
            ..Told::default()
        };
        checker.finish(SimTime::from_secs(10), &told)
    };
    assert_eq!(told(12.0, 9.0), Ok(()));
    assert!(told(5.0, 9.0).is_err());
    assert!(told(12.0, 10.0).is_err());
}

#[test]
fn processors_given_twice_are_found() {
    let look = |vms, others| {
        let mut checker = ProcessorsFit::new(vec![2.0]);
        checker.look(SimTime::ZERO, A, vms, others);
        checker.found()
    };
    assert_eq!(look(1.5, 0.5), Ok(()));
    assert!(look(1.6, 0.5).is_err());
    assert!(look(f64::NAN, 0.0).is_err());
}
