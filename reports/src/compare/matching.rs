//! Which runs are compared with which: the same scenario on the same body, simulated ones at the same seed.

use std::collections::BTreeSet;

use twinrack_scenario::record::Limit;
use twinrack_scenario::record::figure::{Better, kind_of};

use super::gates::Observed;
use super::suite::{Sample, Suite};

/// The runs of one scenario on both sides.
#[derive(Debug)]
pub struct Matched<'a> {
    /// The scenario.
    pub name: &'a str,
    /// The body.
    pub backend: &'a str,
    /// The baseline's runs.
    pub base: Vec<&'a Sample>,
    /// The new runs.
    pub new: Vec<&'a Sample>,
    /// Whether runs at the same place are of the same seed and differ by nothing but what is compared.
    paired: bool,
}

/// All runs of two sides.
#[derive(Debug)]
pub struct Matching<'a> {
    /// On both.
    pub matched: Vec<Matched<'a>>,
    /// In the baseline alone.
    pub missing: Vec<String>,
    /// In the new runs alone.
    pub added: Vec<String>,
}

/// Matches the runs of two sides.
pub fn matching<'a>(base: &'a Suite, new: &'a Suite) -> Matching<'a> {
    let mut result = Matching {
        matched: Vec::new(),
        missing: Vec::new(),
        added: Vec::new(),
    };
    let mut others = new.groups();
    for (of, base) in base.groups() {
        match others.remove(&of) {
            Some(new) => result.add(of, base, new),
            None => result.missing.extend(base.iter().map(|sample| called(sample))),
        }
    }
    let alone = others.values().flatten();
    result.added.extend(alone.map(|sample| called(sample)));
    result
}

impl<'a> Matching<'a> {
    /// Simulated runs are compared at the seeds that both sides have, where they have any in common; else all with all.
    fn add(&mut self, (name, backend): (&'a str, &'a str), base: Vec<&'a Sample>, new: Vec<&'a Sample>) {
        let common: BTreeSet<u64> = seeds(&base).intersection(&seeds(&new)).copied().collect();
        let paired = base[0].is_exact() && !common.is_empty();
        let (of_both, of_base): (Vec<_>, Vec<_>) = base
            .into_iter()
            .partition(|sample| !paired || common.contains(&sample.seed));
        let (also, of_new): (Vec<_>, Vec<_>) = new
            .into_iter()
            .partition(|sample| !paired || common.contains(&sample.seed));
        self.missing.extend(of_base.into_iter().map(called));
        self.added.extend(of_new.into_iter().map(called));
        self.matched.push(Matched {
            name,
            backend,
            base: of_both,
            new: also,
            paired,
        });
    }
}

impl<'a> Matched<'a> {
    /// The runs at the same seed.
    pub fn pairs(&self) -> impl Iterator<Item = (&'a Sample, &'a Sample)> {
        let paired = self.paired.then(|| self.base.iter().zip(&self.new));
        paired.into_iter().flatten().map(|(base, new)| (*base, *new))
    }

    /// Whether the two sides ran different scenarios under one name.
    pub fn scenario_differs(&self) -> bool {
        let hashes = |samples: &[&'a Sample]| -> BTreeSet<&'a str> {
            samples.iter().map(|sample| sample.blake3.as_str()).collect()
        };
        hashes(&self.base) != hashes(&self.new)
    }

    /// What the new runs' scenario says of how far figures may go the wrong way.
    pub fn limits(&self) -> &'a [Limit] {
        self.new.first().map_or(&[], |sample| &sample.limits)
    }

    /// Each figure with its values on both sides; of pairs only those in which both runs have it, when any do.
    pub fn observed(&self) -> Vec<Observed> {
        let all = self.base.iter().chain(&self.new);
        let names: BTreeSet<&String> = all.flat_map(|sample| sample.figures.keys()).collect();
        names.into_iter().map(|name| self.figure(name)).collect()
    }

    fn figure(&self, name: &str) -> Observed {
        let value = |sample: &&Sample| sample.figures.get(name).map(|figure| figure.value);
        let (mut base, mut new): (Vec<f64>, Vec<f64>) = self
            .pairs()
            .filter_map(|(base, new)| value(&base).zip(value(&new)))
            .unzip();
        let paired = !base.is_empty();
        if !paired {
            base = self.base.iter().filter_map(value).collect();
            new = self.new.iter().filter_map(value).collect();
        }
        let mut all = self.base.iter().chain(&self.new);
        let unit = all.find_map(|sample| sample.figures.get(name));
        let absent = |samples: &[&Sample]| samples.iter().filter(|sample| value(sample).is_none()).count();
        Observed {
            figure: name.to_owned(),
            unit: unit.map_or_else(String::new, |figure| figure.unit.clone()),
            better: self.better(name),
            base,
            new,
            paired,
            absent: [absent(&self.base), absent(&self.new)],
        }
    }
}

impl Matched<'_> {
    /// Which way a figure should go: as its scenario says, else as the registry.
    fn better(&self, name: &str) -> Better {
        let limit = self.limits().iter().rev().find(|limit| limit.fits(name));
        limit
            .and_then(|limit| limit.better)
            .unwrap_or_else(|| kind_of(name).map_or(Better::Neither, |kind| kind.better))
    }
}

fn seeds(samples: &[&Sample]) -> BTreeSet<u64> {
    samples.iter().map(|sample| sample.seed).collect()
}

fn called(sample: &Sample) -> String {
    format!("{} at seed {} ({})", sample.name, sample.seed, sample.backend)
}
