//! Where a scenario finds what lies outside its own text: profiles and traces.

use std::path::{Path, PathBuf};

use crate::fault::suggestion;
use crate::profile::{self, ProfileKind};

/// Why something was not found, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupError {
    /// What is wrong.
    pub what: String,
    /// The mend.
    pub help: String,
}

/// Finds profiles and traces. Tests and fuzzers bring their own, without files.
pub trait Lookup {
    /// The text of a profile: one of the library, or a file beside the scenario when the name begins with `./`.
    fn profile(&self, kind: ProfileKind, name: &str) -> Result<String, LookupError> {
        profile::text(kind, name)
            .map(ToOwned::to_owned)
            .ok_or_else(|| unknown_profile(kind, name))
    }

    /// The bytes of a trace.
    fn trace(&self, name: &str) -> Result<Vec<u8>, LookupError>;
}

/// The built-in profiles and no files at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

impl Lookup for NoFiles {
    fn trace(&self, name: &str) -> Result<Vec<u8>, LookupError> {
        Err(missing_trace(name, &[]))
    }
}

/// The built-in profiles and the files around a scenario.
#[derive(Debug, Clone)]
pub struct FileLookup {
    beside: PathBuf,
    data: PathBuf,
}

/// The folder of traces when the environment does not name one.
pub const DATA_DEFAULT: &str = "../shared/data";

impl FileLookup {
    /// For a scenario file: profiles and traces beside it, traces also under `TWINRACK_DATA` or [`DATA_DEFAULT`].
    pub fn for_file(path: &Path) -> Self {
        let data =
            std::env::var_os("TWINRACK_DATA").map_or_else(|| PathBuf::from(DATA_DEFAULT), PathBuf::from);
        Self::new(path.parent().unwrap_or(Path::new("")), data)
    }

    /// For a scenario in the folder `beside`; traces are also looked for in `data`.
    pub fn new(beside: impl Into<PathBuf>, data: impl Into<PathBuf>) -> Self {
        Self {
            beside: beside.into(),
            data: data.into(),
        }
    }
}

impl Lookup for FileLookup {
    fn profile(&self, kind: ProfileKind, name: &str) -> Result<String, LookupError> {
        if !profile::is_file(name) {
            return profile::text(kind, name)
                .map(ToOwned::to_owned)
                .ok_or_else(|| unknown_profile(kind, name));
        }
        let path = self.beside.join(name);
        std::fs::read_to_string(&path).map_err(|error| LookupError {
            what: format!("the profile `{}` can't be read: {error}", path.display()),
            help: "a name that begins with `./`, `../` or `/` is a file, looked for from the scenario; others are of the library"
                .to_owned(),
        })
    }

    fn trace(&self, name: &str) -> Result<Vec<u8>, LookupError> {
        let places = [self.beside.join(name), self.data.join(name), PathBuf::from(name)];
        let Some(path) = places.iter().find(|path| path.is_file()) else {
            return Err(missing_trace(name, &places));
        };
        std::fs::read(path).map_err(|error| LookupError {
            what: format!("the trace `{}` can't be read: {error}", path.display()),
            help: "check the rights of the file".to_owned(),
        })
    }
}

fn unknown_profile(kind: ProfileKind, name: &str) -> LookupError {
    let (other, section) = match kind {
        ProfileKind::Host | ProfileKind::Policies => (ProfileKind::Guest, "vms"),
        ProfileKind::Guest => (ProfileKind::Host, "hosts"),
    };
    LookupError {
        what: format!("there is no {} profile `{name}`", kind.word()),
        help: if profile::text(other, name).is_some() {
            format!("it is a {} profile, for `{section}`", other.word())
        } else {
            suggestion(name, profile::names(kind))
        },
    }
}

fn missing_trace(name: &str, places: &[PathBuf]) -> LookupError {
    let mut looked: Vec<String> = Vec::new();
    for place in places.iter().map(|path| path.display().to_string()) {
        // A name from the root is the same place from everywhere.
        if !looked.contains(&place) {
            looked.push(place);
        }
    }
    let looked = if looked.is_empty() {
        String::new()
    } else {
        format!(" at {}", looked.join(" or "))
    };
    let planetlab = Path::new(name)
        .components()
        .any(|part| part.as_os_str().to_string_lossy().starts_with("planetlab"));
    let help = if planetlab {
        "PlanetLab's traces are published at github.com/beloglazov/planetlab-workload-traces and with CloudSim\n\
         bring a day in with `twinrack import planetlab DIR --out FILE`\n\
         or make one of the same statistics with `twinrack import synthetic --out FILE`\n\
         and say where it is with TWINRACK_DATA or `--set trace=FILE`"
    } else {
        "put it beside the scenario, or say where it is with TWINRACK_DATA or `--set trace=FILE`"
    };
    LookupError {
        what: format!("the trace `{name}` was not found{looked}"),
        help: help.to_owned(),
    }
}
