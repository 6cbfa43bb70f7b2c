//! `twinrack history`: adds runs of a commit to a file of lines, and draws what the file holds.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use twinrack_reports::compare::Suite;
use twinrack_reports::history::{Chosen, History, text};
use twinrack_reports::{html, whole};
use twinrack_scenario::record::figure::{kind_of, named};

use crate::exit::{Exit, Stop, print};
use crate::report::write_atomically;
use crate::terminal::width;

/// Arguments of `history`.
#[derive(Args)]
pub struct Verb {
    /// The history: newline-delimited JSON.
    file: PathBuf,
    /// Add these runs to it: directories of runs, or of directories of runs. Can be repeated.
    #[arg(long = "add", value_name = "RUNS", requires = "commit")]
    add: Vec<PathBuf>,
    /// The commit that they are of. What was added of it before is replaced.
    #[arg(long)]
    commit: Option<String>,
    /// When it was made, as RFC 3339 has it; now when absent.
    #[arg(long, value_name = "TIME", requires = "add", value_parser = time)]
    when: Option<String>,
    /// Add this figure too, besides those of note and those that the scenario expects. Can be repeated.
    #[arg(long = "figure", value_name = "FIGURE", requires = "add", value_parser = figure)]
    figures: Vec<String>,
    /// Add every figure.
    #[arg(long, requires = "add")]
    all: bool,
    /// Draw it as a page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Verb {
    /// Carries the verb out.
    pub fn carry_out(self) -> Result<Exit, Stop> {
        let history = match (&self.commit, self.add.is_empty()) {
            (Some(commit), false) => self.added(commit)?,
            _ => read(&self.file)?,
        };
        if let Some(path) = &self.html {
            write_atomically(path, html::history::page(&history).as_bytes())?;
            print(&format!(
                "{}\n{}\n",
                text::verdict(&history, &history.series()),
                path.display()
            ))?;
        } else {
            print(&text::written(&history, width()))?;
        }
        Ok(Exit::Done)
    }

    /// Adds the runs of a commit. Whoever adds to a file of the same folder waits until this is done, so that none is lost.
    fn added(&self, commit: &str) -> Result<History, Stop> {
        let suite = Suite::read_all(&self.add).map_err(|error| {
            Stop::bad_input(format!(
                "error: {error}\n = help: `twinrack run --out DIR` or `twinrack test --out DIR` makes runs"
            ))
        })?;
        let _locked = locked(&self.file)?;
        let mut history = match read(&self.file) {
            Err(_) if !self.file.exists() => History::default(),
            history => history?,
        };
        let chosen = Chosen {
            all: self.all,
            also: self.figures.clone(),
        };
        let when = self.when.clone().unwrap_or_else(now);
        history.add(&suite, (commit, &when), &chosen);
        let lines = history.written().map_err(Stop::bad_input)?;
        write_atomically(&self.file, lines.as_bytes())?;
        Ok(history)
    }
}

fn read(path: &Path) -> Result<History, Stop> {
    let wrong = |error: &dyn std::fmt::Display| {
        Stop::bad_input(format!(
            "error: {}: {error}\n = help: `twinrack history {} --add RUNS --commit SHA` begins one",
            path.display(),
            path.display()
        ))
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    History::read(&text).map_err(|error| wrong(&error))
}

/// The folder of a file, locked until what this gives is dropped. A file system that knows no locks is used without.
fn locked(path: &Path) -> Result<File, Stop> {
    let folder = whole::folder_of(path);
    let failed = |error: &std::io::Error| Stop::bad_input(format!("error: {}: {error}", folder.display()));
    let folder = File::open(folder).map_err(|error| failed(&error))?;
    match folder.lock() {
        Err(error) if error.kind() != ErrorKind::Unsupported => Err(failed(&error)),
        _ => Ok(folder),
    }
}

/// The moment at which this runs.
fn now() -> String {
    let seconds = SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |elapsed| elapsed.as_secs());
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| String::new(), |now| now.to_string())
}

/// A time as RFC 3339 has it, in UTC.
fn time(text: &str) -> Result<String, String> {
    let time: jiff::Timestamp = text.parse().map_err(
        |_| "expected a time such as 2026-11-20T12:00:00Z, or what `git show -s --format=%cI` gives",
    )?;
    Ok(time.to_string())
}

/// A figure, with or without its statistic.
pub fn figure(text: &str) -> Result<String, String> {
    match kind_of(text).or_else(|| named(text)) {
        Some(_) => Ok(text.to_owned()),
        None => Err("there is no such figure; the reference of the manual lists all".to_owned()),
    }
}
