//! What describes pages on the wire: headers of runs of neighbouring pages, and of the frames that runs go in.

use twinrack_scenario::spec::migration::WireSpec;
use twinrack_scenario::units::Bytes;

use super::Move;

impl Move {
    /// Bytes of the headers of what the present round has to send, of which `zero` goes otherwise.
    pub(super) fn headers(&self, wire: &WireSpec, zero: Bytes) -> Bytes {
        let Some(tracker) = &self.tracker else {
            return Bytes::ZERO;
        };
        let map = tracker.to_send();
        let full = map.saturating_sub(zero);
        if full == Bytes::ZERO || wire.is_bare() {
            return Bytes::ZERO;
        }
        let longest = f64::from(wire.frame_pages);
        let runs = tracker.runs(longest) * full.as_f64() / map.as_f64();
        let frames = full.pages().div_ceil(u64::from(wire.frame_pages)) as f64;
        let bytes = runs * wire.run_header.as_f64() + frames * wire.frame_header.as_f64();
        Bytes((bytes + 0.5) as u64)
    }
}
