//! Where a run on real hosts was made: the machines, their load, and the log that it was imported from.

use serde::{Deserialize, Serialize};

/// Where a run was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The hosts; those that nothing is known of are left out.
    pub hosts: Vec<HostFacts>,
    /// What other work there was, in the words of who measured: of Linux the first line of `/proc/pressure/cpu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<String>,
    /// The log that the record was made of; absent for one that was written by the run itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
}

/// A host of the lab.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostFacts {
    /// Its name in the scenario.
    pub name: String,
    /// The kernel and its version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kernel: String,
    /// The processor.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub processor: String,
    /// How it translates guest addresses: second-level or shadow paging.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub paging: String,
    /// Whether the host is itself a virtual machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nested: bool,
    /// Its clock.
    #[serde(default)]
    pub clock: ClockFacts,
}

/// A host's clock against that of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockFacts {
    /// How far it is ahead of the log's, in nanoseconds.
    pub offset_ns: i64,
    /// How far that may be wrong, either way, in nanoseconds: half of the round trip that it was measured by.
    pub error_ns: u64,
}

/// What became of an imported log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// BLAKE3 of its text, hex.
    pub blake3: String,
    /// Its events.
    pub events: u64,
    /// Events that were moved behind what caused them, within what the clocks of both ends may be wrong.
    pub moved: u64,
    /// The farthest that one was moved, in nanoseconds.
    pub moved_ns: u64,
}
