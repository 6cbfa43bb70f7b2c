//! `policies.migration` — how VMs are moved.

use crate::units::{BitsPerSecond, SimDuration};

crate::spec! {
    /// A policy without keys of its own.
    pub struct NoKeysSpec {
    }
}

crate::variants! {
    /// When a pre-copy round ends the loop.
    pub enum PrecopyPolicySpec {
        /// Hyper-V 2008 R2: at most 10 rounds, or all pages sent.
        HyperVR2(NoKeysSpec) = "hyperv-r2",
    }
}

crate::words! {
    /// What happens to a migration whose host is busy with another.
    pub enum BusySpec {
        /// It waits (Virtual Machine Manager).
        Queue = "queue",
        /// It is refused (Failover Cluster Manager).
        Refuse = "refuse",
    }
}

crate::spec! {
    /// How VMs are moved.
    pub struct MigrationPolicySpec {
        /// When the pre-copy loop ends.
        policy: PrecopyPolicySpec => optional,
        /// Most bandwidth one migration takes.
        bandwidth: BitsPerSecond => optional,
        /// Most migrations that a host takes part in at once.
        per_host: u32 [1, 1000] => default(1),
        /// What happens to one more.
        when_busy: BusySpec => default(BusySpec::Queue),
        /// Time to create the VM on the target.
        setup: SimDuration => default(SimDuration::from_secs(2)),
    }
}
