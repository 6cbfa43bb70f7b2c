//! `clusters:` and `storage:` — failover clusters and the volumes that their VMs live on.

use crate::decode::Spanned;
use crate::units::BitsPerSecond;

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
