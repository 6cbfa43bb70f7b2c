//! A text that is no scenario: every fault of it, drawn one after the other.

use std::collections::HashSet;

use crate::fault::{Drawing, FAULTS_MAX, Fault, SourceId, Sources, draw};

/// Most faults that are drawn; the others are counted.
const DRAWN_MAX: usize = 100;

/// Why a text is no scenario: every fault, and the texts they lie in.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// The faults in reading order.
    pub faults: Vec<Fault>,
    /// The texts.
    pub sources: Sources,
}

impl Rejected {
    /// Puts faults into reading order: source by source, place by place, those without a place last. A fault of a
    /// profile or of `defaults:` that many items met is kept once.
    pub fn new(mut faults: Vec<Fault>, sources: Sources) -> Self {
        let mut met = HashSet::new();
        faults.retain(|fault| met.insert((fault.span, fault.what.clone())));
        faults.sort_by_key(|fault| {
            let place = |span: crate::fault::Span| (span.source.0, span.start);
            fault.span.map_or((u16::MAX, u32::MAX), place)
        });
        Self { faults, sources }
    }

    /// All faults as a person should see them, and how many there are.
    pub fn drawn(&self, drawing: Drawing) -> String {
        let drawn = self.faults.iter().take(DRAWN_MAX);
        let drawn: String = drawn
            .map(|fault| draw(fault, &self.sources, drawing) + "\n\n")
            .collect();
        let count = self.faults.len();
        let more = match count.saturating_sub(DRAWN_MAX) {
            0 => String::new(),
            more => format!("… and {more} more\n\n"),
        };
        let (name, _) = self.sources.get(SourceId(0));
        let least = if count < FAULTS_MAX { "" } else { "at least " };
        let plural = if count == 1 { "" } else { "s" };
        format!("{drawn}{more}{least}{count} fault{plural} in {name}\n")
    }
}

impl std::fmt::Display for Rejected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.drawn(Drawing::Plain))
    }
}

impl std::error::Error for Rejected {}
