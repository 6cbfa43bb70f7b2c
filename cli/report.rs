//! `twinrack report`: a page, a summary or a trace from a record.

use std::path::PathBuf;
use std::process::Command;

use clap::{Args, ValueEnum};
use twinrack_reports::{html, lab_log, read_record, series_csv, text, trace_event, whole};

use crate::exit::{Exit, Stop, print};
use crate::terminal::width;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A self-contained page with plots.
    Html,
    /// The summary of `run`.
    Text,
    /// Trace events for Perfetto and Chrome.
    Trace,
    /// The log of a lab, which `record` makes a record of.
    Log,
    /// The time series as CSV: a line for each sample, as in series.parquet.
    Csv,
}

/// Arguments of `report`.
#[derive(Args)]
pub struct Report {
    /// The directory of a run.
    run: PathBuf,
    /// What is made.
    #[arg(long, value_enum, default_value = "html")]
    format: Format,
    /// Where it goes; report.html, trace.json, lab.jsonl or series.csv in the run's directory when absent, standard output for text.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Open the page in a browser.
    #[arg(long)]
    open: bool,
}

impl Report {
    /// Carries the verb out.
    pub fn carry_out(self) -> Result<Exit, Stop> {
        let run = read_record(&self.run).map_err(|error| {
            Stop::bad_input(format!(
                "error: {error}\n = help: name the directory of a run, such as `twinrack run` wrote"
            ))
        })?;
        let (content, name) = match self.format {
            Format::Html => (html::page(&run), Some("report.html")),
            Format::Text => (text::written(&run, width()), None),
            Format::Trace => (trace_event::trace(&run).to_string(), Some("trace.json")),
            Format::Log => (lab_log::written(&run).map_err(Stop::failed)?, Some("lab.jsonl")),
            Format::Csv => (series_csv::written(&run.series), Some("series.csv")),
        };
        let Some(path) = self.out.clone().or_else(|| name.map(|name| self.run.join(name))) else {
            print(&content)?;
            return Ok(Exit::Done);
        };
        write_atomically(&path, content.as_bytes())?;
        print(&format!("{}\n", path.display()))?;
        if self.open {
            open(&path)?;
        }
        Ok(Exit::Done)
    }
}

/// Writes a file that appears whole or not at all.
pub fn write_atomically(path: &std::path::Path, bytes: &[u8]) -> Result<(), Stop> {
    whole::write(path, bytes).map_err(|error| Stop::bad_input(format!("error: {}: {error}", path.display())))
}

fn open(path: &std::path::Path) -> Result<(), Stop> {
    Command::new("xdg-open")
        .arg(path)
        .spawn()
        .map(drop)
        .map_err(|error| {
            Stop::bad_input(format!(
                "error: no browser could be started ({error})\n = help: open {} yourself",
                path.display()
            ))
        })
}
