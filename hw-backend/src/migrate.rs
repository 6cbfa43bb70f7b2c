//! Live migration between two processes over TCP: the brain decides, this carries out.
//!
//! ```text
//!  source                                         target
//!    │ ── Hello: shape, processor features ────────▶ │  checks, makes a skeleton, finds its memory
//!    │ ◀──────────────────────────── Ready/Refused ── │
//!    │ ── Pages…, Zeros…, RoundEnd ────────────────▶ │  as often as the policy says; the guest runs
//!    │ ◀───────────────────────────────── Took… ──── │  whenever frames of pages are in memory
//!    │ ◀──────────────────────────────── RoundAck ── │
//!    ╞══ paused ═════════════════════════════════════╡
//!    │ ── Pages…, States ──────────────────────────▶ │  loads the processors
//!    │ ◀────────────────────────────────── Loaded ── │
//!    │ ── Commit ──────────────────────────────────▶ │  point of no return: claims the guest
//!    │ ◀─────────────────────────────────── Taken ── │  then runs it
//!    │ ◀───────────────────────────────── Resumed ── │
//! ```
//!
//! *The decision* when a round is over and when to stop is `twinrack_control::migration`'s: a [`Source`] takes its commands and
//! gives its inputs, as the simulated body does. [`alone`] drives one migration without a datacenter around it.
//!
//! *Exactly one side has the guest.* The source never runs it again once it has sent `Commit`, unless it learns that the target has not
//! taken it and never will: that is decided by the target's [`Claim`], which is taken once or refused once. A source that lost its
//! link in between asks a [`Referee`], which reaches the claim by another way; when that can't be reached either, the guest stays paused
//! and the migration is *in doubt*: it is reported, never guessed.
//!
//! *Post-copy* ([`follow`]): before `States` the source says which pages it has not sent (`Follow`), and sends them when the guest runs at the
//! target, those that it waits for (`Want`) before the others, until the target says that all have come (`Followed`).
//!
//! *Through a file* ([`saved`]) goes a quick migration: the same frames, written by one process and read by the other.
//!
//! *The wire* ([`wire`]) has a version, checked lengths, a sequence and a tag on every frame, by a secret made for the one
//! migration: a frame that was damaged, cut, repeated or made by someone else is refused, and harms nothing. Unless the plan says
//! otherwise frames are encrypted too.

pub mod alone;
pub mod claim;
pub mod follow;
mod link;
pub mod message;
pub mod pace;
pub mod pages;
pub mod saved;
mod seal;
pub mod source;
mod splice;
pub mod target;
#[cfg(test)]
mod tests;
mod throttle;
pub mod wire;

pub use claim::{Claim, Owner, Referee};
pub use follow::{Followed, Following};
pub use source::Source;
pub use target::receive;
pub use throttle::Throttled;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::guest::machine::MachineError;
use message::MessageError;
use wire::WireError;

/// How long either end waits for the other before it holds the link to be lost.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Why a migration could not go on.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The link.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// What came over the link.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The guest or its kernel.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The other end gave up.
    #[error("the other end gave up: {0}")]
    Aborted(String),
    /// The target can't take the guest.
    #[error("refused by the target: {0}")]
    Refused(String),
    /// A message where another was due.
    #[error("{found} came where {expected} was due")]
    OutOfOrder {
        /// What came.
        found: &'static str,
        /// What was due.
        expected: &'static str,
    },
    /// A page came that was not to come.
    #[error("page {0} came, which was not to come or has come already")]
    NotMissing(u64),
    /// Whether the target took the guest could not be found out.
    #[error(
        "the link was lost after the commit, and nobody knows whether the target took the guest: it stays paused here"
    )]
    InDoubt,
    /// The file that a guest is kept in.
    #[error("can't {what} {}: {source}", .path.display())]
    Storage {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The brain wants what this body can't do.
    #[error("the KVM body can't {0} yet")]
    Unsupported(&'static str),
}

impl From<crate::kvm::Error> for MigrateError {
    fn from(error: crate::kvm::Error) -> Self {
        Self::Machine(error.into())
    }
}

impl MigrateError {
    /// Whether the connection is what failed, not an end of it.
    pub fn is_link(&self) -> bool {
        matches!(self, Self::Wire(WireError::Io(_) | WireError::Closed))
    }
}

/// Sets what both ends need on a connection: no delay for short frames, and patience with an end.
pub(crate) fn prepare(stream: &std::net::TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))
}
