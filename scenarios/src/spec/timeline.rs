//! `timeline:` and `faults:` — what is done and what goes wrong, and when.

use crate::decode::Spanned;
use crate::units::{Ratio, SimDuration};

crate::spec! {
    /// Move a running VM without stopping it.
    pub struct LiveMigrateSpec {
        /// When, from the start of the run.
        at: SimDuration => default(SimDuration::ZERO),
        /// The VM.
        vm: Spanned<String> => required,
        /// The host it goes to.
        to: Spanned<String> => required,
    }
}

crate::spec! {
    /// Save a VM, hand its storage over, restore it.
    pub struct QuickMigrateSpec {
        /// When.
        at: SimDuration => default(SimDuration::ZERO),
        /// The VM.
        vm: Spanned<String> => required,
        /// The host it goes to.
        to: Spanned<String> => required,
    }
}

crate::spec! {
    /// Do something with one VM.
    pub struct OneVmSpec {
        /// When.
        at: SimDuration => default(SimDuration::ZERO),
        /// The VM.
        vm: Spanned<String> => required,
    }
}

crate::spec! {
    /// Do something with one host.
    pub struct OneHostSpec {
        /// When.
        at: SimDuration => default(SimDuration::ZERO),
        /// The host.
        host: Spanned<String> => required,
    }
}

crate::spec! {
    /// Change a VM's constant processor demand.
    pub struct SetCpuSpec {
        /// When.
        at: SimDuration => default(SimDuration::ZERO),
        /// The VM, or a group of VMs.
        vm: Spanned<String> => required,
        /// Its new demand, as a share of its virtual processors.
        cpu: Ratio [Ratio(0.0), Ratio(1.0)] => required,
    }
}

crate::variants! {
    /// Something that is done.
    pub enum ActionSpec {
        /// Live migration.
        LiveMigrate(LiveMigrateSpec) = "live_migrate",
        /// Quick migration.
        QuickMigrate(QuickMigrateSpec) = "quick_migrate",
        /// Cancel a migration under way.
        CancelMigration(OneVmSpec) = "cancel_migration",
        /// Start a VM.
        Start(OneVmSpec) = "start",
        /// Stop a VM.
        Stop(OneVmSpec) = "stop",
        /// Change a VM's demand.
        SetCpu(SetCpuSpec) = "set_cpu",
        /// Empty a host for maintenance.
        StartMaintenance(OneHostSpec) = "start_maintenance",
        /// Take a host back into service.
        StopMaintenance(OneHostSpec) = "stop_maintenance",
    }
}

impl ActionSpec {
    /// When it is done, from the start of the run.
    pub const fn at(&self) -> SimDuration {
        match self {
            Self::LiveMigrate(spec) => spec.at,
            Self::QuickMigrate(spec) => spec.at,
            Self::CancelMigration(spec) | Self::Start(spec) | Self::Stop(spec) => spec.at,
            Self::SetCpu(spec) => spec.at,
            Self::StartMaintenance(spec) | Self::StopMaintenance(spec) => spec.at,
        }
    }
}

crate::spec! {
    /// A link loses a part of its speed for a while.
    pub struct LinkFaultSpec {
        /// When.
        at: SimDuration => default(SimDuration::ZERO),
        /// The host whose link it is.
        host: Spanned<String> => required,
        /// The network.
        network: Spanned<String> => required,
        /// What is left of its speed; 0 is a cut.
        remains: Ratio [Ratio(0.0), Ratio(1.0)] => default(Ratio(0.0)),
        /// How long; for ever when absent.
        lasts: SimDuration => optional,
    }
}

crate::spec! {
    /// A host dies as soon as a migration has passed its point of no return.
    pub struct AfterHandOverSpec {
        /// The VM that migrates.
        vm: Spanned<String> => required,
        /// How long after that point.
        delay: SimDuration => default(SimDuration::from_millis(100)),
        /// The host that dies.
        host: Spanned<String> => required,
    }
}

crate::spec! {
    /// All hosts of a rack lose power in one instant.
    pub struct RackLossSpec {
        /// When.
        at: SimDuration => default(SimDuration::ZERO),
        /// The rack, one that `hosts` name.
        rack: Spanned<String> => required,
    }
}

crate::spec! {
    /// All hosts on a power feed lose power in one instant.
    pub struct FeedLossSpec {
        /// When.
        at: SimDuration => default(SimDuration::ZERO),
        /// The feed, one that `hosts` name.
        feed: Spanned<String> => required,
    }
}

crate::variants! {
    /// Something that goes wrong.
    pub enum FaultSpec {
        /// A host loses power.
        HostCrash(OneHostSpec) = "host_crash",
        /// A rack loses power.
        RackLoss(RackLossSpec) = "rack_loss",
        /// A power feed fails.
        FeedLoss(FeedLossSpec) = "feed_loss",
        /// A host loses power just after a migration's point of no return.
        HostCrashAfterHandOver(AfterHandOverSpec) = "host_crash_after_hand_over",
        /// A link slows down or is cut.
        Link(LinkFaultSpec) = "link",
    }
}

impl FaultSpec {
    /// When it strikes, from the start of the run; nothing where a migration decides.
    pub const fn at(&self) -> Option<SimDuration> {
        match self {
            Self::HostCrash(spec) => Some(spec.at),
            Self::RackLoss(spec) => Some(spec.at),
            Self::FeedLoss(spec) => Some(spec.at),
            Self::Link(spec) => Some(spec.at),
            Self::HostCrashAfterHandOver(_) => None,
        }
    }
}
