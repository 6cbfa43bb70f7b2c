//! A run's directory: written whole or not at all, and read back.
//!
//! Everything is written into a directory of a temporary name beside the final one and flushed to disk; then one rename
//! makes it appear. A run that is killed at any moment leaves at most a temporary directory, never half a record.

pub mod events;
pub mod series;

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use twinrack_scenario::record::{RunRecord, Summary};

use crate::run::Run;
use crate::whole;

/// `summary.json`.
pub const SUMMARY: &str = "summary.json";
/// `events.jsonl`.
pub const EVENTS: &str = "events.jsonl";
/// `series.parquet`.
pub const SERIES: &str = "series.parquet";
/// `scenario.yaml`.
pub const SCENARIO: &str = "scenario.yaml";

/// Why a record could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file system said no.
    #[error("{path}: {error}")]
    Io {
        /// Where.
        path: String,
        /// What it said.
        error: io::Error,
    },
    /// There is something else under the final name.
    #[error("{0} exists and is no record of a run, so it is left alone")]
    NotARecord(String),
    /// A file of the record is not what it should be.
    #[error("{path} is broken: {what}; run the scenario again")]
    Broken {
        /// Which.
        path: String,
        /// What is wrong.
        what: String,
    },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> RecordError + '_ {
    move |error| RecordError::Io {
        path: path.display().to_string(),
        error,
    }
}

fn broken(path: &Path, what: impl ToString) -> RecordError {
    RecordError::Broken {
        path: path.display().to_string(),
        what: what.to_string(),
    }
}

/// Writes a record under `directory`. An earlier record of that name is replaced; anything else is left alone.
pub fn write_record(record: &RunRecord, directory: &Path) -> Result<(), RecordError> {
    if directory.exists() && !directory.join(SUMMARY).is_file() && !is_empty(directory) {
        return Err(RecordError::NotARecord(directory.display().to_string()));
    }
    let parent = whole::folder_of(directory);
    fs::create_dir_all(parent).map_err(io_error(parent))?;
    let name = directory
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    sweep(parent, &name);
    let temporary = parent.join(partial(&name, std::process::id()));
    fs::create_dir(&temporary).map_err(io_error(&temporary))?;
    let written = write_files(record, &temporary).and_then(|()| put_in_place(&temporary, directory));
    if written.is_err() {
        let _ = fs::remove_dir_all(&temporary);
    }
    written
}

/// The name under which a process writes a record before it is whole.
fn partial(name: &str, process: u32) -> String {
    format!(".{name}.{process}.partial")
}

/// Removes what writers of this record left that were killed. Those that still run keep theirs.
fn sweep(parent: &Path, name: &str) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let found = entry.file_name();
        let writer = found
            .to_str()
            .and_then(|found| found.strip_prefix(&format!(".{name}."))?.strip_suffix(".partial"))
            .and_then(|process| process.parse::<u32>().ok());
        if writer.is_some_and(|process| process == std::process::id() || !runs(process)) {
            // What can't be removed harms nothing: it is under no final name.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether a process of this machine runs; where that can't be told, it is taken to.
fn runs(process: u32) -> bool {
    let processes = Path::new("/proc");
    !processes.join("self").exists() || processes.join(process.to_string()).exists()
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none())
}

fn write_files(record: &RunRecord, directory: &Path) -> Result<(), RecordError> {
    let path = directory.join(SUMMARY);
    let mut summary = serde_json::to_vec_pretty(&record.summary).map_err(|error| broken(&path, error))?;
    summary.push(b'\n');
    whole::write(&path, &summary).map_err(io_error(&path))?;
    let path = directory.join(SCENARIO);
    whole::write(&path, record.scenario_yaml.as_bytes()).map_err(io_error(&path))?;
    events::write(record, &directory.join(EVENTS))?;
    series::write(&record.series, &directory.join(SERIES))?;
    // The names of the files must be on disk before the directory appears under its own.
    File::open(directory)
        .and_then(|folder| folder.sync_all())
        .map_err(io_error(directory))
}

/// Makes the record appear. An earlier one is exchanged for it in one step, so that there is one at every moment.
fn put_in_place(temporary: &Path, directory: &Path) -> Result<(), RecordError> {
    if !directory.exists() {
        return fs::rename(temporary, directory).map_err(io_error(directory));
    }
    match renameat_with(CWD, temporary, CWD, directory, RenameFlags::EXCHANGE) {
        Ok(()) => fs::remove_dir_all(temporary).map_err(io_error(temporary)),
        // File systems over a network can't exchange; between these two steps only the earlier record's name is missing.
        Err(Errno::INVAL | Errno::NOSYS) => {
            let aside = temporary.with_extension("old");
            fs::rename(directory, &aside).map_err(io_error(directory))?;
            fs::rename(temporary, directory).map_err(io_error(directory))?;
            fs::remove_dir_all(&aside).map_err(io_error(&aside))
        }
        Err(error) => Err(io_error(directory)(error.into())),
    }
}

/// Reads a record back.
pub fn read_record(directory: &Path) -> Result<Run, RecordError> {
    let summary = read_summary(directory)?;
    let path = directory.join(SCENARIO);
    let scenario_yaml = fs::read_to_string(&path).map_err(io_error(&path))?;
    Ok(Run {
        summary,
        events: events::read(&directory.join(EVENTS))?,
        series: series::read(&directory.join(SERIES))?,
        scenario_yaml,
    })
}

/// Reads the summary of a record alone.
pub fn read_summary(directory: &Path) -> Result<Summary, RecordError> {
    let path = directory.join(SUMMARY);
    let text = fs::read_to_string(&path).map_err(io_error(&path))?;
    serde_json::from_str(&text).map_err(|error| broken(&path, error))
}
