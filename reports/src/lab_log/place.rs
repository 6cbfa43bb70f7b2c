//! Where a line of a log stands, and a key within it.

use twinrack_scenario::fault::{SourceId, Span};

/// The place of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    source: SourceId,
    start: u32,
    end: u32,
}

impl Place {
    /// The lines of a text that hold something. Places beyond 4 GiB would share the last: only a caret would suffer.
    pub fn lines(source: SourceId, text: &str) -> impl Iterator<Item = (Self, &str)> {
        let mut at = 0_usize;
        text.split('\n').filter_map(move |line| {
            let start = at;
            at += line.len() + 1;
            let place = |end: usize| u32::try_from(end).unwrap_or(u32::MAX);
            let trimmed = line.trim_end();
            let (start, end) = (place(start), place(start + trimmed.len()));
            (!trimmed.is_empty()).then_some((Self { source, start, end }, trimmed))
        })
    }

    /// All of the line.
    pub const fn line(self) -> Span {
        self.span(self.start, self.end)
    }

    /// Where the line, of this text, has a key; all of the line when it has none such.
    pub fn of(self, line: &str, key: &str) -> Span {
        let quoted = format!("\"{key}\"");
        line.find(&quoted).map_or(self.line(), |at| {
            let at = self.start.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
            self.span(
                at,
                at.saturating_add(u32::try_from(quoted.len()).unwrap_or(u32::MAX)),
            )
        })
    }

    /// Where a reader of JSON stopped.
    pub fn at(self, error: &serde_json::Error) -> Span {
        let column = u32::try_from(error.column().saturating_sub(1)).unwrap_or(u32::MAX);
        let at = self
            .start
            .saturating_add(column)
            .min(self.end.saturating_sub(1).max(self.start));
        self.span(at, at.saturating_add(1).min(self.end))
    }

    const fn span(self, start: u32, end: u32) -> Span {
        Span {
            source: self.source,
            start,
            end,
        }
    }
}
