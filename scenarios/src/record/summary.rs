//! The summary of a run: figures, expectations and all that is needed to run it again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::EventRecord;
use super::figure::Figure;
use super::series::Series;
use crate::fleet::Fleet;
use crate::scale::Factors;
use crate::scenario::Scenario;
use crate::spec::expect::Operator;

/// Version of the record's form.
pub const SCHEMA: &str = "twinrack-record-1";

/// An expectation and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// The figure.
    pub kpi: String,
    /// How it was held against the limit.
    pub op: String,
    /// The limit.
    pub limit: f64,
    /// For `~`: how far off it may be, as a share of the limit.
    pub tolerance: f64,
    /// The figure's value; absent when the run has no such figure.
    pub value: Option<f64>,
    /// Whether it held.
    pub ok: bool,
    /// Why it must hold.
    pub why: Option<String>,
}

/// `summary.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// [`SCHEMA`].
    pub schema: String,
    /// What was run.
    pub scenario: ScenarioName,
    /// Which body ran it.
    pub backend: String,
    /// The seed.
    pub seed: u64,
    /// BLAKE3 over events and figures, hex; wall time excluded.
    pub digest: String,
    /// Simulated seconds covered.
    pub span_s: f64,
    /// The figures by name.
    pub kpis: BTreeMap<String, Figure>,
    /// The expectations.
    pub expectations: Vec<Expectation>,
    /// Versions of what made it.
    pub versions: BTreeMap<String, String>,
    /// Wall-clock seconds it took; not part of the digest.
    pub wall_s: f64,
}

/// The scenario of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenarioName {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: Option<String>,
    /// BLAKE3 of the resolved scenario, hex.
    pub blake3: String,
    /// The factors that its sizes were multiplied by; none when it ran as written.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scale: BTreeMap<String, f64>,
}

impl ScenarioName {
    /// That of a scenario.
    pub fn of(scenario: &Scenario) -> Self {
        let spec = &scenario.spec;
        Self {
            name: spec.name.value.clone(),
            title: spec.title.clone(),
            blake3: scenario.blake3.clone(),
            scale: spec
                .scale
                .as_ref()
                .map(|scale| Factors::of(scale).named())
                .unwrap_or_default(),
        }
    }
}

impl Summary {
    /// Whether every expectation held.
    pub fn passed(&self) -> bool {
        self.expectations.iter().all(|expectation| expectation.ok)
    }
}

/// A run as a body hands it over, before anything is written.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// The summary.
    pub summary: Summary,
    /// What happened.
    pub events: Vec<EventRecord>,
    /// The series.
    pub series: Series,
    /// Names of the hosts.
    pub hosts: Fleet,
    /// Names of the VMs.
    pub vms: Fleet,
    /// The resolved scenario, as YAML.
    pub scenario_yaml: String,
}

/// Whether `value` holds against `limit`.
pub fn holds(op: Operator, value: f64, limit: f64, tolerance: f64) -> bool {
    match op {
        Operator::Equal => value == limit,
        Operator::NotEqual => value != limit,
        Operator::Below => value < limit,
        Operator::AtMost => value <= limit,
        Operator::Above => value > limit,
        Operator::AtLeast => value >= limit,
        Operator::Near => (value - limit).abs() <= tolerance * limit.abs(),
    }
}
