//! Scaling: a scenario of a large machine, carried out on a small one, with the ratios that decide what happens kept.
//!
//! A pre-copy migration is decided by ratios: page writes to the pages that the link carries, working set to memory,
//! each step's duration to that of a round. With memory times `m`, the link times `l` and page rates times `r`, every
//! ratio is kept when `r = l` and all durations are taken times `t = m / l`. [`Factors::of`] completes what a scenario
//! gives by these rules; what it gives wins, so a ratio can also be changed on purpose.
//!
//! What does not scale: costs of the hardware (exits, faults, walks, idle states, wake latency), watts, packet sizes,
//! counts (rounds, checks, hosts, VMs), and the limits of the world around (20 s until TCP gives up, 5 s of a guest
//! cluster). `expect` is scaled by the unit of its figure, so a scenario that passes still passes where only ratios
//! decide.

mod expectations;
mod factor;
mod policies;
mod processors;
mod sections;

use std::collections::BTreeMap;

pub use factor::Factor;

use crate::spec::ScenarioSpec;
use crate::spec::expect::Backend;
use crate::spec::scale::ScaleSpec;
use crate::units::{BitsPerSecond, Bytes, PerSecond, SimDuration};

/// All factors of a scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factors {
    /// On sizes of memory.
    pub memory: Factor,
    /// On data rates.
    pub network: Factor,
    /// On durations.
    pub time: Factor,
    /// On page writes each second.
    pub rates: Factor,
    /// On processors and demand.
    pub cpu: Factor,
}

impl Factors {
    /// The factors of a scenario, those that it does not give taken by the rules of similarity.
    pub fn of(spec: &ScaleSpec) -> Self {
        let network = match (spec.network, spec.memory, spec.time) {
            (Some(network), ..) => network,
            (None, Some(memory), Some(time)) => Factor(memory.0 / time.0),
            _ => Factor::ONE,
        };
        let memory = match (spec.memory, spec.time) {
            (Some(memory), _) => memory,
            (None, Some(time)) => Factor(network.0 * time.0),
            _ => Factor::ONE,
        };
        Self {
            memory,
            network,
            time: spec.time.unwrap_or(Factor(memory.0 / network.0)),
            rates: spec.rates.unwrap_or(network),
            cpu: spec.cpu.unwrap_or_default(),
        }
    }

    /// The factors by name, as the summary holds them.
    pub fn named(&self) -> BTreeMap<String, f64> {
        let all = [
            ("memory", self.memory),
            ("network", self.network),
            ("time", self.time),
            ("rates", self.rates),
            ("cpu", self.cpu),
        ];
        all.map(|(name, factor)| (name.to_owned(), factor.0)).into()
    }

    /// A size times the factor of memory; what is something stays at least a byte.
    fn bytes(&self, size: &mut Bytes) {
        size.0 = whole(size.0, self.memory);
    }

    /// A size that holds whole pages.
    fn pages(&self, size: &mut Bytes) {
        let exact = Bytes(whole(size.0, self.memory));
        *size = if size.0.is_multiple_of(Bytes::PAGE.0) {
            Bytes::from_pages(exact.pages())
        } else {
            exact
        };
    }

    /// A number of pages.
    fn count(&self, pages: &mut u32) {
        *pages = u32::try_from(whole(u64::from(*pages), self.memory)).unwrap_or(u32::MAX);
    }

    fn speed(&self, rate: &mut BitsPerSecond) {
        rate.0 = whole(rate.0, self.network);
    }

    fn page_rate(&self, rate: &mut PerSecond) {
        rate.0 *= self.rates.0;
    }

    /// A duration; for ever stays for ever.
    fn span(&self, time: &mut SimDuration) {
        if *time != SimDuration::MAX {
            *time = SimDuration::from_nanos(whole(time.as_nanos(), self.time));
        }
    }
}

/// `value` times the factor, to the nearest whole number, and at least one where there was something.
fn whole(value: u64, factor: Factor) -> u64 {
    if factor == Factor::ONE {
        return value;
    }
    let exact = value as f64 * factor.0 + 0.5;
    (exact as u64).max(u64::from(value > 0))
}

/// The scenario with its factors applied; those that are another body's are taken out. [`crate::read::read`] does it, so
/// that no body can forget to.
pub fn scaled(mut spec: ScenarioSpec, body: Backend) -> ScenarioSpec {
    spec.scale = spec
        .scale
        .filter(|scale| scale.backend.is_none_or(|only| only == body));
    if let Some(scale) = &spec.scale {
        let factors = Factors::of(scale);
        factors.sections(&mut spec);
        factors.policies(&mut spec.policies);
        factors.processors(&mut spec);
        factors.expectations(&mut spec.expect);
    }
    spec
}

#[cfg(test)]
mod tests;
