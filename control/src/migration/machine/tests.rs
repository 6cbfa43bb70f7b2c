//! The way back from every step, and what no sequence of inputs may bring about.

use proptest::prelude::*;
use twinrack_scenario::spec::cluster::VolumeKind;
use twinrack_scenario::spec::migration::DirtyLogSpec;

use super::*;
use crate::migration::plan::{QuickTimings, Subject, Timings, Wire};
use crate::migration::policy::{HyperVR2, PostCopy};
use crate::migration::step::Medium;

fn plan(kind: MigrationKind) -> Plan {
    let policy = if kind == MigrationKind::PostCopy {
        Policy::PostCopy(PostCopy {
            precopy_rounds: 1,
            max_bandwidth: None,
            fault_latency: SimDuration::ZERO,
        })
    } else {
        Policy::HyperVR2(HyperVR2::default())
    };
    Plan {
        kind,
        memory: Bytes::GIB,
        reserve: Bytes::GIB,
        bandwidth: None,
        timings: Timings {
            round: SimDuration::ZERO,
            log_start: SimDuration::ZERO,
            validation: SimDuration::ZERO,
            setup: SimDuration::from_secs(2),
            pause: SimDuration::from_millis(20),
            state: Bytes(2 << 20),
            hand_over: SimDuration::from_millis(250),
            resume: SimDuration::from_millis(100),
            announce: SimDuration::from_millis(1),
            clean_up: SimDuration::from_millis(500),
            roll_back: SimDuration::from_millis(350),
        },
        quick: QuickTimings {
            save: SimDuration::from_secs(8),
            hand_over: SimDuration::ZERO,
            restore: SimDuration::from_secs(8),
        },
        wire: Wire::default(),
        dirty_log: DirtyLogSpec::RoundStart,
        encrypt: true,
        policy,
    }
}

/// The completion of a command, as a body without faults gives it.
fn completion(command: &Command) -> Option<Input> {
    match command {
        Command::Validate { .. } => Some(Input::Validated(Ok(()))),
        Command::Prepare { .. } => Some(Input::Prepared),
        Command::SendRound { map, wire, .. } => Some(Input::RoundSent {
            sent: *wire,
            copied: *map,
            dirtied: Bytes(map.0 / 10),
            left: Bytes(map.0 / 10),
        }),
        Command::PauseVm { .. } => Some(Input::Paused { dirtied: Bytes::ZERO }),
        Command::SendState { wire, .. } => Some(Input::StateSent { sent: *wire }),
        Command::SaveVm { .. } => Some(Input::Saved),
        Command::HandOverStorage { .. } => Some(Input::StorageTaken),
        Command::RestoreVm { .. } => Some(Input::Restored),
        Command::Resume { .. } => Some(Input::Resumed),
        Command::FetchPages { wire, .. } => Some(Input::PagesFetched { sent: *wire }),
        Command::Announce { .. } => Some(Input::Announced),
        Command::CleanUp { .. } => Some(Input::CleanedUp),
        Command::RollBack { .. } => Some(Input::RolledBack),
        Command::Abort | Command::Refuse(_) => None,
    }
}

/// Runs a migration until it stands at `step`, a second a step; then gives `input` and lets the rest complete.
fn befall(kind: MigrationKind, step: Step, input: Input) -> Migration {
    let mut machine = Migration::new(plan(kind));
    let mut now = SimTime::ZERO;
    let mut commands = machine.on(now, Input::Start);
    let mut fault = Some(input);
    loop {
        now += SimDuration::from_secs(1);
        if machine.step() == step
            && let Some(fault) = fault.take()
        {
            let late = commands.iter().find_map(completion);
            commands = machine.on(now, fault);
            if commands
                .iter()
                .all(|command| matches!(command, Command::Refuse(_)))
                && machine.step() != Step::Ended
                && let Some(late) = late
            {
                commands = machine.on(now, late);
            }
        } else {
            let Some(input) = commands.iter().find_map(completion) else {
                break;
            };
            commands = machine.on(now, input);
        }
    }
    machine
}

fn outcome(kind: MigrationKind, step: Step, input: Input) -> (Outcome, Seat) {
    let machine = befall(kind, step, input);
    (machine.report().expect("it ended").outcome, machine.seat())
}

#[test]
fn nothing_befalls_it() {
    let machine = befall(MigrationKind::Live, Step::Idle, Input::Start);
    let report = machine.report().expect("it ended");
    assert_eq!(
        (report.outcome, machine.seat()),
        (Outcome::Completed, Seat::Target)
    );
    let steps: Vec<Step> = report.steps.iter().map(|taken| taken.step).collect();
    assert_eq!(
        steps,
        [
            Step::Validating,
            Step::Setup,
            Step::Precopy,
            Step::Pause,
            Step::StopCopy,
            Step::Storage,
            Step::Resume,
            Step::Announce,
            Step::CleanUp
        ]
    );
    let storage: Vec<Step> = steps
        .iter()
        .copied()
        .filter(|step| step.medium() == Some(Medium::Storage))
        .collect();
    assert_eq!(storage, [Step::Storage]);
    // Pause, stop-and-copy, storage, resume take a second each; the announcement another.
    assert_eq!(report.downtime, SimDuration::from_secs(4));
    assert_eq!(report.outage, SimDuration::from_secs(5));
    assert_eq!(
        report.total,
        SimDuration::from_secs(u64::from(report.rounds.len() as u32) + 8)
    );
}

#[test]
fn before_the_pause_the_vm_stays_where_it_is() {
    use MigrationKind::Live;
    for step in [Step::Setup, Step::Precopy] {
        for fault in [Input::LinkLost, Input::TargetDied] {
            assert_eq!(
                outcome(Live, step, fault),
                (Outcome::FailedAtSource, Seat::Source)
            );
        }
        assert_eq!(
            outcome(Live, step, Input::Cancel),
            (Outcome::Cancelled, Seat::Source)
        );
        assert_eq!(
            outcome(Live, step, Input::SourceDied),
            (Outcome::VmLost, Seat::Lost)
        );
        let report = befall(Live, step, Input::TargetDied)
            .report()
            .cloned()
            .expect("it ended");
        assert_eq!(report.downtime, SimDuration::ZERO);
    }
}

#[test]
fn in_the_pause_it_is_taken_back() {
    use MigrationKind::Live;
    for step in [Step::Pause, Step::StopCopy, Step::Storage] {
        for fault in [Input::LinkLost, Input::TargetDied] {
            let machine = befall(Live, step, fault);
            let report = machine.report().expect("it ended");
            assert_eq!(
                (report.outcome, machine.seat()),
                (Outcome::RolledBack, Seat::Source)
            );
            assert!(report.downtime > SimDuration::ZERO);
        }
        assert_eq!(
            outcome(Live, step, Input::SourceDied),
            (Outcome::VmLost, Seat::Lost)
        );
        assert_eq!(
            outcome(Live, step, Input::Cancel),
            (Outcome::Completed, Seat::Target),
            "too late"
        );
    }
}

#[test]
fn behind_the_point_of_no_return_only_the_target_counts() {
    use MigrationKind::Live;
    for step in [Step::Resume, Step::Announce, Step::CleanUp] {
        assert_eq!(
            outcome(Live, step, Input::TargetDied),
            (Outcome::VmLost, Seat::Lost)
        );
        assert_eq!(
            outcome(Live, step, Input::SourceDied),
            (Outcome::Completed, Seat::Target)
        );
        assert_eq!(
            outcome(Live, step, Input::LinkLost),
            (Outcome::Completed, Seat::Target)
        );
    }
    let why = Refusal {
        code: "X",
        message: String::new(),
    };
    assert_eq!(
        outcome(Live, Step::Resume, Input::ResumeFailed(why)),
        (Outcome::VmLost, Seat::Lost)
    );
}

#[test]
fn a_saved_vm_survives_either_host() {
    use MigrationKind::Quick;
    assert_eq!(
        outcome(Quick, Step::Save, Input::SourceDied),
        (Outcome::VmLost, Seat::Lost)
    );
    assert_eq!(
        outcome(Quick, Step::Restore, Input::TargetDied),
        (Outcome::RolledBack, Seat::Source)
    );
    assert_eq!(
        outcome(Quick, Step::Restore, Input::SourceDied),
        (Outcome::Completed, Seat::Target)
    );
    let mut machine = Migration::new(plan(Quick));
    for input in [
        Input::Start,
        Input::Validated(Ok(())),
        Input::Prepared,
        Input::Saved,
    ] {
        machine.on(SimTime::ZERO, input);
    }
    machine.on(SimTime::ZERO, Input::SourceDied);
    machine.on(SimTime::ZERO, Input::TargetDied);
    assert_eq!(
        machine.report().map(|report| report.outcome),
        Some(Outcome::LeftSaved)
    );
}

#[test]
fn post_copy_depends_on_both_until_the_last_page() {
    use MigrationKind::PostCopy;
    for fault in [Input::SourceDied, Input::TargetDied, Input::LinkLost] {
        assert_eq!(
            outcome(PostCopy, Step::Fetch, fault),
            (Outcome::VmLost, Seat::Lost)
        );
    }
    let report = befall(PostCopy, Step::Idle, Input::Start)
        .report()
        .cloned()
        .expect("it ended");
    assert_eq!(report.stop, Some(StopReason::SwitchedToPostCopy));
    assert_eq!(
        report.sent.0,
        Bytes::GIB.0 + Bytes::GIB.0 / 10 + (2 << 20),
        "every page once, and a tenth again"
    );
}

#[test]
fn the_hand_over_takes_what_its_volume_takes() {
    let spec = twinrack_scenario::spec::migration::TimingsSpec {
        validation: None,
        setup: None,
        setup_per_gib: None,
        round: None,
        log_start: None,
        pause: None,
        pause_per_vcpu: None,
        state: None,
        state_per_vcpu: None,
        csv_hand_over: None,
        lun_hand_over: None,
        resume: None,
        resume_per_vcpu: None,
        announce: None,
        clean_up: None,
        roll_back: None,
    };
    let of = |volume| {
        let subject = Subject {
            volume,
            ..Subject::of_size(Bytes::GIB)
        };
        Timings::of(&spec, None, &subject).hand_over
    };
    assert_eq!(of(VolumeKind::Csv), SimDuration::from_millis(250));
    assert_eq!(of(VolumeKind::Lun), SimDuration::from_secs(2));
}

fn any_input() -> impl Strategy<Value = Input> {
    let why = || Refusal {
        code: "X",
        message: String::new(),
    };
    let bytes = || (0_u64..(2 << 30)).prop_map(Bytes);
    prop_oneof![
        Just(Input::Start),
        Just(Input::Validated(Ok(()))),
        Just(Input::Validated(Err(why()))),
        Just(Input::Prepared),
        Just(Input::PrepareFailed(why())),
        (bytes(), bytes(), bytes(), bytes()).prop_map(|(sent, copied, dirtied, left)| Input::RoundSent {
            sent,
            copied,
            dirtied,
            left
        }),
        bytes().prop_map(|dirtied| Input::Paused { dirtied }),
        bytes().prop_map(|sent| Input::StateSent { sent }),
        Just(Input::Saved),
        Just(Input::SaveFailed(why())),
        Just(Input::StorageTaken),
        Just(Input::StorageFailed(why())),
        Just(Input::Restored),
        Just(Input::RestoreFailed(why())),
        Just(Input::Resumed),
        Just(Input::ResumeFailed(why())),
        bytes().prop_map(|sent| Input::PagesFetched { sent }),
        Just(Input::Announced),
        Just(Input::CleanedUp),
        Just(Input::RolledBack),
        Just(Input::LinkLost),
        Just(Input::TargetDied),
        Just(Input::SourceDied),
        Just(Input::Cancel),
    ]
}

/// What an input sequence may contain: anything, or the completion of what was asked for, so that runs get far.
fn script() -> impl Strategy<Value = Vec<Option<Input>>> {
    proptest::collection::vec(
        prop_oneof![4 => Just(None), 1 => any_input().prop_map(Some)],
        1..60,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn no_sequence_of_inputs_breaks_the_promises(
        kind in prop_oneof![Just(MigrationKind::Live), Just(MigrationKind::Quick), Just(MigrationKind::PostCopy)],
        script in script(),
    ) {
        let mut machine = Migration::new(plan(kind));
        let mut asked = machine.on(SimTime::ZERO, Input::Start);
        let (mut source_died, mut past) = (false, false);
        for (second, input) in script.into_iter().enumerate() {
            let now = SimTime::ZERO + SimDuration::from_secs(second as u64 + 1);
            let Some(input) = input.or_else(|| asked.iter().find_map(completion)) else { continue };
            let ended = machine.report().cloned();
            let before = machine.seat();
            source_died |= input == Input::SourceDied;
            let commands = machine.on(now, input);
            let after = machine.seat();
            // The VM changes hosts only through a state in which neither runs it.
            prop_assert!(!(before == Seat::Source && after == Seat::Target));
            prop_assert!(!(before == Seat::Target && after == Seat::Source));
            // Lost before the point of no return only with its source.
            if after == Seat::Lost && !past {
                prop_assert!(source_died, "lost at the source");
            }
            // Behind it there is no way back.
            past |= matches!(after, Seat::PausedAtTarget | Seat::Target);
            if past {
                prop_assert!(!matches!(after, Seat::Source | Seat::PausedAtSource));
                let rolls_back = commands.iter().any(|command| matches!(command, Command::RollBack { .. }));
                prop_assert!(!rolls_back);
            }
            // At most one thing to wait for, and what has ended stays as it was.
            prop_assert!(commands.iter().filter(|command| completion(command).is_some()).count() <= 1);
            if ended.is_some() {
                prop_assert!(commands.is_empty());
                prop_assert_eq!(machine.report(), ended.as_ref());
            }
            if let Some(report) = machine.report() {
                prop_assert!(report.downtime <= report.outage || report.outcome == Outcome::VmLost);
                prop_assert!(report.brownout + report.downtime <= report.total);
            }
            if !commands.is_empty() && !commands.iter().all(|command| matches!(command, Command::Refuse(_))) {
                asked = commands;
            }
        }
    }
}
