//! Events: what happened, to whom, with what data; one line of `events.jsonl` each.

use serde::{Deserialize, Serialize};

use crate::fleet::{HostId, MigrationId, NetworkId, VmId};
use crate::units::SimTime;

/// How a VM is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MigrationKind {
    /// Pre-copy while it runs.
    Live,
    /// Moved first, its pages fetched behind it.
    PostCopy,
    /// Saved, moved, restored.
    Quick,
}

/// Why the pre-copy loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Nothing was left to send.
    AllPagesSent,
    /// What was left fits the downtime limit or the page threshold.
    FewPagesLeft,
    /// The last round that the policy allows was done: it did not converge.
    MaxRounds,
    /// More was sent than the policy allows: it did not converge.
    MaxBytes,
    /// The dirty rate passed the greatest rate the policy may send at: it did not converge.
    DirtyRateTooHigh,
    /// Its memory went to storage: quick migration.
    Saved,
    /// The rest follows the VM: post-copy.
    SwitchedToPostCopy,
}

/// How a migration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The VM runs on the target.
    Completed,
    /// The VM runs on the target, after a pause longer than the policy wanted, because it did not converge.
    CompletedNotConverged,
    /// It never ended: the policy has no limit and the guest dirties as fast as the link carries.
    NeverConverges,
    /// Refused before anything was changed.
    Refused,
    /// Failed; the VM runs on at the source.
    FailedAtSource,
    /// Failed during the pause; the VM was taken back to the source.
    RolledBack,
    /// Failed after the point of no return, or with the source: the VM must be restarted.
    VmLost,
    /// Failed with both hosts during a quick migration: the VM's memory is on storage, to be restored elsewhere.
    LeftSaved,
    /// Cancelled; the VM runs on at the source.
    Cancelled,
}

/// Something that happened. Times are in the record around it; sizes are bytes, durations nanoseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A VM began to run on a host.
    VmStarted {
        /// The VM.
        vm: VmId,
        /// Where.
        host: HostId,
    },
    /// A VM ended, was saved or was switched off.
    VmStopped {
        /// The VM.
        vm: VmId,
        /// Where.
        host: HostId,
    },
    /// A VM was stopped by the failure of its host; its memory is gone.
    VmLost {
        /// The VM.
        vm: VmId,
        /// Where.
        host: HostId,
    },
    /// No host had room for a VM, or the product's limits forbid it.
    VmRefused {
        /// The VM.
        vm: VmId,
        /// The product's reason.
        reason: String,
    },
    /// Something that the timeline asks of a VM can't be done with it as it is.
    ActionRefused {
        /// The VM.
        vm: VmId,
        /// The action, by its name in the timeline.
        action: String,
        /// Why not.
        reason: String,
    },
    /// A migration was asked for.
    MigrationRequested {
        /// Its number.
        migration: MigrationId,
        /// The VM.
        vm: VmId,
        /// From.
        from: HostId,
        /// To.
        to: HostId,
        /// How.
        how: MigrationKind,
    },
    /// A migration waits for a busy host.
    MigrationQueued {
        /// Its number.
        migration: MigrationId,
    },
    /// The product warns of a migration, or refuses what was asked of it too late; it goes on all the same.
    MigrationWarned {
        /// Its number.
        migration: MigrationId,
        /// The product's words.
        warning: String,
    },
    /// A migration began: the target prepares.
    MigrationStarted {
        /// Its number.
        migration: MigrationId,
    },
    /// A round of pre-copy was sent.
    MigrationRound {
        /// Its number.
        migration: MigrationId,
        /// Round, from 1; the full copy is 1.
        round: u32,
        /// Pages sent.
        pages: u64,
        /// Bytes sent.
        bytes: u64,
        /// Nanoseconds it took.
        nanos: u64,
        /// Pages dirtied meanwhile.
        dirtied: u64,
    },
    /// The VM's processors were stopped at the source: the black-out begins.
    MigrationPaused {
        /// Its number.
        migration: MigrationId,
        /// Why the loop ended.
        reason: StopReason,
        /// Pages left to send.
        pages_left: u64,
    },
    /// Storage and ownership were handed over: the point of no return.
    MigrationHandedOver {
        /// Its number.
        migration: MigrationId,
    },
    /// The VM's processors run at the target: the black-out ends.
    MigrationResumed {
        /// Its number.
        migration: MigrationId,
        /// Where it runs.
        host: HostId,
    },
    /// What the black-out of a VM that runs at the target consisted of, as a source that could look at its clock saw it.
    MigrationBlackout {
        /// Its number.
        migration: MigrationId,
        /// Nanoseconds for stopping the processors.
        stop_nanos: u64,
        /// Nanoseconds for reading the log of written pages for the last time.
        log_nanos: u64,
        /// Nanoseconds for reading the processors' state.
        save_nanos: u64,
        /// Nanoseconds for sending what was left, until the target had loaded it.
        copy_nanos: u64,
        /// Nanoseconds from the commit until the target had taken the VM.
        commit_nanos: u64,
        /// Nanoseconds from then until it was heard to run.
        resume_nanos: u64,
    },
    /// The pages of a VM that moved first have all followed it.
    MigrationFaulted {
        /// Its number.
        migration: MigrationId,
        /// Pages that it touched before they had come.
        pages: u64,
        /// Nanoseconds that its processors waited for them, all together.
        stalled_nanos: u64,
    },
    /// A migration ended.
    MigrationEnded {
        /// Its number.
        migration: MigrationId,
        /// How.
        outcome: Outcome,
        /// Why, when it did not complete: the product's reason.
        reason: Option<String>,
        /// Bytes sent in all.
        bytes: u64,
        /// Nanoseconds from start to end.
        total_nanos: u64,
        /// Nanoseconds of memory transfer while the VM ran.
        brownout_nanos: u64,
        /// Nanoseconds the VM stood still.
        downtime_nanos: u64,
        /// Nanoseconds a client saw nothing of it.
        outage_nanos: u64,
        /// Rounds of pre-copy.
        rounds: u32,
    },
    /// The bytes that one end sent and the other received.
    Transferred {
        /// The migration they belonged to.
        migration: MigrationId,
        /// Sent.
        sent: u64,
        /// Received.
        received: u64,
    },
    /// A host can run VMs.
    HostUp {
        /// The host.
        host: HostId,
    },
    /// A host was switched off.
    HostDown {
        /// The host.
        host: HostId,
    },
    /// A host is starting.
    HostBooting {
        /// The host.
        host: HostId,
    },
    /// A host lost power.
    HostCrashed {
        /// The host.
        host: HostId,
    },
    /// A host is being emptied.
    MaintenanceStarted {
        /// The host.
        host: HostId,
    },
    /// A host is empty and in maintenance.
    MaintenanceReached {
        /// The host.
        host: HostId,
    },
    /// A host could not be emptied, or left maintenance.
    MaintenanceEnded {
        /// The host.
        host: HostId,
        /// Why, when it was not asked for.
        reason: Option<String>,
    },
    /// Cores were parked or woken.
    CoresParked {
        /// The host.
        host: HostId,
        /// Logical processors awake.
        awake: u32,
        /// Logical processors parked.
        parked: u32,
    },
    /// A link changed its speed.
    LinkChanged {
        /// The host whose link it is.
        host: HostId,
        /// The network.
        network: NetworkId,
        /// What it carries now, bits per second.
        bits_per_second: u64,
    },
    /// What a host draws, from now on. A signal: checked and part of the digest, not written to `events.jsonl`.
    HostPower {
        /// The host.
        host: HostId,
        /// Watts.
        watts: f64,
    },
}

/// An event and its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Nanoseconds since the start of the run.
    pub t_ns: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

impl EventRecord {
    /// The time of it.
    pub const fn at(&self) -> SimTime {
        SimTime::from_nanos(self.t_ns)
    }
}
