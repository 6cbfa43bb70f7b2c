//! From text to a [`Scenario`]: parse, set, fill in defaults and profiles, decode, validate, number, scale.
//!
//! Each step notes what is wrong and goes on where it can, so one reading reports every fault of a file.

pub mod echo;
pub mod fill;
pub mod lookup;
pub mod rejected;
pub mod set;

pub use lookup::{FileLookup, Lookup, LookupError, NoFiles};
pub use rejected::Rejected;

use crate::decode::{Decoder, Field};
use crate::fault::{Fault, Sources};
use crate::fleet::Fleet;
use crate::scale::scaled;
use crate::scenario::Scenario;
use crate::spec::ScenarioSpec;
use crate::spec::expect::Backend;
use crate::trace::Trace;
use crate::validate::validate;
use crate::yaml::{Node, parse};

/// Reads a scenario as the simulated body takes it: see [`read_for`].
pub fn read(
    name: &str,
    text: &str,
    lookup: &dyn Lookup,
    sets: &[(String, String)],
) -> Result<Scenario, Box<Rejected>> {
    read_for(Backend::Sim, name, text, lookup, sets)
}

/// Reads a scenario as a body takes it: a `scale` that is the other's is not applied. `name` is shown in messages; `sets` are `path=value` pairs applied on top.
///
/// The cost is linear in the text, and in what defaults and profiles fill in, up to [`fill::FILLED_MAX`] values.
pub fn read_for(
    body: Backend,
    name: &str,
    text: &str,
    lookup: &dyn Lookup,
    sets: &[(String, String)],
) -> Result<Scenario, Box<Rejected>> {
    let mut reader = Reader {
        body,
        sources: Sources::default(),
        faults: Vec::new(),
        lookup,
    };
    match reader.scenario(name, text, sets) {
        Some(scenario) if reader.faults.is_empty() => Ok(scenario),
        _ => Err(Box::new(Rejected::new(reader.faults, reader.sources))),
    }
}

struct Reader<'a> {
    body: Backend,
    sources: Sources,
    faults: Vec<Fault>,
    lookup: &'a dyn Lookup,
}

impl Reader<'_> {
    fn scenario(&mut self, name: &str, text: &str, sets: &[(String, String)]) -> Option<Scenario> {
        let mut root = self.parsed(name, text)?;
        let (early, late): (Vec<_>, Vec<_>) = sets.iter().partition(|(path, _)| set::is_early(path));
        self.set(&mut root, &early);
        let unread = fill::fill(&mut root, self.lookup, &mut self.sources, &mut self.faults)?;
        self.set(&mut root, &late);

        let mut decoder = Decoder::default();
        let spec = ScenarioSpec::decode(&root, &mut decoder);
        let causes = decoder.faults.clone();
        self.faults.extend(echo::without_missing(decoder.faults, &unread));
        let spec = spec?;
        let (hosts, vms) = (Fleet::of_hosts(&spec), Fleet::of_vms(&spec));
        let found = validate(&spec, &hosts, &vms);
        let found = echo::unexplained(echo::unexplained(found, &causes), &self.faults);
        self.faults
            .extend(found.into_iter().map(|fault| placed(fault, &root)));
        let trace = self.trace(&spec);
        if !self.faults.is_empty() {
            return None;
        }
        let yaml = written(&root);
        let blake3 = hash(&yaml, trace.as_ref());
        Some(Scenario {
            spec: scaled(spec, self.body),
            body: self.body,
            hosts,
            vms,
            trace,
            yaml,
            blake3,
        })
    }

    fn parsed(&mut self, name: &str, text: &str) -> Option<Node> {
        let source = self.sources.add(name, text);
        match parse(text, source) {
            Ok((root, faults)) => {
                self.faults.extend(faults);
                Some(root)
            }
            Err(fault) => {
                self.faults.push(*fault);
                None
            }
        }
    }

    fn set(&mut self, root: &mut Node, sets: &[&(String, String)]) {
        for (path, value) in sets {
            if let Err(fault) = set::apply(root, path, value, &mut self.sources) {
                self.faults.push(*fault);
            }
        }
    }

    fn trace(&mut self, spec: &ScenarioSpec) -> Option<Trace> {
        let name = spec.trace.as_ref()?;
        let bytes = match self.lookup.trace(name) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.faults.push(
                    Fault::new(name.span, error.what, "expected a trace that can be read")
                        .help(error.help)
                        .at_path("trace"),
                );
                return None;
            }
        };
        match Trace::from_csv(&bytes) {
            Ok(trace) => Some(trace),
            Err(error) => {
                let what = format!("`{}` is no trace: {error}", name.value);
                self.faults.push(
                    Fault::new(name.span, what, "expected rows of `vm_name,u0,u1,…` in percent")
                        .at_path("trace"),
                );
                None
            }
        }
    }
}

/// Moves a fault to the value that its path leads to: the checks know paths, the tree knows places.
fn placed(mut fault: Fault, root: &Node) -> Fault {
    let (node, exact) = root.locate(&fault.path);
    if exact || fault.span.is_none() {
        fault.span = Some(node.span);
    }
    fault
}

/// The filled-in tree as YAML. A tree of texts, lists and maps always serialises.
fn written(root: &Node) -> String {
    serde_yaml::to_string(root).unwrap_or_default()
}

fn hash(yaml: &str, trace: Option<&Trace>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(yaml.as_bytes());
    if let Some(trace) = trace {
        hasher.update(&(trace.row_length as u64).to_le_bytes());
        hasher.update(&trace.samples);
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests;
