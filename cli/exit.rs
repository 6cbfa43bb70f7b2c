//! The exit status: what each number means, and the one place that prints why.

use std::io::{self, Write};
use std::process::ExitCode;

/// What `--help` says of it.
pub const HELP: &str = "Exit status: 0 done and every expectation held; 1 an expectation failed, or `compare` found \
a regression; 2 bad input or usage, or nothing was compared; \
3 the backend is not available here; 130 interrupted, a run that had not finished leaves no record.";

/// How the command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, and every expectation held.
    Done,
    /// An expectation failed, or something got worse.
    Failed,
    /// Bad input or usage.
    BadInput,
    /// The backend is not available here.
    Unavailable,
    /// Interrupted.
    Interrupted,
}

/// Why the command can't go on: what to print, and the status.
#[derive(Debug)]
pub struct Stop {
    exit: Exit,
    why: String,
}

impl Stop {
    /// The input is bad.
    pub fn bad_input(why: impl ToString) -> Self {
        Self {
            exit: Exit::BadInput,
            why: why.to_string(),
        }
    }

    /// What is printed.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// The run failed.
    pub fn failed(why: impl ToString) -> Self {
        Self {
            exit: Exit::Failed,
            why: why.to_string(),
        }
    }

    /// The backend is missing.
    pub fn unavailable(why: impl ToString) -> Self {
        Self {
            exit: Exit::Unavailable,
            why: why.to_string(),
        }
    }

    /// The user interrupted.
    pub fn interrupted(why: impl ToString) -> Self {
        Self {
            exit: Exit::Interrupted,
            why: why.to_string(),
        }
    }
}

impl Exit {
    /// Prints why the command stopped and gives its status.
    pub fn explained(stop: Stop) -> Self {
        let text = stop.why.trim_end();
        if !text.is_empty() {
            // Who reads it may be gone; the status still tells.
            let _ = writeln!(io::stderr(), "{text}");
        }
        stop.exit
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::BadInput => 2,
            Exit::Unavailable => 3,
            Exit::Interrupted => 130,
        })
    }
}

/// Writes to standard output. A reader that has gone away has seen what it wanted: that is no failure.
pub fn print(text: &str) -> Result<(), Stop> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Stop::bad_input(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}
