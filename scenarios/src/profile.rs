//! The profile library: hosts and guests as data, built into the command.

use include_dir::{Dir, include_dir};

static LIBRARY: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/profiles");

/// What a profile describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileKind {
    /// A host: keys of `hosts:`.
    Host,
    /// A guest: keys of `vms:`.
    Guest,
}

impl ProfileKind {
    const fn folder(self) -> &'static str {
        match self {
            Self::Host => "hosts",
            Self::Guest => "guests",
        }
    }

    /// What messages call the kind.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Guest => "guest",
        }
    }

    /// What messages call the profile `name`: the file it was read from.
    pub fn shown(self, name: &str) -> String {
        if name.starts_with("./") {
            name.to_owned()
        } else {
            format!("profiles/{}/{name}.yaml", self.folder())
        }
    }
}

/// The text of a profile of the library.
pub fn text(kind: ProfileKind, name: &str) -> Option<&'static str> {
    LIBRARY
        .get_file(format!("{}/{name}.yaml", kind.folder()))?
        .contents_utf8()
}

/// The names of the library's profiles of a kind, in order.
pub fn names(kind: ProfileKind) -> Vec<&'static str> {
    let folder = LIBRARY.get_dir(kind.folder());
    let mut names: Vec<&str> = folder
        .into_iter()
        .flat_map(include_dir::Dir::files)
        .filter_map(|file| file.path().file_stem()?.to_str())
        .collect();
    names.sort_unstable();
    names
}
