//! The scenario as its author wrote it: one file a section, every key with its unit, range, default and source.

pub mod cluster;
pub mod connection;
pub mod consolidation;
pub mod expect;
pub mod experiment;
pub mod generation;
pub mod guest;
pub mod host;
pub mod limit;
pub mod migration;
pub mod network;
pub mod paging;
pub mod parking;
pub mod plan;
pub mod policies;
pub mod processor;
pub mod scale;
pub mod spare;
pub mod tariff;
pub mod timeline;
pub mod timings;
pub mod wire;
pub mod workload;

use crate::decode::Spanned;
use crate::units::SimDuration;

crate::words! {
    /// The product whose limits and abilities hold for hosts that do not say otherwise.
    pub enum Edition {
        /// Hyper-V Server 2008: 4 sockets, 32 GB, quick migration only.
        HyperV2008 = "hyperv-2008",
        /// Hyper-V Server 2008 R2: 8 sockets, 1 TB, live migration, clustering, SLAT, core parking.
        HyperVR2 = "hyperv-2008-r2",
        /// Today's hypervisors: the limits of the hardware alone.
        Modern = "modern",
    }
}

crate::spec! {
    /// A scenario: what is there, what happens to it, and what must come out.
    pub struct ScenarioSpec, filled from "defaults" {
        /// A short name, used for files and reports: letters, digits, `-`.
        name: Spanned<String> => required,
        /// One line that says what the scenario shows.
        title: String => optional,
        /// What to look at and why, in a paragraph.
        description: String => optional,
        /// Seed of every random draw; the same seed gives the same record to the byte.
        seed: u64 => default(1),
        /// Simulated time the run covers.
        duration: Spanned<SimDuration> => required,
        /// Interval of the time series; a 288th of the duration when absent.
        sampling: SimDuration => optional,
        /// The product whose rules hold.
        edition: Edition => default(Edition::HyperVR2),
        /// Demand traces that workloads of kind `trace` read, one row a VM: a CSV or CSV.gz file beside the
        /// scenario or under `TWINRACK_DATA`.
        trace: Spanned<String> => optional,
        /// Factors on all sizes, to run the scenario on a smaller machine.
        scale: scale::ScaleSpec => optional,
        /// Physical hosts.
        hosts: host::HostSpec => list,
        /// Networks that hosts are connected to.
        networks: network::NetworkSpec => list,
        /// Volumes that VMs live on.
        storage: cluster::VolumeSpec => list,
        /// Failover clusters.
        clusters: cluster::ClusterSpec => list,
        /// Virtual machines.
        vms: guest::VmSpec => list,
        /// Named demands that VMs follow over time.
        workloads: workload::WorkloadSpec => list,
        /// How decisions are taken.
        policies: policies::PoliciesSpec => group,
        /// What is done, and when.
        timeline: timeline::ActionSpec => list,
        /// What goes wrong, and when.
        faults: timeline::FaultSpec => list,
        /// What must come out: each a figure, an operator and a limit.
        expect: expect::ExpectSpec => list,
        /// How far figures may go the wrong way from one version to the next; a run takes no notice of it.
        limits: limit::LimitSpec => list,
        /// What is searched by `twinrack plan`; a run takes no notice of it.
        plan: plan::PlanSpec => optional,
        /// A published experiment run in compatibility with its own simulator, in place of the models.
        experiment: experiment::ExperimentSpec => optional,
    }
}
