//! The figures of a run, gathered under the names of the registry.

use std::collections::BTreeMap;

use super::figure::{Figure, FigureKind, Source, kind_of, registry};
use super::{Distribution, Level};
use crate::units::SimTime;

/// Figures by full name. A name that the registry lacks is a bug of ours and stops the run.
#[derive(Debug, Default)]
pub struct Figures {
    values: BTreeMap<String, Figure>,
    /// Whether what the simulated body computes was read off a clock or a sensor instead.
    measured: bool,
}

impl Figures {
    /// No figures yet, of a body that measures what the simulated one models.
    pub fn measured() -> Self {
        Self {
            measured: true,
            ..Self::default()
        }
    }

    /// Sets a single number.
    pub fn number(&mut self, name: &str, value: f64) {
        let source = match known(name).source {
            Source::Modelled if self.measured => Source::Measured,
            source => source,
        };
        self.number_from(name, value, source);
    }

    /// Sets a single number that came about in another way than the registry says.
    pub fn number_from(&mut self, name: &str, value: f64, source: Source) {
        let figure = Figure {
            value: clean(value),
            unit: known(name).unit.to_owned(),
            source,
        };
        self.values.insert(name.to_owned(), figure);
    }

    /// Sets the statistics that the registry lists for a level.
    pub fn level(&mut self, name: &str, level: &Level, now: SimTime) {
        let (least, greatest) = level.extremes(now);
        for stat in stats_of(name) {
            let value = match *stat {
                "mean" => level.mean(now),
                "min" => least,
                "max" => greatest,
                _ => continue,
            };
            self.number(&format!("{name}.{stat}"), value);
        }
    }

    /// Sets the statistics that the registry lists for a distribution; a figure nobody observed is absent, not zero.
    pub fn distribution(&mut self, name: &str, distribution: &Distribution) {
        for stat in stats_of(name) {
            if let Some(value) = distribution.statistic(stat) {
                self.number(&format!("{name}.{stat}"), value);
            }
        }
    }

    /// The figures.
    pub fn into_inner(self) -> BTreeMap<String, Figure> {
        self.values
    }
}

fn known(name: &str) -> &'static FigureKind {
    kind_of(name).unwrap_or_else(|| panic!("figure `{name}` is not in the registry"))
}

fn stats_of(name: &str) -> &'static [&'static str] {
    registry()
        .iter()
        .find(|kind| kind.name == name)
        .map_or(&[], |kind| kind.stats)
}

/// Takes the sign off a zero: `-0` would be another byte in the record.
fn clean(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value }
}
