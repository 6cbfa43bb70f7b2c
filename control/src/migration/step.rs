//! The words between the state machine and a body: steps, inputs, commands, refusals.

use serde::{Deserialize, Deserializer, Serialize};
use twinrack_scenario::record::event::StopReason;
use twinrack_scenario::units::{BitsPerSecond, Bytes, Ratio, SimDuration};

use super::round::Until;

/// What a step works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Medium {
    /// The migration network.
    Network,
    /// Shared storage.
    Storage,
}

impl Medium {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Storage => "storage",
        }
    }
}

/// Where a migration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Not begun.
    Idle,
    /// Preconditions are checked.
    Validating,
    /// Connection, skeleton VM and reservation on the target.
    Setup,
    /// Rounds of pre-copy; the VM runs on the source.
    Precopy,
    /// The virtual processors are being stopped.
    Pause,
    /// The rest of the pages and the state are sent.
    StopCopy,
    /// The state is written to storage (quick migration).
    Save,
    /// Storage changes hands. The point of no return is its end.
    Storage,
    /// The state is read from storage (quick migration).
    Restore,
    /// The virtual processors are being started on the target.
    Resume,
    /// Pages follow the VM (post-copy).
    Fetch,
    /// Switches learn the new port.
    Announce,
    /// The source forgets the VM.
    CleanUp,
    /// The VM is being taken back to the source.
    RollBack,
    /// Over.
    Ended,
}

impl Step {
    /// What the step works on; nothing for what happens on one host.
    pub const fn medium(self) -> Option<Medium> {
        match self {
            Self::Setup | Self::Precopy | Self::Pause | Self::StopCopy | Self::Fetch | Self::Announce => {
                Some(Medium::Network)
            }
            Self::Storage | Self::Save | Self::Restore | Self::RollBack => Some(Medium::Storage),
            Self::Idle | Self::Validating | Self::Resume | Self::CleanUp | Self::Ended => None,
        }
    }

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Validating => "validating",
            Self::Setup => "setup",
            Self::Precopy => "precopy",
            Self::Pause => "pause",
            Self::StopCopy => "stop-and-copy",
            Self::Save => "save",
            Self::Storage => "storage",
            Self::Restore => "restore",
            Self::Resume => "resume",
            Self::Fetch => "fetch",
            Self::Announce => "announce",
            Self::CleanUp => "clean-up",
            Self::RollBack => "roll-back",
            Self::Ended => "ended",
        }
    }
}

/// Why the product refuses something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// A stable code, such as `LM_NODE_BUSY`.
    pub code: &'static str,
    /// What the product says.
    pub message: String,
}

/// The codes that bodies refuse with.
const OF_BODIES: [&str; 5] = [
    "LM_NO_MEMORY",
    "LM_TARGET_REFUSED",
    "LM_RESUME_FAILED",
    "HW_UNSUPPORTED",
    "HW_FAILED",
];

/// A refusal that came from another process.
#[derive(Deserialize)]
struct Received {
    code: String,
    message: String,
}

impl<'de> Deserialize<'de> for Refusal {
    /// A code that no body has is that of a failure nobody foresaw.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let received = Received::deserialize(from)?;
        let known = OF_BODIES.into_iter().find(|code| *code == received.code);
        Ok(Self {
            code: known.unwrap_or("HW_FAILED"),
            message: received.message,
        })
    }
}

/// What a body reports: completions of commands, and what befell it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Begin.
    Start,
    /// The preconditions were checked.
    Validated(Result<(), Refusal>),
    /// The target is ready.
    Prepared,
    /// The target could not be made ready.
    PrepareFailed(Refusal),
    /// A round is over.
    RoundSent {
        /// Bytes on the wire.
        sent: Bytes,
        /// Guest memory sent: the whole map unless the round was cut short.
        copied: Bytes,
        /// Guest memory that became dirty meanwhile.
        dirtied: Bytes,
        /// Guest memory to send now.
        left: Bytes,
    },
    /// The virtual processors stand still. Pages dirtied between the end of the last round and the pause, when the
    /// body saw any, are added to what is left.
    Paused {
        /// Guest memory dirtied since the last round ended.
        dirtied: Bytes,
    },
    /// The rest and the state have been sent.
    StateSent {
        /// Bytes on the wire.
        sent: Bytes,
    },
    /// The state is on storage (quick migration).
    Saved,
    /// The state could not be written.
    SaveFailed(Refusal),
    /// The source has let go of storage and the target has taken it: the point of no return.
    StorageTaken,
    /// The target could not take storage.
    StorageFailed(Refusal),
    /// The state was read back (quick migration).
    Restored,
    /// The target could not read the state back.
    RestoreFailed(Refusal),
    /// The virtual processors run on the target.
    Resumed,
    /// They could not be started.
    ResumeFailed(Refusal),
    /// The pages that follow have all arrived (post-copy).
    PagesFetched {
        /// Bytes on the wire.
        sent: Bytes,
    },
    /// Switches have learnt the new port, from the announcement or, when that was lost, from the guest itself.
    Announced,
    /// The source has forgotten the VM.
    CleanedUp,
    /// The VM runs on the source again.
    RolledBack,
    /// The connection between the hosts is gone.
    LinkLost,
    /// The target is gone.
    TargetDied,
    /// The source is gone.
    SourceDied,
    /// Somebody wants it cancelled.
    Cancel,
}

/// What a body has to do. `takes` is how long a simulated body lets it take; a real one finds out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Check the preconditions; answer [`Input::Validated`].
    Validate {
        /// How long.
        takes: SimDuration,
    },
    /// Connect, create the skeleton VM, reserve memory; answer [`Input::Prepared`].
    Prepare {
        /// Memory to reserve on the target.
        reserve: Bytes,
        /// How long.
        takes: SimDuration,
    },
    /// Send a map of pages while the VM runs; answer [`Input::RoundSent`].
    SendRound {
        /// Its number, from 1.
        round: u32,
        /// Guest memory to send.
        map: Bytes,
        /// The same on the wire.
        wire: Bytes,
        /// Most bandwidth to use.
        rate_limit: Option<BitsPerSecond>,
        /// Share of its processor time that is taken from the guest meanwhile.
        throttle: Ratio,
        /// When the round is over.
        until: Until,
    },
    /// Stop the virtual processors; answer [`Input::Paused`].
    PauseVm {
        /// Why the loop ended.
        reason: StopReason,
        /// Guest memory left to send.
        left: Bytes,
        /// How long.
        takes: SimDuration,
    },
    /// Send what is left and the state; answer [`Input::StateSent`].
    SendState {
        /// Guest memory to send.
        left: Bytes,
        /// The same and the state, on the wire.
        wire: Bytes,
        /// Most bandwidth to use.
        rate_limit: Option<BitsPerSecond>,
    },
    /// Freeze the VM and write its memory to storage; answer [`Input::Saved`].
    SaveVm {
        /// Guest memory.
        memory: Bytes,
        /// How long.
        takes: SimDuration,
    },
    /// Let go of storage and ownership at the source, take them at the target; answer [`Input::StorageTaken`].
    HandOverStorage {
        /// How long.
        takes: SimDuration,
    },
    /// Read the memory back on the target and run; answer [`Input::Restored`].
    RestoreVm {
        /// Guest memory.
        memory: Bytes,
        /// How long.
        takes: SimDuration,
    },
    /// Start the virtual processors on the target; answer [`Input::Resumed`].
    Resume {
        /// How long.
        takes: SimDuration,
    },
    /// Send the pages after the running VM; answer [`Input::PagesFetched`].
    FetchPages {
        /// Guest memory that is still at the source.
        left: Bytes,
        /// The same on the wire.
        wire: Bytes,
        /// Most bandwidth to use.
        rate_limit: Option<BitsPerSecond>,
        /// Time the guest waits for each page it touches too early.
        fault_latency: SimDuration,
    },
    /// Send the reverse ARP; answer [`Input::Announced`].
    Announce {
        /// How long until switches have learnt.
        takes: SimDuration,
    },
    /// End the worker at the source and free its memory; answer [`Input::CleanedUp`].
    CleanUp {
        /// How long.
        takes: SimDuration,
    },
    /// Drop what was prepared on the target; the VM never stopped, or is gone. No answer.
    Abort,
    /// Give storage back, run the VM on the source again, drop what was prepared; answer [`Input::RolledBack`].
    RollBack {
        /// How long.
        takes: SimDuration,
    },
    /// Tell who asked that it cannot be done now. No answer.
    Refuse(Refusal),
}
