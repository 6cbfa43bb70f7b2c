//! What one end sent, the other received.

use twinrack_scenario::record::{Event, EventRecord};
use twinrack_scenario::units::SimTime;

use super::{Checker, Violation};

/// Compares both ends of every transfer.
#[derive(Debug, Default)]
pub struct BytesArrive;

impl Checker<EventRecord> for BytesArrive {
    fn name(&self) -> &'static str {
        "bytes-arrive"
    }

    fn see(&mut self, at: SimTime, record: &EventRecord) -> Result<(), Violation> {
        match record.event {
            Event::Transferred {
                migration,
                sent,
                received,
            } if sent != received => Err(Violation::new(
                self.name(),
                at,
                format!(
                    "migration {} sent {sent} bytes and received {received}",
                    migration.0
                ),
                "as many bytes received as sent",
            )),
            _ => Ok(()),
        }
    }

    fn finish(&mut self, _: SimTime) -> Result<(), Violation> {
        Ok(())
    }
}
