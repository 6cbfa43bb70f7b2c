//! `policies.migration.wire` — what a stream of pages has beside them: headers of its frames, and of runs of neighbouring pages.

use std::fmt;

use crate::units::Bytes;

crate::spec! {
    /// How pages are described on the wire. A full copy and a guest that writes in order send long runs; of one that writes at random
    /// nearly every page is a run of its own. Without these keys no run and no frame has a header.
    pub struct WireSpec {
        /// Bytes before each run of neighbouring pages: its first page and its length.
        run_header: Bytes => default(Bytes::ZERO),
        /// Bytes around each frame: its header and its tag.
        frame_header: Bytes => default(Bytes::ZERO),
        /// Most pages of a frame, and of a run.
        frame_pages: u32 [1, 1_000_000] => default(128),
    }
}

impl WireSpec {
    /// Whether neither runs nor frames have a header: nothing was said of them.
    pub fn is_bare(&self) -> bool {
        self.run_header == Bytes::ZERO && self.frame_header == Bytes::ZERO
    }
}

/// As a scenario or a profile has it.
impl fmt::Display for WireSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (run, frame) = (self.run_header.0, self.frame_header.0);
        write!(
            f,
            "{{run_header: {run}B, frame_header: {frame}B, frame_pages: {}}}",
            self.frame_pages
        )
    }
}
