//! What came out of a run: events, figures, series; the same form from both bodies.

pub mod digest;
pub mod distribution;
pub mod event;
pub mod figure;
pub mod figures;
pub mod level;
pub mod limit;
pub mod provenance;
pub mod series;
pub mod story;
pub mod summary;

pub use digest::Digest;
pub use distribution::Distribution;
pub use event::{Event, EventRecord, MigrationKind, Outcome, StopReason};
pub use figure::{Better, Figure, FigureKind, Source, registry};
pub use figures::Figures;
pub use level::Level;
pub use limit::Limit;
pub use provenance::{ClockFacts, HostFacts, Imported, Provenance};
pub use series::{Sample, Series};
pub use story::Story;
pub use summary::{Expectation, RunRecord, Summary, Verdict};
