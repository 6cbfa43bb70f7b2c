//! `twinrack import`: brings demand traces in, or makes one of the same statistics.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use twinrack_scenario::Trace;
use twinrack_sim::model::workload::synthetic;

use crate::exit::{Exit, Stop, print};
use crate::report::write_atomically;

/// Arguments of `import`.
#[derive(Args)]
pub struct Import {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A day of PlanetLab as it is published: a folder with a file for each VM, a sample on each line.
    Planetlab {
        /// The folder.
        folder: PathBuf,
        /// The trace: CSV, gzipped when its name ends in .gz.
        #[arg(long)]
        out: PathBuf,
    },
    /// A trace with the statistics of PlanetLab's 3 March 2011, made from a seed.
    Synthetic {
        /// The trace: CSV, gzipped when its name ends in .gz.
        #[arg(long)]
        out: PathBuf,
        /// VMs.
        #[arg(long, default_value_t = 1052)]
        vms: u32,
        /// Days of 288 samples each.
        #[arg(long, default_value_t = 1)]
        days: u32,
        /// The seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

impl Import {
    /// Carries the verb out.
    pub fn carry_out(self) -> Result<Exit, Stop> {
        match self.what {
            What::Planetlab { folder, out } => {
                let trace = Trace::from_files(files(&folder)?)
                    .map_err(|error| Stop::bad_input(format!("error: {}: {error}", folder.display())))?;
                write(&trace, &out)
            }
            What::Synthetic { out, vms, days, seed } => write(&synthetic::trace(seed, vms, days), &out),
        }
    }
}

fn files(folder: &Path) -> Result<Vec<(String, String)>, Stop> {
    let failed = |error: std::io::Error| {
        Stop::bad_input(format!(
            "error: {}: {error}\n = help: name a folder with a file for each VM",
            folder.display()
        ))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            files.push((name, std::fs::read_to_string(&path).map_err(failed)?));
        }
    }
    Ok(files)
}

fn write(trace: &Trace, out: &Path) -> Result<Exit, Stop> {
    let packed = out.extension().is_some_and(|extension| extension == "gz");
    let bytes = if packed {
        trace.to_csv_gz().map_err(Stop::bad_input)?
    } else {
        trace.to_csv().into_bytes()
    };
    write_atomically(out, &bytes)?;
    let (mean, deviation) = trace.mean_and_deviation();
    print(&format!(
        "{}: {} VMs, {} samples each, mean {mean:.2} %, standard deviation {deviation:.2} %\n",
        out.display(),
        trace.len(),
        trace.row_length
    ))?;
    Ok(Exit::Done)
}
