//! Facts of a move: what the body tells of one VM, the host it is on and the one it is to go to.

use twinrack_scenario::spec::Edition;
use twinrack_scenario::spec::cluster::VolumeKind;
use twinrack_scenario::spec::host::CpuVendor;
use twinrack_scenario::units::Bytes;

use crate::limits::{Newcomer, Running};
use crate::migration::networks::Candidate;
use crate::migration::processor::Features;

/// One end of the move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFacts {
    /// The product it runs.
    pub edition: Edition,
    /// The failover cluster it is a node of, by its number.
    pub cluster: Option<u32>,
    /// Whether it is up.
    pub up: bool,
    /// Processor vendor.
    pub vendor: CpuVendor,
    /// What its processor has; nothing where its generation is not known.
    pub features: Features,
    /// Drive of its system; all nodes must have the same for Cluster Shared Volumes.
    pub system_drive: String,
}

/// What the checks look at.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that can speak against a move"
)]
pub struct Facts {
    /// Where the VM is.
    pub source: HostFacts,
    /// Where it is to go.
    pub target: HostFacts,
    /// Nodes of the source's cluster.
    pub cluster_nodes: u32,
    /// Whether the VM runs.
    pub running: bool,
    /// Whether it is a resource of the cluster.
    pub highly_available: bool,
    /// Whether the target is a possible owner of it.
    pub target_may_own: bool,
    /// Where its files are.
    pub volume: VolumeKind,
    /// Whether other VMs' files are on the same volume.
    pub volume_shared: bool,
    /// What it sees of its processor since it started.
    pub guest_features: Features,
    /// A virtual network of it that the target lacks.
    pub missing_network: Option<String>,
    /// Memory to reserve on the target: its own and what the hypervisor adds.
    pub reserve: Bytes,
    /// Memory free on the target.
    pub target_free: Bytes,
    /// Something attached to it that only its host has: a physical drive, a local image.
    pub local_device: Option<String>,
    /// What runs on the target.
    pub target_holds: Running,
    /// What it would add to that.
    pub asks: Newcomer,
    /// The networks that connect both hosts.
    pub networks: Vec<Candidate>,
    /// Whether its host starts it by itself, which in a cluster only the cluster should.
    pub automatic_start: bool,
}
