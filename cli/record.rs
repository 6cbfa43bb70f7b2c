//! `twinrack record`: makes a record of what the hosts of a lab wrote down.

use std::path::{Path, PathBuf};

use clap::Args;
use twinrack_reports::{Run as Shown, lab_log, text, write_record};
use twinrack_scenario::read::FileLookup;

use crate::exit::{Exit, Stop, print};
use crate::run::{default_directory, unwritten};
use crate::scenario::drawing;
use crate::terminal::width;

/// Arguments of `record`.
#[derive(Args)]
pub struct Record {
    /// The log: newline-delimited JSON, a header and events, as `twinrack report RUN --format log` writes them.
    log: PathBuf,
    /// Where the record goes; runs/NAME-SEED when absent.
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Record {
    /// Carries the verb out.
    pub fn carry_out(self) -> Result<Exit, Stop> {
        let log = std::fs::read_to_string(&self.log).map_err(|error| {
            Stop::bad_input(format!(
                "error: {}: {error}\n = help: name the log of a lab, such as scenarios/lab/one-move.jsonl",
                self.log.display()
            ))
        })?;
        let name = self.log.display().to_string();
        let record = lab_log::read(&name, &log, &FileLookup::for_file(&self.log))
            .map_err(|rejected| Stop::bad_input(rejected.drawn(drawing())))?;
        let directory = self
            .out
            .clone()
            .unwrap_or_else(|| default_directory(&record.summary));
        write_record(&record, &directory).map_err(unwritten)?;
        print(&text::written(&Shown::of(&record), width()))?;
        print(&format!("\n{}\n", footer(&record.summary, &directory)))?;
        Ok(if record.summary.passed() {
            Exit::Done
        } else {
            Exit::Failed
        })
    }
}

fn footer(summary: &twinrack_scenario::record::Summary, directory: &Path) -> String {
    let imported = summary
        .made_on
        .as_ref()
        .and_then(|made_on| made_on.imported.as_ref());
    let moved = imported
        .filter(|imported| imported.moved > 0)
        .map_or_else(String::new, |imported| {
            format!(
                "; {} moved behind their causes, by at most {}, within what the clocks may be wrong",
                imported.moved,
                text::quantity(imported.moved_ns as f64 / 1e9, "s")
            )
        });
    let events = imported.map_or(0, |imported| imported.events);
    let shown = directory.display();
    format!(
        "{events} events{moved}; record in {shown}\npage:   twinrack report {shown}\nreplay: twinrack twin {shown}"
    )
}
