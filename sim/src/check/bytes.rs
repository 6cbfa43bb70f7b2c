//! What one end sent, the other received.

use std::collections::BTreeMap;

use twinrack_scenario::MigrationId;
use twinrack_scenario::record::{Event, EventRecord, Outcome};
use twinrack_scenario::units::SimTime;

use super::{Checker, Told, Violation};

/// Compares what the source put on the wire, what the target saw come in, and, of a migration that completed, what its rounds and
/// its state add up to in the books of the brain.
#[derive(Debug, Default)]
pub struct BytesArrive {
    booked: BTreeMap<MigrationId, u64>,
}

impl Checker<EventRecord> for BytesArrive {
    fn name(&self) -> &'static str {
        "bytes-arrive"
    }

    fn see(&mut self, at: SimTime, record: &EventRecord) -> Result<(), Violation> {
        match record.event {
            Event::MigrationEnded {
                migration,
                outcome: Outcome::Completed | Outcome::CompletedNotConverged,
                bytes,
                ..
            } => {
                self.booked.insert(migration, bytes);
                Ok(())
            }
            Event::Transferred {
                migration,
                sent,
                received,
            } => {
                let booked = self.booked.remove(&migration).unwrap_or(sent);
                if sent == received && sent == booked {
                    return Ok(());
                }
                let what = format!(
                    "migration {} sent {sent} bytes and received {received}, {booked} are booked",
                    migration.0
                );
                Err(Violation::new(
                    self.name(),
                    at,
                    what,
                    "as many bytes received as sent",
                ))
            }
            _ => Ok(()),
        }
    }

    fn finish(&mut self, _: SimTime, _: &Told) -> Result<(), Violation> {
        Ok(())
    }
}
