//! What came out of a run: events, figures, series; the same form from both bodies.

pub mod event;
pub mod figure;
pub mod series;
pub mod summary;

pub use event::{Event, EventRecord, MigrationKind, Outcome, StopReason};
pub use figure::{Figure, FigureKind, Source, registry};
pub use series::{Sample, Series};
pub use summary::{Expectation, RunRecord, Summary};
