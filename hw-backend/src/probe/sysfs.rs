//! Reading `/sys` and `/proc`, below a root that tests can put elsewhere.

use std::fs;
use std::path::{Path, PathBuf};

/// A tree of files that describe a host.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// This host's.
    pub(super) fn host() -> Self {
        Self::at(Path::new("/"))
    }

    pub(super) fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// What a file holds, without the newline; why not, when it can't be read.
    pub(super) fn read(&self, path: &str) -> Result<String, String> {
        fs::read_to_string(self.path(path))
            .map(|text| text.trim().to_owned())
            .map_err(|error| format!("/{path}: {}", without_number(&error)))
    }

    /// The names in a directory that begin with `prefix`, in order.
    pub(super) fn names(&self, path: &str, prefix: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(path)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.starts_with(prefix))
            .collect();
        names.sort();
        names
    }

    /// Whether a file may be written; it is opened, and left as it is.
    pub(super) fn writable(&self, path: &str) -> Result<(), String> {
        fs::File::options()
            .write(true)
            .open(self.path(path))
            .map(drop)
            .map_err(|error| format!("/{path}: {}", without_number(&error)))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}

/// An error without the number that Rust adds, which tells a reader nothing.
pub(super) fn without_number(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// A tree with such files; keep the directory as long as it is used.
    pub(crate) fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Tree) {
        let directory = tempfile::tempdir().expect("a directory");
        for (path, content) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, content).expect("written");
        }
        let tree = Tree::at(directory.path());
        (directory, tree)
    }
}
