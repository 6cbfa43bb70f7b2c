//! What this host can do, found out without changing anything: each finding with its reason, what its lack costs, and the mend.
//!
//! Files are read, capabilities asked for, and three things tried where trying leaves no trace: a tiny guest is run to count its exits, a
//! network namespace that lives as long as one thread gets a queueing discipline, and a `userfaultfd` is opened and closed. Nothing is
//! switched: no core, no frequency, no idle state. (A kernel that keeps a discipline in a module may load that module.)
//!
//! How memory is virtualised is told by counting, never by the vendor's name: see [`paging`].

mod cpu;
mod kvm;
mod memory;
mod network;
pub mod paging;
mod sysfs;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::kvm::System;
use sysfs::Tree;

/// Whether a host has something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "detail", rename_all = "snake_case")]
pub enum State {
    /// It has, and this is what was seen.
    Available(String),
    /// It has not, and this is why.
    Unavailable(String),
}

/// One thing looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it belongs to.
    pub group: Cow<'static, str>,
    /// What it is.
    pub name: Cow<'static, str>,
    /// Whether it is there.
    #[serde(flatten)]
    pub state: State,
    /// What a run does without it.
    pub without: Cow<'static, str>,
    /// How to get it.
    pub mend: Cow<'static, str>,
}

impl Finding {
    /// Whether it is there.
    pub const fn is_available(&self) -> bool {
        matches!(self.state, State::Available(_))
    }
}

/// What is looked for: its group and name, what a run does without it, how to get it.
#[derive(Debug, Clone, Copy)]
struct Item {
    group: &'static str,
    name: &'static str,
    without: &'static str,
    mend: &'static str,
}

impl Item {
    fn found(self, seen: Result<String, String>) -> Finding {
        let state = match seen {
            Ok(detail) => State::Available(detail),
            Err(reason) => State::Unavailable(reason),
        };
        Finding {
            group: self.group.into(),
            name: self.name.into(),
            state,
            without: self.without.into(),
            mend: self.mend.into(),
        }
    }
}

/// All findings of a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capabilities {
    /// How memory is virtualised, as counted; absent without KVM.
    pub paging: Option<paging::Counted>,
    /// The findings, in groups.
    pub findings: Vec<Finding>,
}

impl Capabilities {
    /// Looks at this host. It takes some tenths of a second.
    pub fn probe() -> Self {
        let tree = Tree::host();
        let system = System::open();
        let (mut findings, paging) = kvm::probe(system.as_ref());
        findings.extend(memory::probe(&tree));
        findings.extend(cpu::probe(&tree));
        findings.extend(network::probe(&tree));
        Self { paging, findings }
    }

    /// A finding by its name.
    pub fn find(&self, name: &str) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.name == name)
    }

    /// What stands in the way of running anything at all here, if something does.
    pub fn obstacle(&self) -> Option<&Finding> {
        self.findings
            .iter()
            .find(|finding| kvm::NEEDED.contains(&&*finding.name) && !finding.is_available())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_says_what_its_lack_costs_and_how_to_get_it() {
        let capabilities = Capabilities::probe();
        for finding in &capabilities.findings {
            assert!(
                finding.without.len() > 3 && finding.mend.len() > 3,
                "{}",
                finding.name
            );
            let (State::Available(text) | State::Unavailable(text)) = &finding.state;
            assert!(
                !text.is_empty() && !text.contains('\n'),
                "{}: {text}",
                finding.name
            );
        }
        let mut names: Vec<_> = capabilities
            .findings
            .iter()
            .map(|finding| &finding.name)
            .collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), capabilities.findings.len(), "each name once");
    }

    #[test]
    fn probing_twice_finds_the_same_things() {
        let shape = |capabilities: &Capabilities| -> Vec<(String, bool)> {
            capabilities
                .findings
                .iter()
                .map(|finding| (finding.name.to_string(), finding.is_available()))
                .collect()
        };
        assert_eq!(shape(&Capabilities::probe()), shape(&Capabilities::probe()));
    }
}
