//! Progress of a run on a terminal: simulated time, wall time, and how long it will still take.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use twinrack_sim::Progress;

/// A bar on standard error, or nothing where nobody looks.
pub struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// A bar for one run, or for several.
    pub fn new(name: &str, runs: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(runs * 1000), target());
        let style =
            ProgressStyle::with_template("{msg} [{bar:30}] {percent:>3} %  {elapsed} gone, {eta} to go")
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=> ");
        bar.set_style(style);
        bar.set_message(name.to_owned());
        Self { bar }
    }

    /// How far the one run is.
    pub fn show(&self, progress: Progress) {
        let share = progress.now.as_secs_f64() / progress.end.as_secs_f64().max(1e-9);
        self.bar.set_position((share * 1000.0) as u64);
        self.bar
            .set_message(format!("simulated {} of {}", progress.now, progress.end));
    }

    /// One of several runs is done.
    pub fn one_done(&self) {
        self.bar.inc(1000);
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// A count of things done, of which nobody knows how many there will be.
pub struct Counter {
    bar: ProgressBar,
}

impl Counter {
    /// Counts `what`.
    pub fn new(what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, target());
        let style = ProgressStyle::with_template("{spinner} {pos} {msg}, {elapsed} gone, {per_sec}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        bar.set_style(style);
        bar.set_message(what.to_owned());
        Self { bar }
    }

    /// One more is done.
    pub fn one_more(&self) {
        self.bar.inc(1);
    }

    /// Takes the count away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Standard error where somebody looks at it.
fn target() -> ProgressDrawTarget {
    if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    }
}
