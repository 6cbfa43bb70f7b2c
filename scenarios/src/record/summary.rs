//! The summary of a run: figures, expectations and all that is needed to run it again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::EventRecord;
use super::figure::Figure;
use super::limit::Limit;
use super::provenance::Provenance;
use super::series::Series;
use crate::fleet::Fleet;
use crate::scale::Factors;
use crate::scenario::Scenario;
use crate::spec::expect::{Backend, ExpectSpec, Operator};
use crate::units::SimTime;

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
    /// Whether it was asked of the body that ran; one that was not is told, but fails nothing.
    #[serde(default = "always", skip_serializing_if = "Clone::clone")]
    pub asked: bool,
    /// Why it must hold.
    pub why: Option<String>,
    /// Why it is known not to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<String>,
}

/// What became of an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It held.
    Held,
    /// It did not.
    Failed,
    /// It did not, as it was known to.
    KnownMiss,
    /// It held, though it was known not to: what is known is out of date.
    HeldAgain,
    /// It was not asked of the body that ran.
    NotAsked,
}

impl Verdict {
    /// What to call it in a table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Held => "ok",
            Self::Failed | Self::HeldAgain => "FAIL",
            Self::KnownMiss => "missed",
            Self::NotAsked => "n/a",
        }
    }
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
    /// Kinds of figures that the body can't tell here, and why: they are absent, or `modelled` where that was allowed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unavailable: BTreeMap<String, String>,
    /// The expectations.
    pub expectations: Vec<Expectation>,
    /// How far figures may go the wrong way from one version to the next, where the scenario says so; in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// Versions of what made it.
    pub versions: BTreeMap<String, String>,
    /// Where it was made; absent for the simulated body, which comes out the same everywhere. Not part of the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_on: Option<Provenance>,
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

const fn always() -> bool {
    true
}

impl Expectation {
    /// Holds one against the figures of a run on `backend`.
    fn held(spec: &ExpectSpec, backend: Backend, kpis: &BTreeMap<String, Figure>) -> Self {
        let value = kpis.get(&spec.kpi.value).map(|figure| figure.value);
        Self {
            kpi: spec.kpi.value.clone(),
            op: spec.op.word().to_owned(),
            limit: spec.limit,
            tolerance: spec.tolerance.0,
            value,
            ok: value.is_some_and(|value| holds(spec.op, value, spec.limit, spec.tolerance.0)),
            asked: spec.backend.is_none_or(|only| only == backend),
            why: spec.why.clone(),
            known: spec.known.clone(),
        }
    }

    /// What became of it. A figure that is absent misses nothing: it fails, known or not.
    pub const fn verdict(&self) -> Verdict {
        match (self.asked, self.ok, self.known.is_some() && self.value.is_some()) {
            (false, _, _) => Verdict::NotAsked,
            (true, true, false) => Verdict::Held,
            (true, true, true) => Verdict::HeldAgain,
            (true, false, true) => Verdict::KnownMiss,
            (true, false, false) => Verdict::Failed,
        }
    }

    /// Whether it fails the run.
    pub const fn fails(&self) -> bool {
        matches!(self.verdict(), Verdict::Failed | Verdict::HeldAgain)
    }
}

impl Summary {
    /// The summary of a run: expectations are held against the figures here and nowhere else.
    pub fn of(
        scenario: &Scenario,
        backend: Backend,
        seed: u64,
        digest: String,
        end: SimTime,
        kpis: BTreeMap<String, Figure>,
    ) -> Self {
        let expectations = scenario.spec.expect.iter();
        let scale = scenario.spec.scale.as_ref();
        let name = ScenarioName {
            name: scenario.spec.name.value.clone(),
            title: scenario.spec.title.clone(),
            blake3: scenario.blake3.clone(),
            scale: scale.map(|scale| Factors::of(scale).named()).unwrap_or_default(),
        };
        Self {
            schema: SCHEMA.to_owned(),
            scenario: name,
            backend: backend.word().to_owned(),
            seed,
            digest,
            span_s: end.as_secs_f64(),
            expectations: expectations
                .map(|spec| Expectation::held(spec, backend, &kpis))
                .collect(),
            limits: scenario.spec.limits.iter().map(Limit::of).collect(),
            kpis,
            unavailable: BTreeMap::new(),
            versions: BTreeMap::from([("twinrack".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
            made_on: None,
            wall_s: 0.0,
        }
    }

    /// How many expectations came out so.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.expectations
            .iter()
            .filter(|item| item.verdict() == verdict)
            .count()
    }

    /// Whether every expectation that was asked of this body held, or is known not to.
    pub fn passed(&self) -> bool {
        !self.expectations.iter().any(Expectation::fails)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_miss_fails_nothing_until_it_holds_or_its_figure_is_gone() {
        let of = |value: Option<f64>, ok, asked, known: Option<&str>| {
            Expectation {
                kpi: String::new(),
                op: String::new(),
                limit: 1.0,
                tolerance: 0.0,
                value,
                ok,
                asked,
                why: None,
                known: known.map(ToOwned::to_owned),
            }
            .verdict()
        };
        assert_eq!(of(Some(2.0), false, true, Some("why")), Verdict::KnownMiss);
        assert_eq!(of(Some(1.0), true, true, Some("why")), Verdict::HeldAgain);
        assert_eq!(of(None, false, true, Some("why")), Verdict::Failed);
        assert_eq!(of(Some(2.0), false, true, None), Verdict::Failed);
        assert_eq!(of(Some(1.0), true, true, None), Verdict::Held);
        assert_eq!(of(Some(2.0), false, false, Some("why")), Verdict::NotAsked);
    }
}
