//! Time never goes back.

use twinrack_scenario::record::EventRecord;
use twinrack_scenario::units::SimTime;

use super::{Checker, Told, Violation};

/// Remembers the latest time seen.
#[derive(Debug, Default)]
pub struct TimeForward {
    latest: SimTime,
}

impl Checker<EventRecord> for TimeForward {
    fn name(&self) -> &'static str {
        "time-forward"
    }

    fn see(&mut self, at: SimTime, record: &EventRecord) -> Result<(), Violation> {
        if record.at() < self.latest {
            let what = format!("a record of {} came after one of {}", record.at(), self.latest);
            return Err(Violation::new(self.name(), at, what, "records in order of time"));
        }
        self.latest = record.at();
        Ok(())
    }

    fn finish(&mut self, _: SimTime, _: &Told) -> Result<(), Violation> {
        Ok(())
    }
}
