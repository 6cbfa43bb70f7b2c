//! `clusters:` and `storage:` — failover clusters and the volumes that their VMs live on.

use crate::decode::Spanned;
use crate::units::{BitsPerSecond, SimDuration};

crate::words! {
    /// How a volume is shared.
    pub enum VolumeKind {
        /// Cluster Shared Volume: every node sees it, nothing is moved on migration.
        Csv = "csv",
        /// A clustered LUN: owned by one node, moved with the VM.
        Lun = "lun",
        /// A disk of one host: VMs on it can't be migrated live.
        Local = "local",
    }
}

crate::spec! {
    /// A volume.
    pub struct VolumeSpec {
        /// Its name.
        name: Spanned<String> => required,
        /// How it is shared.
        kind: VolumeKind => default(VolumeKind::Csv),
        /// Sequential rate to and from it, for saved states.
        throughput: BitsPerSecond => default(BitsPerSecond(880_000_000)),
    }
}

crate::spec! {
    /// A failover cluster.
    pub struct ClusterSpec {
        /// Its name.
        name: Spanned<String> => required,
        /// Its nodes; all hosts when absent.
        hosts: Spanned<String> => list,
    }
}

crate::spec! {
    /// How a failover cluster notices a dead host and restarts its VMs.
    pub struct AvailabilitySpec {
        /// Interval between heartbeats (`SameSubnetDelay`).
        heartbeat: SimDuration [SimDuration::from_millis(250), SimDuration::from_secs(10)] => default(SimDuration::from_secs(1)),
        /// Heartbeats missed in a row before a host counts as dead (`SameSubnetThreshold`).
        missed: u32 [1, 100] => default(5),
        /// Time in which the others agree that it is dead. Assumed; 0.5 to 5 s.
        regroup: SimDuration => default(SimDuration::from_secs(1)),
        /// Time to bring a VM's cluster group online. Assumed.
        online: SimDuration => default(SimDuration::from_secs(3)),
        /// Time from a guest's power-on until it serves. Assumed; 20 to 300 s.
        guest_boot: SimDuration => default(SimDuration::from_secs(60)),
    }
}
