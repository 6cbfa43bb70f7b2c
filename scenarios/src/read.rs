//! From text to a [`Scenario`]: parse, set, fill in defaults and profiles, decode, validate, number.
//!
//! Each step notes what is wrong and goes on where it can, so one reading reports every fault of a file.

pub mod fill;
pub mod lookup;
pub mod set;

pub use lookup::{FileLookup, Lookup, LookupError};

use crate::decode::{Decoder, Field};
use crate::fault::{Drawing, Fault, Sources, draw};
use crate::fleet::Fleet;
use crate::scenario::Scenario;
use crate::spec::ScenarioSpec;
use crate::trace::Trace;
use crate::validate::validate;
use crate::yaml::{Node, parse};

/// Why a text is no scenario: every fault, and the texts they lie in.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// The faults in reading order.
    pub faults: Vec<Fault>,
    /// The texts.
    pub sources: Sources,
}

impl Rejected {
    /// All faults as a person should see them, and how many there are.
    pub fn drawn(&self, drawing: Drawing) -> String {
        let faults = self
            .faults
            .iter()
            .map(|fault| draw(fault, &self.sources, drawing) + "\n\n")
            .collect::<String>();
        let (name, _) = self.sources.get(crate::fault::SourceId(0));
        let (count, plural) = (self.faults.len(), if self.faults.len() == 1 { "" } else { "s" });
        format!("{faults}{count} fault{plural} in {name}\n")
    }
}

impl std::fmt::Display for Rejected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.drawn(Drawing::Plain))
    }
}

impl std::error::Error for Rejected {}

/// Reads a scenario. `name` is shown in messages; `sets` are `path=value` pairs applied on top.
pub fn read(
    name: &str,
    text: &str,
    lookup: &dyn Lookup,
    sets: &[(String, String)],
) -> Result<Scenario, Box<Rejected>> {
    let mut reader = Reader {
        sources: Sources::default(),
        faults: Vec::new(),
        lookup,
    };
    match reader.scenario(name, text, sets) {
        Some(scenario) if reader.faults.is_empty() => Ok(scenario),
        _ => {
            let Reader {
                sources, mut faults, ..
            } = reader;
            // Within each source by place; faults without a place come last.
            faults.sort_by_key(|fault| {
                fault
                    .span
                    .map_or((u16::MAX, u32::MAX), |span| (span.source.0, span.start))
            });
            Err(Box::new(Rejected { faults, sources }))
        }
    }
}

struct Reader<'a> {
    sources: Sources,
    faults: Vec<Fault>,
    lookup: &'a dyn Lookup,
}

impl Reader<'_> {
    fn scenario(&mut self, name: &str, text: &str, sets: &[(String, String)]) -> Option<Scenario> {
        let mut root = self.parsed(name, text)?;
        for (path, value) in sets {
            set::apply(&mut root, path, value, &mut self.sources, &mut self.faults);
        }
        fill::defaults(&mut root, &mut self.faults);
        fill::profiles(&mut root, self.lookup, &mut self.sources, &mut self.faults);
        let mut decoder = Decoder::default();
        let spec = ScenarioSpec::decode(&root, &mut decoder);
        self.faults.append(&mut decoder.faults);
        let spec = spec?;
        let (hosts, vms) = (fleet_of_hosts(&spec), fleet_of_vms(&spec));
        self.faults.extend(validate(&spec, &hosts, &vms));
        let trace = self.trace(&spec);
        let yaml = written(&root);
        let blake3 = hash(&yaml, trace.as_ref());
        Some(Scenario {
            spec,
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
                self.faults.push(fault);
                None
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

fn fleet_of_hosts(spec: &ScenarioSpec) -> Fleet {
    let mut fleet = Fleet::default();
    for host in &spec.hosts {
        fleet.add(
            &host.name,
            host.count.as_ref().map_or(1, |count| count.value),
            host.count.is_some(),
        );
    }
    fleet
}

fn fleet_of_vms(spec: &ScenarioSpec) -> Fleet {
    let mut fleet = Fleet::default();
    for vm in &spec.vms {
        fleet.add(
            &vm.name,
            vm.count.as_ref().map_or(1, |count| count.value),
            vm.count.is_some(),
        );
    }
    fleet
}

/// The filled-in tree as YAML. A tree of texts, lists and maps always serialises.
fn written(root: &Node) -> String {
    serde_yaml::to_string(root).unwrap_or_default()
}

fn hash(yaml: &str, trace: Option<&Trace>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(yaml.as_bytes());
    if let Some(trace) = trace {
        hasher.update(&trace.samples);
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Bytes;

    const TEXT: &str = "\
name: t
duration: 1min
defaults:
  vms: {memory: 1GiB}
hosts:
  - {name: n, count: 2, memory: 32GiB}
vms:
  - {name: a, host: n1}
  - {name: b, count: 3, memory: 2GiB, host: n}
";

    fn read_with(sets: &[(&str, &str)]) -> Result<Scenario, Box<Rejected>> {
        let sets: Vec<(String, String)> = sets
            .iter()
            .map(|(p, v)| ((*p).to_owned(), (*v).to_owned()))
            .collect();
        read("t.yaml", TEXT, &lookup::NoFiles, &sets)
    }

    #[test]
    fn defaults_fill_what_is_absent() {
        let scenario = read_with(&[]).expect("valid");
        assert_eq!(scenario.spec.vms[0].memory.value, Bytes::GIB);
        assert_eq!(scenario.spec.vms[1].memory.value, Bytes(2 << 30));
        assert_eq!((scenario.hosts.len(), scenario.vms.len()), (2, 4));
    }

    #[test]
    fn what_was_resolved_resolves_to_itself() {
        let first = read_with(&[("hosts[0].memory", "64GiB"), ("vms.a.memory", "3GiB")]).expect("valid");
        assert_eq!(first.spec.hosts[0].memory.value, Bytes(64 << 30));
        assert_eq!(first.spec.vms[0].memory.value, Bytes(3 << 30));
        let again = read("t.yaml", &first.yaml, &lookup::NoFiles, &[]).expect("valid");
        assert_eq!(again.yaml, first.yaml);
        assert_eq!(again.blake3, first.blake3);
    }

    #[test]
    fn a_set_path_that_leads_nowhere_is_a_fault() {
        let rejected =
            read_with(&[("hosts[7].memory", "64GiB"), ("vms.c.memory", "1GiB")]).expect_err("wrong");
        assert_eq!(rejected.faults.len(), 2, "{rejected}");
    }
}
