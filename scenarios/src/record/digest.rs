//! The digest of a run: BLAKE3 over its events and figures; two runs with one digest came out the same.

use std::collections::BTreeMap;

use serde::Serialize;

use super::event::{Event, EventRecord};
use super::figure::Figure;

/// Bytes gathered before they are hashed: BLAKE3 is fastest in blocks of this size and more.
const BLOCK: usize = 64 * 1024;

/// A digest that grows with the run.
#[derive(Debug, Clone)]
pub struct Digest {
    hasher: blake3::Hasher,
    buffer: Vec<u8>,
}

impl Default for Digest {
    fn default() -> Self {
        Self {
            hasher: blake3::Hasher::new(),
            buffer: Vec::with_capacity(BLOCK + 256),
        }
    }
}

impl Digest {
    /// Adds what happened.
    pub fn event(&mut self, record: &EventRecord) {
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

    /// Ends it with the figures: the digest in hex.
    pub fn finish(mut self, kpis: &BTreeMap<String, Figure>) -> String {
        self.buffer
            .extend_from_slice(serde_json::to_string(kpis).unwrap_or_default().as_bytes());
        self.flush_if(0);
        self.hasher.finalize().to_hex().to_string()
    }

    fn flush_if(&mut self, longer_than: usize) {
        if self.buffer.len() > longer_than {
            self.hasher.update(&self.buffer);
            self.buffer.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::HostId;

    #[test]
    fn the_digest_sees_the_last_bit() {
        let digest = |watts: f64| {
            let mut digest = Digest::default();
            let host = HostId(1);
            digest.event(&EventRecord {
                t_ns: 0,
                event: Event::HostPower { host, watts },
            });
            digest.finish(&BTreeMap::new())
        };
        assert_eq!(digest(83.2), digest(83.2));
        assert_ne!(digest(83.2), digest(83.2_f64.next_up()));
    }
}
