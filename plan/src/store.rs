//! The store: every finished trial in a file of its own, named by what was tried, so that a plan that was killed goes on.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use twinrack_reports::whole;

use crate::question::{Alternative, PlanError};

/// Trials on disk.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    /// What else decides a trial: the program that makes it, and the plan's text.
    maker: String,
}

impl Store {
    /// A store in a folder, which is made if it is not there. Trials of another `maker` are not taken for ours.
    pub fn open(folder: &Path, maker: String) -> Result<Self, PlanError> {
        fs::create_dir_all(folder).map_err(|error| PlanError::io(folder, error))?;
        Ok(Self {
            folder: folder.to_owned(),
            maker,
        })
    }

    fn path(&self, alternative: &Alternative, tried: &str) -> PathBuf {
        let mut hasher = blake3::Hasher::new();
        for part in [&self.maker, &alternative.scenario.blake3, tried] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let name = hasher.finalize().to_hex();
        self.folder.join(format!("{}.json", &name[..32]))
    }

    /// What came of a trial that was kept. One that can't be read is made again.
    pub fn kept<T: DeserializeOwned>(&self, alternative: &Alternative, tried: &str) -> Option<T> {
        let text = fs::read(self.path(alternative, tried)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Keeps what came of a trial: it appears under its name whole, or not at all.
    pub fn keep(
        &self,
        alternative: &Alternative,
        tried: &str,
        outcome: &impl Serialize,
    ) -> Result<(), PlanError> {
        let text = serde_json::to_vec(outcome).unwrap_or_default();
        write_whole(&self.path(alternative, tried), &text)
    }
}

/// Writes a file that appears under its name whole, or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), PlanError> {
    whole::write(path, bytes).map_err(|error| PlanError::io(path, error))
}
