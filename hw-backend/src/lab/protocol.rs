//! What controller and agent say to each other.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use twinrack_control::migration::{Command, Input};
use twinrack_scenario::record::MigrationKind;
use twinrack_scenario::units::{BitsPerSecond, Bytes, Ratio};
use twinrack_scenario::{MigrationId, VmId};

use crate::guest::disk::{Blocks, DiskAudit};
use crate::migrate::source::PauseParts;
use crate::probe::Capabilities;

/// How often an agent says that it lives.
pub const BEAT: Duration = Duration::from_secs(1);

/// An order to an agent. Each with an `id` is answered once with [`Said::Answer`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// Its number.
    pub id: u64,
    /// What is asked.
    pub ask: Ask,
}

/// What is asked of an agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Read the scenario, as resolved YAML: guests and policies are named by it from then on.
    Configure {
        /// The text.
        yaml: String,
        /// Whether it is taken at the sizes that it has for real hosts, as the controller takes it.
        scaled: bool,
        /// The folder with the guests' disks, which all agents see; none where no guest has one.
        storage: Option<PathBuf>,
        /// What opens the streams of this run.
        secret: [u8; 32],
    },
    /// Say that you live.
    Ping,
    /// From now on say every so many nanoseconds what was used.
    Report {
        /// The interval.
        every_ns: u64,
    },
    /// Say which guests are here, those on their way not among them.
    List,
    /// Make and run a guest.
    Start {
        /// Which.
        vm: VmId,
        /// Share of its processors' time that it is busy.
        cpu: Ratio,
    },
    /// Have a guest ask for another share.
    SetCpu {
        /// Which.
        vm: VmId,
        /// The share.
        cpu: Ratio,
    },
    /// Say what this host can do.
    Probe,
    /// Look at a guest that is kept in a file, as when one is stopped; it stays there.
    Look {
        /// Which.
        vm: VmId,
        /// The file.
        kept: Kept,
    },
    /// Run on so many of this machine's processors, from the `first` that this process may use on; the others are parked.
    Park {
        /// The first, counted among those that it may use.
        first: u32,
        /// How many.
        awake: u32,
    },
    /// Stop a guest, look at all its memory and free it.
    Stop {
        /// Which.
        vm: VmId,
    },
    /// Wait for one guest; answered with the port.
    Receive {
        /// By which migration it comes.
        migration: MigrationId,
        /// Which guest.
        vm: VmId,
        /// The secret of the connection.
        secret: [u8; 32],
    },
    /// Connect to the target of a migration; commands follow.
    Send {
        /// Which.
        migration: MigrationId,
        /// The guest.
        vm: VmId,
        /// How.
        kind: MigrationKind,
        /// Memory that it has never touched.
        untouched: Bytes,
        /// The target.
        address: String,
        /// The secret of the connection.
        secret: [u8; 32],
    },
    /// Pause a guest and write it into a file; [`Said::Happened`] tells what came of it.
    Save {
        /// By which migration.
        migration: MigrationId,
        /// Which guest.
        vm: VmId,
        /// The file.
        kept: Kept,
    },
    /// Make a guest from a file and run it, or have one that is still being written run on; [`Said::Happened`] tells what came of it.
    Restore {
        /// By which migration.
        migration: MigrationId,
        /// Which guest.
        vm: VmId,
        /// The file.
        kept: Kept,
    },
    /// Carry out a step; answered with [`Said::Happened`] when it has come to something.
    Step {
        /// Which migration.
        migration: MigrationId,
        /// The step.
        command: Command,
    },
    /// From now on send a migration's pages at no more than this.
    Grant {
        /// Which.
        migration: MigrationId,
        /// The rate.
        rate: BitsPerSecond,
    },
    /// Do something about a stream of guests' traffic.
    Stream {
        /// Which.
        stream: u32,
        /// What.
        ask: StreamAsk,
    },
    /// The migration is over: forget it.
    End {
        /// Which.
        migration: MigrationId,
    },
    /// Settle who has the guest of a migration that came here.
    Settle {
        /// Which.
        migration: MigrationId,
    },
    /// Who has it: the answer to [`Said::WhoHas`].
    Owner {
        /// Which migration.
        migration: MigrationId,
        /// Whether the target has it; absent when that could not be found out.
        target: Option<bool>,
    },
}

/// What is asked about a stream.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamAsk {
    /// Receive it from now on; it has come so far.
    Receive(u64),
    /// Receive it no more; answered with how far it has come.
    Leave,
    /// It goes there from now on.
    Route(SocketAddr),
    /// From now on send it at no more than this.
    Grant(BitsPerSecond),
}

/// A guest's file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    /// Where it is.
    pub path: String,
    /// What its keys are made from.
    pub secret: [u8; 32],
    /// Whether it is encrypted.
    pub encrypt: bool,
    /// Whether pages of zeros are written as such.
    pub zeros: bool,
    /// Guest memory each second, both ways.
    pub rate: Option<BitsPerSecond>,
}

/// Something from an agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Word {
    /// The agent's clock, nanoseconds since it began.
    pub at_ns: u64,
    /// What it says.
    pub said: Said,
}

/// What an agent says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// The answer to an order.
    Answer {
        /// Its number.
        id: u64,
        /// What came of it, or why nothing did.
        answer: Result<Answer, String>,
    },
    /// Something came of a migration's step.
    Happened {
        /// Which migration.
        migration: MigrationId,
        /// What.
        input: Input,
    },
    /// A guest that was sent runs at its target.
    Left {
        /// By which migration.
        migration: MigrationId,
        /// Bytes sent, all that is on the wire counted.
        sent: u64,
        /// What its pause consisted of.
        pause: PauseParts,
    },
    /// It lives; said every [`BEAT`].
    Alive,
    /// What was used here since the agent began.
    Used(Usage),
    /// A guest has come and runs here.
    Arrived {
        /// By which migration.
        migration: MigrationId,
        /// Bytes received.
        received: u64,
    },
    /// The pages of a guest that moved first have all followed it.
    Followed {
        /// Which migration.
        migration: MigrationId,
        /// Pages that it touched before they had come.
        pages: u64,
        /// Nanoseconds that its processors waited for them, all together.
        stalled_ns: u64,
    },
    /// A source has lost its link after the commit.
    WhoHas {
        /// Which migration.
        migration: MigrationId,
    },
    /// Nobody could say who has the guest: it stays paused here.
    InDoubt {
        /// Which migration.
        migration: MigrationId,
    },
    /// A guest broke.
    Broke {
        /// Which.
        vm: VmId,
        /// How.
        why: String,
    },
}

/// What an order came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Done.
    Done,
    /// It waits at this port.
    Port(u16),
    /// It answers guests' clients at the one port, and receives streams at the other.
    Ports {
        /// For clients.
        clients: u16,
        /// For streams.
        streams: u16,
    },
    /// How far a stream has come.
    Position(u64),
    /// Whether the target has taken the guest.
    Taken(bool),
    /// The guests that are here.
    Guests(Vec<VmId>),
    /// The guest was stopped, or is kept, and was found whole.
    Stopped(Closing),
    /// What the host can do.
    Can(Box<Capabilities>),
}

/// What was used on a host since its agent began.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time of the agent, its guests included, in seconds.
    pub processor_s: f64,
    /// Bytes of migrations sent from here.
    pub sent: u64,
    /// Of each guest that runs here.
    pub guests: Vec<GuestUsage>,
    /// How far each stream has come that is received here.
    pub streams: Vec<(u32, u64)>,
    /// Joules of this machine's processors, all agents on it together, and which machine it is; nothing where they are not counted.
    pub energy: Option<(String, f64)>,
}

impl Usage {
    /// Bytes of migrations sent from here and of streams received here.
    pub fn carried(&self) -> u64 {
        self.sent + self.streams.iter().map(|(_, position)| position).sum::<u64>()
    }
}

/// What a guest has used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GuestUsage {
    /// Which.
    pub vm: VmId,
    /// Processor time on this host, in seconds, over its virtual processors.
    pub busy_s: f64,
    /// Time on this host that they were ready and waited.
    pub waited_s: f64,
    /// Blocks that it has read and written, wherever it was.
    pub blocks: Blocks,
}

/// What was counted of a guest when it was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Closing {
    /// Pages looked at.
    pub pages: u64,
    /// Page writes that they hold.
    pub writes: u64,
    /// What its disk was found to be; all zeros of a guest without one.
    pub disk: DiskAudit,
    /// Bytes that it sent, of all its streams; each came.
    pub sent: u64,
    /// Processor time of its virtual processors on this host, in seconds; absent where the kernel does not tell.
    pub busy_s: Option<f64>,
    /// Exits to the hypervisor on this host; absent where the kernel does not count them.
    pub exits: Option<u64>,
    /// How long it was on this host, in seconds.
    pub ran_s: f64,
}
