//! Reports of twinrack: what a run's record looks like on disk, on a terminal and in a browser.
//!
//! Everything here starts from a record; nothing here ever runs a simulation.

pub mod chart;
pub mod compare;
pub mod history;
pub mod html;
pub mod junit;
pub mod lab_log;
pub mod record_dir;
pub mod replay;
pub mod run;
pub mod series_csv;
pub mod tested;
pub mod text;
pub mod trace_event;
pub mod twin;
pub mod whole;

pub use record_dir::{RecordError, read_record, write_record};
pub use run::Run;
