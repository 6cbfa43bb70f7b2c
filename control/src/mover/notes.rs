//! Notes: what the record says of a migration, in the same words whoever drives it, and the orders that it gives the body.

use twinrack_scenario::record::event::Outcome;
use twinrack_scenario::record::{Event, StopReason};
use twinrack_scenario::{HostId, MigrationId};

use crate::fabric::Fabric;
use crate::migration::{Command, Input, Refusal, Report, Round};

/// What an input tells of where the VM is.
pub fn arrived(id: MigrationId, input: &Input, to: HostId) -> Option<Event> {
    match input {
        Input::StorageTaken => Some(Event::MigrationHandedOver { migration: id }),
        Input::Resumed | Input::Restored => Some(Event::MigrationResumed {
            migration: id,
            host: to,
        }),
        _ => None,
    }
}

/// A round that was sent.
pub fn round(id: MigrationId, round: &Round) -> Event {
    Event::MigrationRound {
        migration: id,
        round: round.number,
        pages: round.copied.pages(),
        bytes: round.sent.0,
        nanos: round.elapsed.as_nanos(),
        dirtied: round.dirtied.pages(),
    }
}

/// A migration that has ended.
pub fn ended(id: MigrationId, report: &Report) -> Event {
    Event::MigrationEnded {
        migration: id,
        outcome: report.outcome,
        reason: report.reason.as_ref().map(ToString::to_string),
        bytes: report.sent.0,
        total_nanos: report.total.as_nanos(),
        brownout_nanos: report.brownout.as_nanos(),
        downtime_nanos: report.downtime.as_nanos(),
        outage_nanos: report.outage.as_nanos(),
        rounds: report.rounds.len() as u32,
    }
}

/// A migration that has ended before it began.
pub fn ended_unbegun(id: MigrationId, outcome: Outcome, why: Option<&Refusal>) -> Event {
    Event::MigrationEnded {
        migration: id,
        outcome,
        reason: why.map(ToString::to_string),
        bytes: 0,
        total_nanos: 0,
        brownout_nanos: 0,
        downtime_nanos: 0,
        outage_nanos: 0,
        rounds: 0,
    }
}

/// What an order tells: that a VM is stopped, or that something could not be done any more.
pub fn ordered(id: MigrationId, command: &Command) -> Option<Event> {
    let (reason, left) = match command {
        Command::PauseVm { reason, left, .. } => (*reason, left),
        Command::SaveVm { memory, .. } => (StopReason::Saved, memory),
        Command::Refuse(why) => {
            return Some(Event::MigrationWarned {
                migration: id,
                warning: why.to_string(),
            });
        }
        _ => return None,
    };
    Some(Event::MigrationPaused {
        migration: id,
        reason,
        pages_left: left.pages(),
    })
}

/// Gives the body its orders, and notes what they tell.
pub fn carry_out(id: MigrationId, commands: &[Command], fabric: &mut impl Fabric) {
    for command in commands {
        if let Some(event) = ordered(id, command) {
            fabric.note(event);
        }
        fabric.migrate(id, command);
    }
}
