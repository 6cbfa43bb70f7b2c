//! The journal: what happened, in order, with a digest that grows with it and checkers that look on.

use std::collections::BTreeMap;

use twinrack_scenario::record::{Digest, Event, EventRecord, Figure};
use twinrack_scenario::units::SimTime;

use crate::check::{Checker, Told, Violation};

/// Records in order. Some are only signals: checked and hashed, but not kept.
pub struct Journal {
    kept: Vec<EventRecord>,
    digest: Digest,
    checkers: Vec<Box<dyn Checker<EventRecord>>>,
    violation: Option<Violation>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("kept", &self.kept.len())
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// An empty journal watched by the given checkers.
    pub fn new(checkers: Vec<Box<dyn Checker<EventRecord>>>) -> Self {
        Self {
            kept: Vec::new(),
            digest: Digest::default(),
            checkers,
            violation: None,
        }
    }

    /// Adds what happened at `at`.
    pub fn write(&mut self, at: SimTime, event: Event) {
        let record = EventRecord {
            t_ns: at.as_nanos(),
            event,
        };
        for checker in &mut self.checkers {
            if let Err(violation) = checker.see(at, &record) {
                self.violation.get_or_insert(violation);
            }
        }
        self.digest.event(&record);
        if !is_signal(&record.event) {
            self.kept.push(record);
        }
    }

    /// The first violation a checker reported.
    pub const fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// The records kept so far.
    pub fn kept(&self) -> &[EventRecord] {
        &self.kept
    }

    /// How many records are kept.
    pub const fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether none is kept.
    pub const fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Ends the journal with what the run tells: the records, and in hex the digest of them and the figures; or what a checker
    /// found.
    pub fn finish(
        mut self,
        at: SimTime,
        kpis: &BTreeMap<String, Figure>,
        told: &Told,
    ) -> Result<(Vec<EventRecord>, String), Violation> {
        for checker in &mut self.checkers {
            if let Err(violation) = checker.finish(at, told) {
                // What was seen first in the run is nearer to the cause.
                self.violation.get_or_insert(violation);
            }
        }
        match self.violation {
            Some(violation) => Err(violation),
            None => Ok((self.kept, self.digest.finish(kpis))),
        }
    }
}

/// Signals are too many to keep and are reconstructed from the series.
const fn is_signal(event: &Event) -> bool {
    matches!(event, Event::HostPower { .. })
}

#[cfg(test)]
mod tests {
    use twinrack_scenario::HostId;

    use super::*;

    /// Objects to everything, and once more at the end.
    struct Objects;

    impl Checker<EventRecord> for Objects {
        fn name(&self) -> &'static str {
            "objects"
        }

        fn see(&mut self, at: SimTime, _: &EventRecord) -> Result<(), Violation> {
            Err(Violation::new("objects", at, "a record", "none"))
        }

        fn finish(&mut self, at: SimTime, _: &Told) -> Result<(), Violation> {
            Err(Violation::new("objects", at, "an end", "none"))
        }
    }

    #[test]
    fn the_first_violation_is_the_one_reported() {
        let mut journal = Journal::new(vec![Box::new(Objects)]);
        journal.write(SimTime::from_secs(1), Event::HostUp { host: HostId(1) });
        let violation = journal
            .finish(SimTime::from_secs(9), &BTreeMap::new(), &Told::default())
            .expect_err("it objects");
        assert_eq!(violation.at, SimTime::from_secs(1));
    }

    #[test]
    fn a_signal_is_not_kept() {
        let mut journal = Journal::new(Vec::new());
        let host = HostId(1);
        journal.write(SimTime::ZERO, Event::HostUp { host });
        journal.write(SimTime::ZERO, Event::HostPower { host, watts: 83.2 });
        let (kept, _) = journal
            .finish(SimTime::ZERO, &BTreeMap::new(), &Told::default())
            .expect("no checker");
        assert_eq!(kept.len(), 1);
    }
}
