//! The store: every finished trial in a file of its own, named by what was tried, so that a plan that was killed goes on.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::question::{Alternative, PlanError};
use crate::trial::{Candidate, Trial};

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

    fn path(&self, alternative: &Alternative, candidate: Candidate) -> PathBuf {
        let mut hasher = blake3::Hasher::new();
        for part in [self.maker.as_bytes(), alternative.scenario.blake3.as_bytes()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.update(&candidate.hosts.to_le_bytes());
        hasher.update(&candidate.growth.to_bits().to_le_bytes());
        hasher.update(&candidate.seed.to_le_bytes());
        let name = hasher.finalize().to_hex();
        self.folder.join(format!("{}.json", &name[..32]))
    }

    /// A trial that was kept. One that can't be read is made again.
    pub fn kept(&self, alternative: &Alternative, candidate: Candidate) -> Option<Trial> {
        let text = fs::read(self.path(alternative, candidate)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Keeps a trial: it appears under its name whole, or not at all.
    pub fn keep(
        &self,
        alternative: &Alternative,
        candidate: Candidate,
        trial: &Trial,
    ) -> Result<(), PlanError> {
        let text = serde_json::to_vec(trial).unwrap_or_default();
        write_whole(&self.path(alternative, candidate), &text)
    }
}

/// Writes a file that appears under its name whole, or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), PlanError> {
    // Two processes, or two threads of one, may write the same file: each has its own until it is whole.
    let temporary = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")));
    let written = temporary.and_then(|mut file| {
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|failure| failure.error)
    });
    written.map(|_| ()).map_err(|error| PlanError::io(path, error))
}
