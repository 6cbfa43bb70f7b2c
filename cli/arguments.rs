//! Arguments that several verbs have, declared once.

use std::path::{Path, PathBuf};

use clap::Args;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::exit::Stop;
use crate::scenario::setting;

/// Changes to a scenario.
#[derive(Args, Clone, Default)]
pub struct Settings {
    /// Change a value of the scenario: vms.sql01.memory=8GiB. Can be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = setting)]
    pub sets: Vec<(String, String)>,
}

/// How many threads run scenarios side by side.
#[derive(Args, Clone, Copy, Default)]
pub struct Threads {
    /// Threads; as many as there are processors when absent. What comes out is the same with any number.
    #[arg(long)]
    pub threads: Option<usize>,
}

impl Threads {
    /// The pool that has them.
    pub fn pool(self) -> Result<ThreadPool, Stop> {
        ThreadPoolBuilder::new()
            .num_threads(self.threads.unwrap_or(0))
            .build()
            .map_err(|error| Stop::bad_input(format!("error: threads: {error}")))
    }
}

/// Where records go when nothing is said.
pub fn runs_folder(out: Option<&Path>) -> PathBuf {
    out.unwrap_or(Path::new("runs")).to_owned()
}
