//! Files that appear whole or not at all: written under a temporary name beside the final one, flushed to disk, renamed.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use tempfile::Builder;

/// Writes a file that is absent, as it was, or whole at every moment. Two processes, or two threads of one, may write the same: each
/// has its own until it is whole.
///
/// # Errors
/// What the file system says.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with(path, |file| file.write_all(bytes))
}

/// The same, written piece by piece.
///
/// # Errors
/// What the file system or `pieces` says.
pub fn write_with(path: &Path, pieces: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut builder = Builder::new();
    // A temporary file is for its owner alone; what is kept is for others to read, as far as the umask lets them.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder_of(path))?;
    pieces(file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|failure| failure.error)
}

/// The folder that a path lies in.
pub fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_half_way_leaves_what_was_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        write(&path, b"first").expect("writes");
        let cut = write_with(&path, |file| {
            file.write_all(b"sec")?;
            Err(io::Error::other("the disk is full"))
        });
        assert!(cut.is_err());
        assert_eq!(std::fs::read(&path).expect("there"), b"first");
        let left = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, 1, "nothing temporary stays");
        write(&path, b"second").expect("writes");
        assert_eq!(std::fs::read(&path).expect("there"), b"second");
    }
}
