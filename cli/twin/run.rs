//! A run on real hosts, repeated in the simulator.

use std::path::{Path, PathBuf};

use twinrack_reports::replay::measured::{of_log, put, put_profile};
use twinrack_reports::replay::{self, Replay};
use twinrack_reports::twin::markdown;
use twinrack_reports::{Run, html, read_record};
use twinrack_scenario::Scenario;
use twinrack_scenario::profile::ProfileKind;
use twinrack_scenario::read::{Lookup, LookupError, read};
use twinrack_scenario::spec::expect::Backend;
use twinrack_scenario::spec::migration::MigrationPolicySpec;

use crate::exit::{Exit, Stop, print};
use crate::report::write_atomically;
use crate::run::simulate;
use crate::scenario::{drawing, read_resolved};
use crate::terminal::width;

/// Where a replay goes.
pub struct Outputs<'a> {
    /// The figures, as Markdown.
    pub markdown: Option<&'a Path>,
    /// The page.
    pub html: Option<&'a Path>,
}

/// A lab's run and its scenario, as the simulator reads it.
pub fn lab_run(directory: &Path, sets: &[(String, String)]) -> Result<(Run, Scenario), Stop> {
    let run = read_record(directory).map_err(|error| {
        Stop::bad_input(format!(
            "error: {error}\n = help: name the directory of a run of `--backend kvm`, or of a log made a record by `twinrack record`"
        ))
    })?;
    if run.summary.backend != Backend::Kvm.word() {
        return Err(Stop::bad_input(format!(
            "error: {} is a run of the {} body\n = help: name a run of `--backend kvm`, a log made a record by `twinrack record`, or a scenario",
            directory.display(),
            run.summary.backend
        )));
    }
    let scenario = read_resolved(Backend::Kvm, directory, &run.scenario_yaml, sets)?;
    Ok((run, scenario))
}

/// Repeats a run, with the numbers of a profile, else those that its log measured by itself.
pub fn replayed(
    directory: &Path,
    sets: &[(String, String)],
    profile: Option<&Path>,
    outputs: &Outputs<'_>,
) -> Result<Exit, Stop> {
    let (run, mut scenario) = lab_run(directory, sets)?;
    let mut inputs = Vec::new();
    if let Some(path) = profile {
        let name = path.display().to_string();
        inputs.extend(put_profile(&policy(path)?, &name, &mut scenario.spec));
    }
    inputs.extend(put(of_log(&run), &mut scenario.spec));
    let seed = run.summary.seed;
    let replay = replay::replay(run, &scenario, inputs, &|scenario| simulated(scenario, seed))
        .map_err(|why| Stop::bad_input(format!("error: {}: {why}", directory.display())))?;
    told(&replay, outputs)
}

fn told(replay: &Replay, outputs: &Outputs<'_>) -> Result<Exit, Stop> {
    print(&replay::written(replay, width()))?;
    let written = |path: &Path, text: &str| {
        write_atomically(path, text.as_bytes())?;
        print(&format!("{}\n", path.display()))
    };
    if let Some(path) = outputs.markdown {
        let about = format!("{}\n\n{}", replay.verdict(), replay.clocks());
        written(path, &markdown(std::slice::from_ref(&replay.figures), &about))?;
    }
    if let Some(path) = outputs.html {
        written(path, &html::replay::page(replay))?;
    }
    Ok(Exit::Done)
}

/// A scenario in virtual time, for who runs it again and again.
pub fn simulated(scenario: &Scenario, seed: u64) -> Result<Run, String> {
    let record = simulate(scenario, seed, &mut |_| {});
    record
        .map(|record| Run::of(&record))
        .map_err(|error| error.to_string())
}

/// The migration policy of a profile.
pub fn policy(path: &Path) -> Result<MigrationPolicySpec, Stop> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Stop::bad_input(format!(
            "error: {}: {error}\n = help: name a profile, as `twinrack calibrate --out` writes one",
            path.display()
        ))
    })?;
    let name = serde_json::to_string(&absolute(path)).map_err(Stop::bad_input)?;
    let scenario = format!(
        "name: profile\nduration: 1s\nhosts: [{{name: n, memory: 8GiB}}]\npolicies: {{profile: {name}}}\n"
    );
    read(&path.display().to_string(), &scenario, &Only(text), &[])
        .map(|scenario| scenario.spec.policies.migration)
        .map_err(|rejected| Stop::bad_input(rejected.drawn(drawing())))
}

/// A path that is one whatever it begins with.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The one profile there is.
struct Only(String);

impl Lookup for Only {
    fn profile(&self, _: ProfileKind, _: &str) -> Result<String, LookupError> {
        Ok(self.0.clone())
    }

    fn trace(&self, name: &str) -> Result<Vec<u8>, LookupError> {
        Err(LookupError {
            what: format!("a profile needs no trace `{name}`"),
            help: "leave it out".to_owned(),
        })
    }
}
