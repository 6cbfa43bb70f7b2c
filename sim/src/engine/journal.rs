//! The journal: what happened, in order, with a digest that grows with it and checkers that look on.

use serde::Serialize;
use twinrack_scenario::record::{Event, EventRecord};
use twinrack_scenario::units::SimTime;

use crate::check::{Checker, Violation};

/// Bytes gathered before they are hashed: BLAKE3 is fastest in blocks of this size and more.
const BLOCK: usize = 64 * 1024;

/// Records in order. Some are only signals: checked and hashed, but not kept.
pub struct Journal {
    kept: Vec<EventRecord>,
    hasher: blake3::Hasher,
    buffer: Vec<u8>,
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
            hasher: blake3::Hasher::new(),
            buffer: Vec::with_capacity(BLOCK + 256),
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
        self.digest_record(&record);
        if !is_signal(&record.event) {
            self.kept.push(record);
        }
    }

    /// Adds bytes to the digest that belong to no event: the figures, at the end.
    pub fn digest_bytes(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        self.flush_if(BLOCK);
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

    /// Ends the journal: the records and the digest in hex, or what a checker found.
    pub fn finish(mut self, at: SimTime) -> Result<(Vec<EventRecord>, String), Violation> {
        for checker in &mut self.checkers {
            if let Err(violation) = checker.finish(at) {
                // What was seen first in the run is nearer to the cause.
                self.violation.get_or_insert(violation);
            }
        }
        self.flush_if(0);
        match self.violation {
            Some(violation) => Err(violation),
            None => Ok((self.kept, self.hasher.finalize().to_hex().to_string())),
        }
    }

    fn digest_record(&mut self, record: &EventRecord) {
        if let Event::HostPower { host, watts } = &record.event {
            // By far the most frequent record: its canonical bytes are written by hand.
            self.buffer.push(0xff);
            self.buffer.extend_from_slice(&record.t_ns.to_le_bytes());
            self.buffer.extend_from_slice(&host.0.to_le_bytes());
            self.buffer.extend_from_slice(&watts.to_bits().to_le_bytes());
        } else {
            let mut writer = serde_json::Serializer::new(&mut self.buffer);
            // Writing plain data into memory can't fail; if it did, the digest would differ from the record's file.
            if record.serialize(&mut writer).is_err() {
                self.buffer.push(0xfe);
            }
            self.buffer.push(b'\n');
        }
        self.flush_if(BLOCK);
    }

    fn flush_if(&mut self, longer_than: usize) {
        if self.buffer.len() > longer_than {
            self.hasher.update(&self.buffer);
            self.buffer.clear();
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

        fn finish(&mut self, at: SimTime) -> Result<(), Violation> {
            Err(Violation::new("objects", at, "an end", "none"))
        }
    }

    #[test]
    fn the_first_violation_is_the_one_reported() {
        let mut journal = Journal::new(vec![Box::new(Objects)]);
        journal.write(SimTime::from_secs(1), Event::HostUp { host: HostId(1) });
        let violation = journal.finish(SimTime::from_secs(9)).expect_err("it objects");
        assert_eq!(violation.at, SimTime::from_secs(1));
    }

    fn digest(watts: f64) -> String {
        let mut journal = Journal::new(Vec::new());
        journal.write(SimTime::ZERO, Event::HostUp { host: HostId(1) });
        journal.write(
            SimTime::ZERO,
            Event::HostPower {
                host: HostId(1),
                watts,
            },
        );
        let (kept, digest) = journal.finish(SimTime::ZERO).expect("no checker");
        assert_eq!(kept.len(), 1, "a signal is not kept");
        digest
    }

    #[test]
    fn the_digest_sees_the_last_bit() {
        assert_eq!(digest(83.2), digest(83.2));
        assert_ne!(digest(83.2), digest(83.2_f64.next_up()));
    }
}
