//! What the brain may see and do: the one trait that both bodies implement.
//!
//! The brain never waits. It is told what happened through [`Notice`]s, looks at the datacenter through the reads of
//! [`Fabric`], and acts through its verbs, each of which returns at once; what comes of a verb is another notice.

use twinrack_scenario::record::{Event, Outcome};
use twinrack_scenario::spec::timeline::ActionSpec;
use twinrack_scenario::units::{BitsPerSecond, Bytes, SimDuration, SimTime, Watts};
use twinrack_scenario::{HostId, MigrationId, NetworkId, Scenario, VmId};

use crate::migration;

/// What a host can do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostState {
    /// VMs run on it.
    Up,
    /// It is starting.
    Booting,
    /// It is switched off and can be started.
    Off,
    /// It lost power and does not come back.
    Dead,
}

/// What a VM does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VmState {
    /// It runs.
    Running,
    /// Its processors are stopped while it is handed over.
    Paused,
    /// Its memory is on disk.
    Saved,
    /// It does not run.
    Off,
    /// It is being booted after its memory was lost, or read back from disk.
    Restarting,
}

/// A host as the brain sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HostView {
    /// What it can do.
    pub state: HostState,
    /// Logical processors.
    pub processors: u32,
    /// Logical processors of one core.
    pub threads: u32,
    /// Whether its product parks cores.
    pub parks: bool,
    /// Logical processors busy, all work counted.
    pub busy: f64,
    /// Memory for VMs in all.
    pub memory: Bytes,
    /// Memory neither in use nor reserved for a VM on its way.
    pub memory_free: Bytes,
    /// Logical processors that no VM on it has reserved.
    pub unreserved: f64,
    /// VMs on it.
    pub vms: u32,
}

/// A VM as the brain sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VmView {
    /// What it does.
    pub state: VmState,
    /// Where it is, or was last.
    pub host: Option<HostId>,
    /// Its memory.
    pub memory: Bytes,
    /// What it takes of a host's memory: its own and what the hypervisor adds.
    pub footprint: Bytes,
    /// Its virtual processors.
    pub vcpus: u32,
    /// Logical processors that a host keeps for it.
    pub reserve: f64,
    /// Logical processors of its present host that it asks for.
    pub demand: f64,
    /// Whether it may be moved at all.
    pub movable: bool,
    /// Whether a cluster restarts it when its host dies.
    pub highly_available: bool,
    /// Whether it is to run from the start, on a host that the brain chooses.
    pub unplaced: bool,
}

/// Why the brain asked to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// A parking check of a host is due.
    Parking(HostId),
    /// A consolidation decision is due.
    Consolidation,
    /// The cluster has decided that a host is dead.
    HostDeclaredDead(HostId),
}

/// What the brain is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// The run begins.
    Started,
    /// Somebody asks for something.
    Asked(Request),
    /// A wake-up that the brain asked for.
    Woken(Wake),
    /// Something came of a migration's step.
    Migration(MigrationId, migration::Input),
    /// A VM that was to be saved on a host is on its volume, or runs on because it could not be.
    Saved {
        /// The VM.
        vm: VmId,
        /// Where it ran.
        host: HostId,
        /// Whether it is saved.
        saved: bool,
    },
    /// A host's busy logical processors changed.
    Load(HostId, f64),
    /// A host that was starting is up.
    HostReady(HostId),
    /// A host lost power, and with it the VMs named.
    HostDied(HostId, Vec<VmId>),
}

/// What somebody can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Start a VM that has no host, on one that the brain chooses.
    Start {
        /// The VM.
        vm: VmId,
    },
    /// Move a VM while it runs.
    LiveMigrate {
        /// The VM.
        vm: VmId,
        /// Where to.
        to: HostId,
    },
    /// Save, move and restore a VM.
    QuickMigrate {
        /// The VM.
        vm: VmId,
        /// Where to.
        to: HostId,
    },
    /// Stop moving a VM.
    CancelMigration {
        /// The VM.
        vm: VmId,
    },
    /// Empty a host.
    StartMaintenance {
        /// The host.
        host: HostId,
    },
    /// Take a host back into service.
    StopMaintenance {
        /// The host.
        host: HostId,
    },
}

impl Request {
    /// What an action of the timeline asks of the brain; nothing for one that a body does by itself, and for a name
    /// that means no single VM or host.
    pub fn of(action: &ActionSpec, scenario: &Scenario) -> Option<Self> {
        let vm = |name: &str| scenario.vms.find_one(name).map(VmId);
        let host = |name: &str| scenario.hosts.find_one(name).map(HostId);
        Some(match action {
            ActionSpec::LiveMigrate(spec) => Self::LiveMigrate {
                vm: vm(&spec.vm)?,
                to: host(&spec.to)?,
            },
            ActionSpec::QuickMigrate(spec) => Self::QuickMigrate {
                vm: vm(&spec.vm)?,
                to: host(&spec.to)?,
            },
            ActionSpec::CancelMigration(spec) => Self::CancelMigration { vm: vm(&spec.vm)? },
            ActionSpec::StartMaintenance(spec) => Self::StartMaintenance {
                host: host(&spec.host)?,
            },
            ActionSpec::StopMaintenance(spec) => Self::StopMaintenance {
                host: host(&spec.host)?,
            },
            ActionSpec::Start(_) | ActionSpec::Stop(_) | ActionSpec::SetCpu(_) => return None,
        })
    }
}

/// Which way a migration goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The VM.
    pub vm: VmId,
    /// Where it is.
    pub from: HostId,
    /// Where it goes.
    pub to: HostId,
    /// The network its memory takes; none where it needs none (quick migration between hosts that no network connects).
    pub network: Option<NetworkId>,
}

/// The datacenter as the brain can reach it.
pub trait Fabric {
    /// How many hosts there are; their ids run from 0.
    fn host_count(&self) -> u32;
    /// How many VMs there are; their ids run from 0.
    fn vm_count(&self) -> u32;
    /// A host.
    fn host(&self, host: HostId) -> HostView;
    /// A VM.
    fn vm(&self, vm: VmId) -> VmView;
    /// The VMs on a host, in the order they came.
    fn vms_on(&self, host: HostId) -> &[VmId];
    /// Which kind of host it is: those of one kind have the same size and power curve.
    fn kind(&self, host: HostId) -> u32;
    /// What a host would draw with so many logical processors busy.
    fn watts_at(&self, host: HostId, busy: f64) -> Watts;
    /// What one migration gets of the network that migrations take, when nothing else goes over it.
    fn move_rate(&self) -> BitsPerSecond;
    /// What a migration has to move.
    fn subject(&self, vm: VmId) -> migration::plan::Subject;
    /// What speaks for and against moving a VM from one host to another; the brain judges it.
    fn facts(&self, vm: VmId, from: HostId, to: HostId) -> migration::precondition::Facts;
    /// Which setting a host is in: for hosts of one setting the [facts](Self::facts) of a move differ in nothing but their
    /// state, memory and VMs. Each host has its own where the body knows no better.
    fn setting(&self, host: HostId) -> u32 {
        host.0
    }
    /// Likewise of VMs: those of one standing that run in one setting differ in nothing but their sizes.
    fn standing(&self, vm: VmId) -> u64 {
        u64::from(vm.0)
    }

    /// Asks for a [`Notice::Woken`] at `at`.
    fn wake_at(&mut self, at: SimTime, wake: Wake);
    /// A migration begins; commands for it follow.
    fn migration_begins(&mut self, migration: MigrationId, route: Route, plan: &migration::Plan);
    /// A migration has ended; nothing follows.
    fn migration_ended(&mut self, migration: MigrationId, outcome: Outcome);
    /// Carries out a step of a migration.
    fn migrate(&mut self, migration: MigrationId, command: &migration::Command);
    /// Leaves `awake` logical processors of a host awake and parks the others.
    fn park(&mut self, host: HostId, awake: u32);
    /// Starts a host that is off; [`Notice::HostReady`] follows.
    fn power_on(&mut self, host: HostId);
    /// Switches an empty host off.
    fn power_off(&mut self, host: HostId);
    /// Starts a VM on a host, within the product's limits.
    fn start(&mut self, vm: VmId, host: HostId);
    /// Saves a running VM to its volume; [`Notice::Saved`] follows.
    fn save(&mut self, vm: VmId);
    /// Boots a VM that is off, or brings back one that is saved, on a host that takes it; it serves `after` that time.
    fn restart(&mut self, vm: VmId, host: HostId, after: SimDuration);
    /// Writes into the record what the brain decided.
    fn note(&mut self, event: Event);
}
