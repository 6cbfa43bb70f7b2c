//! Every migration that was asked for ends, and ends once; at the end of the run only those are open that somebody works on.

use std::collections::BTreeSet;

use twinrack_scenario::MigrationId;
use twinrack_scenario::record::{Event, EventRecord};
use twinrack_scenario::units::SimTime;

use super::{Checker, Told, Violation};

/// Keeps the migrations that are open.
#[derive(Debug, Default)]
pub struct Answered {
    open: BTreeSet<MigrationId>,
    asked: BTreeSet<MigrationId>,
}

impl Checker<EventRecord> for Answered {
    fn name(&self) -> &'static str {
        "answered"
    }

    fn see(&mut self, at: SimTime, record: &EventRecord) -> Result<(), Violation> {
        let fault = match record.event {
            Event::MigrationRequested { migration, .. } => {
                self.open.insert(migration);
                (!self.asked.insert(migration))
                    .then(|| format!("migration {} was asked for twice", migration.0))
            }
            Event::MigrationEnded { migration, .. } => (!self.open.remove(&migration))
                .then(|| format!("migration {} ended without being open", migration.0)),
            _ => None,
        };
        fault.map_or(Ok(()), |what| {
            Err(Violation::new("answered", at, what, "each request answered once"))
        })
    }

    fn finish(&mut self, at: SimTime, told: &Told) -> Result<(), Violation> {
        let forgotten = self.open.difference(&told.under_way).next();
        forgotten.map_or(Ok(()), |migration| {
            let what = format!(
                "migration {} never ended, and nothing is under way for it",
                migration.0
            );
            Err(Violation::new("answered", at, what, "each request answered once"))
        })
    }
}
