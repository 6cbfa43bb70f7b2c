//! A baseline: runs that were blessed, stored small enough to be checked in.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use twinrack_scenario::record::figure::kind_of;
use twinrack_scenario::record::{Figure, Limit};

use super::suite::{CompareError, Events, NamedEvent, Sample, Suite};

/// Version of the form.
pub const SCHEMA: &str = "twinrack-baseline-2";

/// Events that are kept of a run; of one with more only their number, so that the baseline stays small.
pub const KEPT: usize = 256;

/// The file.
#[derive(Debug, Serialize, Deserialize)]
struct Baseline {
    schema: String,
    runs: Vec<Blessed>,
}

/// A run in it.
#[derive(Debug, Serialize, Deserialize)]
struct Blessed {
    scenario: String,
    blake3: String,
    backend: String,
    seed: u64,
    digest: String,
    figures: BTreeMap<String, Number>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    limits: Vec<Limit>,
    /// How many events it had.
    count: usize,
    /// The events, when there were few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    events: Option<Vec<NamedEvent>>,
}

/// A figure in it: its value alone where the registry says the rest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Number {
    Value(f64),
    Whole(Figure),
}

impl Number {
    fn of(name: &str, figure: &Figure) -> Self {
        let is_usual =
            kind_of(name).is_some_and(|kind| kind.unit == figure.unit && kind.source == figure.source);
        if is_usual {
            Self::Value(figure.value)
        } else {
            Self::Whole(figure.clone())
        }
    }

    /// The figure; none when it is a bare value of a figure that nobody knows any more.
    fn figure(self, name: &str) -> Option<Figure> {
        match self {
            Self::Whole(figure) => Some(figure),
            Self::Value(value) => kind_of(name).map(|kind| Figure {
                value,
                unit: kind.unit.to_owned(),
                source: kind.source,
            }),
        }
    }
}

/// The baseline of runs, as JSON with a line for each run, so that a change shows which.
pub fn bless(suite: &Suite) -> Result<String, CompareError> {
    let broken = |error: serde_json::Error| CompareError::Baseline {
        path: suite.from.clone(),
        what: error.to_string(),
    };
    let mut lines = Vec::new();
    for group in suite.groups().values() {
        for sample in group {
            lines.push(serde_json::to_string(&blessed(sample)?).map_err(broken)?);
        }
    }
    Ok(format!(
        "{{\"schema\":\"{SCHEMA}\",\"runs\":[\n{}\n]}}\n",
        lines.join(",\n")
    ))
}

fn blessed(sample: &Sample) -> Result<Blessed, CompareError> {
    let (count, events) = match (sample.events()?, &sample.events) {
        (Some(events), _) => (events.len(), Some(events).filter(|events| events.len() <= KEPT)),
        (None, Events::NotKept(count)) => (*count, None),
        (None, _) => (0, None),
    };
    Ok(Blessed {
        scenario: sample.name.clone(),
        blake3: sample.blake3.clone(),
        backend: sample.backend.clone(),
        seed: sample.seed,
        digest: sample.digest.clone(),
        figures: sample
            .figures
            .iter()
            .map(|(name, figure)| (name.clone(), Number::of(name, figure)))
            .collect(),
        limits: sample.limits.clone(),
        count,
        events,
    })
}

/// Reads a baseline.
pub fn read(path: &Path) -> Result<Vec<Sample>, CompareError> {
    let from = path.display().to_string();
    let wrong = |what: String| CompareError::Baseline {
        path: from.clone(),
        what,
    };
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let baseline: Baseline = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if baseline.schema != SCHEMA {
        return Err(wrong(format!("its schema is {}, not {SCHEMA}", baseline.schema)));
    }
    let sample = |run: Blessed| Sample {
        from: from.clone(),
        name: run.scenario,
        blake3: run.blake3,
        backend: run.backend,
        seed: run.seed,
        digest: run.digest,
        figures: run
            .figures
            .into_iter()
            .filter_map(|(name, number)| Some((number.figure(&name)?, name)))
            .map(|(figure, name)| (name, figure))
            .collect(),
        limits: run.limits,
        expected: Vec::new(),
        events: run.events.map_or(Events::NotKept(run.count), Events::Kept),
    };
    Ok(baseline.runs.into_iter().map(sample).collect())
}
