//! Reading a scenario for a verb: the file, its surroundings, and its faults drawn for the terminal.

use std::io::IsTerminal;
use std::path::Path;

use twinrack_scenario::Scenario;
use twinrack_scenario::fault::Drawing;
use twinrack_scenario::read::{FileLookup, read_for};
use twinrack_scenario::spec::expect::Backend;

use crate::exit::Stop;

/// The text of a scenario file.
pub fn text_of(path: &Path) -> Result<String, Stop> {
    std::fs::read_to_string(path).map_err(|error| {
        Stop::bad_input(format!(
            "error: {}: {error}\n = help: name a scenario file, such as one of scenarios/deck/",
            path.display()
        ))
    })
}

/// Reads a scenario as a body takes it, and applies `path=value` settings.
pub fn load(body: Backend, path: &Path, sets: &[(String, String)]) -> Result<Scenario, Stop> {
    let text = text_of(path)?;
    read_for(
        body,
        &path.display().to_string(),
        &text,
        &FileLookup::for_file(path),
        sets,
    )
    .map_err(|rejected| Stop::bad_input(rejected.drawn(drawing())))
}

/// Reads the resolved scenario of a record as a body takes it. Traces are looked for as from a scenario beside the record.
pub fn read_resolved(
    body: Backend,
    record: &Path,
    yaml: &str,
    sets: &[(String, String)],
) -> Result<Scenario, Stop> {
    read_for(
        body,
        &record.join("scenario.yaml").display().to_string(),
        yaml,
        &FileLookup::for_file(record),
        sets,
    )
    .map_err(|rejected| Stop::bad_input(rejected.drawn(drawing())))
}

/// Colours only where somebody sees them and does not mind.
pub fn drawing() -> Drawing {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || !std::io::stderr().is_terminal();
    if plain { Drawing::Plain } else { Drawing::Coloured }
}

/// A `path=value` argument.
pub fn setting(argument: &str) -> Result<(String, String), String> {
    let (path, value) = argument
        .split_once('=')
        .ok_or("expected path=value, such as hosts[0].memory=64GiB")?;
    Ok((path.trim().to_owned(), value.to_owned()))
}
