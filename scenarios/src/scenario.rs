//! A scenario ready to run: the spec, its entities numbered, its trace read.

mod entities;
mod streams;

pub use streams::{Stream, StreamEnd};

use crate::fleet::Fleet;
use crate::read::{NoFiles, Rejected, read_for};
use crate::spec::ScenarioSpec;
use crate::spec::expect::Backend;
use crate::trace::Trace;
use crate::validate::validate;

/// A checked scenario. Every name in it has been found.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// What its author wrote, defaults and profiles filled in, `scale` applied.
    pub spec: ScenarioSpec,
    /// The body that it was read for: whose `scale` was applied.
    pub body: Backend,
    /// The hosts: group `g` is `spec.hosts[g]`.
    pub hosts: Fleet,
    /// The VMs: group `g` is `spec.vms[g]`.
    pub vms: Fleet,
    /// The demand trace, when the scenario names one.
    pub trace: Option<Trace>,
    /// The resolved scenario as YAML, before `scale` was applied: enough to run it again.
    pub yaml: String,
    /// BLAKE3 of `yaml` and of the trace, hex.
    pub blake3: String,
}

impl Scenario {
    /// Reads a scenario that needs no files, as the simulated body takes it: its profiles are those of the library, and it
    /// has no trace.
    pub fn from_yaml(text: &str) -> Result<Self, Box<Rejected>> {
        Self::from_yaml_for(Backend::Sim, text)
    }

    /// The same, as `body` takes it.
    pub fn from_yaml_for(body: Backend, text: &str) -> Result<Self, Box<Rejected>> {
        read_for(body, "scenario", text, &NoFiles, &[])
    }

    /// Numbers hosts and VMs anew after the spec was changed, and checks it again: what is wrong now, in words.
    ///
    /// `yaml` and `blake3` stay those of what was read: who changes a spec must say so in what is written of its runs.
    pub fn renumbered(mut self) -> Result<Self, Vec<String>> {
        (self.hosts, self.vms) = (Fleet::of_hosts(&self.spec), Fleet::of_vms(&self.spec));
        let faults = validate(&self.spec, &self.hosts, &self.vms);
        if faults.is_empty() {
            return Ok(self);
        }
        Err(faults
            .into_iter()
            .map(|fault| format!("{}: {}", fault.path, fault.what))
            .collect())
    }
}
