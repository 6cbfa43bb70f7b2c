//! The canary: each checker is shown what it must not let pass, and must bite.

use twinrack_scenario::record::{Event, EventRecord, MigrationKind, Outcome, StopReason};
use twinrack_scenario::units::{Bytes, SimTime};
use twinrack_scenario::{HostId, MigrationId, VmId};

use super::answered::Answered;
use super::bytes::BytesArrive;
use super::capacity::MemoryFits;
use super::energy::EnergyIsIntegral;
use super::one_host::OneHost;
use super::time_forward::TimeForward;
use super::{Checker, Violation};

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
    assert_eq!(shown(&mut BytesArrive, &[(0, transfer(4096))]), Ok(()));
    assert!(shown(&mut BytesArrive, &[(0, transfer(4095))]).is_err());
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
}

#[test]
fn energy_from_nowhere_is_found() {
    let mut checker = EnergyIsIntegral::default();
    let power = |watts| Event::HostPower { host: A, watts };
    shown(&mut checker, &[(0, power(83.2)), (1, power(41.2))]).expect("proper");
    let end = SimTime::from_secs(10);
    assert_eq!(checker.compare(end, 83.2 + 9.0 * 41.2), Ok(()));
    assert!(checker.compare(end, 454.1).is_err());
    assert!(shown(&mut checker, &[(10, power(-1.0))]).is_err());
}

#[test]
fn time_that_goes_back_is_found() {
    let up = Event::HostUp { host: A };
    assert!(shown(&mut TimeForward::default(), &[(5, up.clone()), (4, up)]).is_err());
}

#[test]
fn memory_that_is_not_there_is_found() {
    let sizes = || MemoryFits::new(Box::new(|_| Bytes::GIB), Box::new(|_| Bytes(700 << 20)));
    let started = |vm| Event::VmStarted { vm, host: A };
    assert_eq!(shown(&mut sizes(), &[(0, started(VM))]), Ok(()));
    assert!(shown(&mut sizes(), &[(0, started(VM)), (1, started(VmId(1)))]).is_err());
}
