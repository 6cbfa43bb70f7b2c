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
    /// What was measured of a real host: keys of `policies:`.
    Policies,
}

impl ProfileKind {
    const fn folder(self) -> &'static str {
        match self {
            Self::Host => "hosts",
            Self::Guest => "guests",
            Self::Policies => "policies",
        }
    }

    /// What messages call the kind.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Guest => "guest",
            Self::Policies => "policy",
        }
    }

    /// What messages call the profile `name`: the file it was read from.
    pub fn shown(self, name: &str) -> String {
        if is_file(name) {
            name.to_owned()
        } else {
            format!("profiles/{}/{name}.yaml", self.folder())
        }
    }
}

/// Whether a profile's name is that of a file, beside the scenario or elsewhere, and not of the library.
pub fn is_file(name: &str) -> bool {
    ["./", "../", "/"].iter().any(|begin| name.starts_with(begin))
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
