//! One migration without a datacenter around it: the brain's state machine, fed by a [`Source`] until it ends.

use std::time::Instant;

use twinrack_control::migration::machine::Seat;
use twinrack_control::migration::{Input, Migration, Plan, Report};
use twinrack_control::mover::notes;
use twinrack_scenario::record::Event;
use twinrack_scenario::units::SimTime;
use twinrack_scenario::{HostId, MigrationId};

use super::source::{PauseParts, Source};
use super::{MigrateError, Throttled};
use crate::guest::machine::Machine;
use crate::kvm::System;

/// What came of it.
pub struct Ended {
    /// The brain's report: outcome, rounds, times as the source saw them.
    pub report: Report,
    /// What the pause consisted of.
    pub parts: PauseParts,
    /// How much the guest was slowed down.
    pub throttled: Vec<Throttled>,
    /// What happened, in the simulator's words; times since the start.
    pub events: Vec<(SimTime, Event)>,
    /// The guest, when it is still here: it runs.
    pub machine: Option<Machine>,
}

/// Why there is no end.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The guest broke; it is gone.
    #[error(transparent)]
    Broken(#[from] MigrateError),
    /// Nobody knows who has the guest. It is here, paused, and must not run before somebody does.
    #[error("{}", MigrateError::InDoubt)]
    InDoubt(Machine),
}

/// Runs one migration to its end.
pub fn migrate(
    system: &System,
    mut source: Source,
    plan: Plan,
    migration: MigrationId,
    to: HostId,
) -> Result<Ended, Failed> {
    let began = Instant::now();
    let now = || SimTime::from_nanos(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
    let mut brain = Migration::new(plan);
    let mut events = vec![(now(), Event::MigrationStarted { migration })];
    let mut input = Some(Input::Start);
    while let Some(given) = input.take() {
        let at = now();
        events.extend(notes::arrived(migration, &given, to).map(|event| (at, event)));
        let rounds = brain.rounds().len();
        let commands = brain.on(at, given);
        let sent = brain.rounds().get(rounds..).unwrap_or_default();
        events.extend(sent.iter().map(|round| (at, notes::round(migration, round))));
        for command in &commands {
            events.extend(notes::ordered(migration, command).map(|event| (at, event)));
            input = match source.carry_out(system, migration.0, command) {
                Ok(answer) => answer.or(input),
                Err(MigrateError::InDoubt) => return Err(Failed::InDoubt(source.into_machine())),
                Err(error) => return Err(error.into()),
            };
            if let Some(followed) = source.take_followed() {
                let event = Event::MigrationFaulted {
                    migration,
                    pages: followed.pages,
                    stalled_nanos: followed.nanos(),
                };
                events.push((now(), event));
            }
        }
    }
    let report = brain
        .report()
        .cloned()
        .ok_or(MigrateError::Unsupported("go on from here"))?;
    let (parts, throttled) = (source.parts(), source.throttled().to_vec());
    events.push((now(), notes::ended(migration, &report)));
    let machine = (brain.seat() == Seat::Source).then(|| source.into_machine());
    Ok(Ended {
        report,
        parts,
        throttled,
        events,
        machine,
    })
}
