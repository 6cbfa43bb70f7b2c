//! A guest on its way out: a thread that carries out the brain's commands one after the other and tells what came of each.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use twinrack_control::migration::plan::Subject;
use twinrack_control::migration::{Command, Input, Plan};
use twinrack_scenario::record::MigrationKind;
use twinrack_scenario::units::Bytes;
use twinrack_scenario::{MigrationId, Scenario, VmId};

use super::agent::{Guest, Shared, locked};
use super::protocol::Said;
use crate::migrate::pace::Grant;
use crate::migrate::wire::Secret;
use crate::migrate::{MigrateError, Owner, PATIENCE, Referee, Source};

/// What begins a migration at its source.
pub(super) struct Start {
    pub migration: MigrationId,
    pub vm: VmId,
    pub kind: MigrationKind,
    pub untouched: Bytes,
    pub address: String,
    pub secret: [u8; 32],
}

/// Asks the controller, which asks the target's agent.
struct ViaController {
    shared: Arc<Shared>,
    migration: MigrationId,
    answer: Receiver<Owner>,
}

impl Referee for ViaController {
    fn settle(&mut self) -> Owner {
        let migration = self.migration;
        self.shared.say(Said::WhoHas { migration });
        self.answer.recv_timeout(PATIENCE).unwrap_or(Owner::Unknown)
    }
}

/// What reaches a migration that is under way.
pub(super) struct Orders {
    pub commands: Receiver<Command>,
    /// Who has the guest, once that was asked.
    pub answer: Receiver<Owner>,
    pub cancel: Arc<AtomicBool>,
    pub grant: Grant,
}

/// Connects, takes the guest into a source, and serves it on a thread of its own. When that ends, the guest is back or gone.
pub(super) fn begin(
    shared: &Arc<Shared>,
    scenario: &Scenario,
    start: Start,
    orders: Orders,
) -> Result<JoinHandle<()>, String> {
    let Orders {
        commands,
        answer,
        cancel,
        grant,
    } = orders;
    let stream = TcpStream::connect(&start.address)
        .map_err(|error| format!("the target at {}: {error}", start.address))?;
    let Guest { machine, since } = locked(&shared.guests)
        .remove(&start.vm)
        .ok_or("the guest is not here")?;
    let plan = plan(scenario, &start);
    let referee = ViaController {
        shared: shared.clone(),
        migration: start.migration,
        answer,
    };
    let source = Source::new(
        machine,
        stream,
        Secret(start.secret),
        &plan,
        cancel,
        Box::new(referee),
    );
    let source = source.map_err(|error| error.to_string())?.granted(grant);
    let shared = shared.clone();
    Ok(thread::spawn(move || {
        serve(&shared, source, &start, since, &commands);
    }))
}

/// The plan that the brain has made, as far as the source looks at it.
fn plan(scenario: &Scenario, start: &Start) -> Plan {
    let spec = scenario.vm(start.vm);
    let subject = Subject {
        untouched: start.untouched,
        ..Subject::of(scenario, spec)
    };
    match start.kind {
        MigrationKind::Quick => Plan::quick(&scenario.spec.policies.migration, subject),
        MigrationKind::Live | MigrationKind::PostCopy => {
            Plan::live(&scenario.spec.policies.migration, subject)
        }
    }
}

/// Carries out commands until the migration is over; the guest goes back to the others if it is still here.
fn serve(
    shared: &Arc<Shared>,
    mut source: Source,
    start: &Start,
    since: Instant,
    commands: &Receiver<Command>,
) {
    let (migration, vm) = (start.migration, start.vm);
    let mut gone = false;
    for command in commands {
        match source.carry_out(&shared.system, migration.0, &command) {
            Ok(Some(input)) => {
                gone |= matches!(input, Input::StorageTaken);
                if matches!(input, Input::Resumed) {
                    let (sent, pause) = (source.sent(), source.parts());
                    shared.say(Said::Left {
                        migration,
                        sent,
                        pause,
                    });
                }
                if let Some(followed) = source.take_followed() {
                    shared.say(Said::Followed {
                        migration,
                        pages: followed.pages,
                        stalled_ns: followed.nanos(),
                    });
                }
                shared.say(Said::Happened { migration, input });
            }
            Ok(None) => {}
            // It stays paused here, in this thread's hands, and must not run before somebody knows.
            Err(MigrateError::InDoubt) => {
                shared.say(Said::InDoubt { migration });
                gone = true;
            }
            Err(error) => {
                let why = error.to_string();
                return shared.say(Said::Broke { vm, why });
            }
        }
    }
    if gone {
        shared.forget(vm);
    } else {
        shared.keep(vm, source.into_machine(), since);
    }
}
