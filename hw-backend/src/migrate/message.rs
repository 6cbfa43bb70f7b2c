//! Messages: what the payload of each kind of frame says, with every length and range checked.

#[cfg(test)]
mod tests;

use kvm_bindings::{CpuId, kvm_cpuid_entry2};
use twinrack_scenario::units::Bytes;
use zerocopy::{FromBytes, IntoBytes};

use crate::guest::layout::GuestPages;
use crate::kvm::state::StateError;
use crate::kvm::{GuestMemory, VcpuState};

/// Most entries of a processor's features that a message may bring (`KVM_MAX_CPUID_ENTRIES`).
const CPUID_MAX: usize = 80;
/// Most bytes of a reason.
const REASON_MAX: usize = 400;
/// After how many frames of pages, in a guest that does not run yet, the target says that it has taken them.
pub(super) const TOOK_EVERY: usize = 2;

/// Why a payload is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// No such kind.
    #[error("a message of kind {0}, which there is not")]
    Kind(u8),
    /// A payload whose length does not fit its content.
    #[error("{message}: its length does not fit its content")]
    Length {
        /// Which message.
        message: &'static str,
    },
    /// A value outside its range.
    #[error("{message}: {what} is {value}")]
    Value {
        /// Which message.
        message: &'static str,
        /// What.
        what: &'static str,
        /// Its value.
        value: u64,
    },
    /// A processor's state.
    #[error("a processor's state: {0}")]
    State(#[from] StateError),
}

/// What the source wants to send: enough for the target to make a skeleton.
#[derive(Debug, Clone, PartialEq)]
pub struct Hello {
    /// Number of the migration, for both ends' records.
    pub migration: u32,
    /// Memory.
    pub memory: Bytes,
    /// Virtual processors.
    pub vcpus: u32,
    /// How the guest maps its memory.
    pub pages: GuestPages,
    /// Whether some of its memory follows when it runs.
    pub follows: bool,
    /// The processor features that it sees.
    pub cpuid: Vec<kvm_cpuid_entry2>,
}

/// Runs of pages: first page and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Runs<'a>(&'a [[u8; 8]]);

impl<'a> Runs<'a> {
    /// Runs made by [`run`].
    pub(super) const fn new(runs: &'a [[u8; 8]]) -> Self {
        Self(runs)
    }

    /// The runs, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().map(|run| {
            let both = u64::from_le_bytes(*run);
            (both & 0xffff_ffff, both >> 32)
        })
    }

    /// How many pages in all.
    pub fn pages(&self) -> u64 {
        self.iter().map(|(_, count)| count).sum()
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub enum Message<'a> {
    /// Source: this is coming.
    Hello(Hello),
    /// Target: it may come.
    Ready,
    /// Target: it may not.
    Refused(String),
    /// Source: runs of pages, and their content.
    Pages(Runs<'a>, &'a [u8]),
    /// Source: runs of pages that hold nothing but zeros.
    Zeros(Runs<'a>),
    /// Source: that was the round.
    RoundEnd(u32),
    /// Target: it has arrived.
    RoundAck(u32),
    /// Target: so many more frames of pages as one of these stands for are in its memory, and nobody reads them any more.
    Took,
    /// Source: these pages come when the guest runs at the target.
    Follow(Runs<'a>),
    /// Target: the guest waits for this page.
    Want(u32),
    /// Target: all pages have followed; for so many the guest waited, so many nanoseconds.
    Followed {
        /// Pages that it touched before they had come.
        pages: u64,
        /// How long its processors waited for them, all together.
        nanos: u64,
    },
    /// Source: the states of all processors.
    States(Vec<VcpuState>),
    /// Target: they are loaded.
    Loaded,
    /// Source: it is yours.
    Commit,
    /// Target: I have it.
    Taken,
    /// Target: it runs.
    Resumed,
    /// Either: it is over.
    Abort(String),
}

/// Kinds on the wire.
pub(super) mod kind {
    pub(in super::super) const HELLO: u8 = 1;
    pub(in super::super) const READY: u8 = 2;
    pub(in super::super) const REFUSED: u8 = 3;
    pub(in super::super) const PAGES: u8 = 4;
    pub(in super::super) const ZEROS: u8 = 5;
    pub(in super::super) const ROUND_END: u8 = 6;
    pub(in super::super) const ROUND_ACK: u8 = 7;
    pub(in super::super) const STATES: u8 = 8;
    pub(in super::super) const LOADED: u8 = 9;
    pub(in super::super) const COMMIT: u8 = 10;
    pub(in super::super) const TAKEN: u8 = 11;
    pub(in super::super) const RESUMED: u8 = 12;
    pub(in super::super) const ABORT: u8 = 13;
    pub(in super::super) const FOLLOW: u8 = 14;
    pub(in super::super) const WANT: u8 = 15;
    pub(in super::super) const FOLLOWED: u8 = 16;
    pub(in super::super) const TOOK: u8 = 17;
}

impl<'a> Message<'a> {
    /// What it is called.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "Hello",
            Self::Ready => "Ready",
            Self::Refused(_) => "Refused",
            Self::Pages(..) => "Pages",
            Self::Zeros(_) => "Zeros",
            Self::RoundEnd(_) => "RoundEnd",
            Self::RoundAck(_) => "RoundAck",
            Self::Took => "Took",
            Self::Follow(_) => "Follow",
            Self::Want(_) => "Want",
            Self::Followed { .. } => "Followed",
            Self::States(_) => "States",
            Self::Loaded => "Loaded",
            Self::Commit => "Commit",
            Self::Taken => "Taken",
            Self::Resumed => "Resumed",
            Self::Abort(_) => "Abort",
        }
    }

    /// Its kind on the wire.
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Hello(_) => kind::HELLO,
            Self::Ready => kind::READY,
            Self::Refused(_) => kind::REFUSED,
            Self::Pages(..) => kind::PAGES,
            Self::Zeros(_) => kind::ZEROS,
            Self::RoundEnd(_) => kind::ROUND_END,
            Self::RoundAck(_) => kind::ROUND_ACK,
            Self::Took => kind::TOOK,
            Self::Follow(_) => kind::FOLLOW,
            Self::Want(_) => kind::WANT,
            Self::Followed { .. } => kind::FOLLOWED,
            Self::States(_) => kind::STATES,
            Self::Loaded => kind::LOADED,
            Self::Commit => kind::COMMIT,
            Self::Taken => kind::TAKEN,
            Self::Resumed => kind::RESUMED,
            Self::Abort(_) => kind::ABORT,
        }
    }

    /// Puts its payload behind what `into` holds.
    pub fn encode(&self, into: &mut Vec<u8>) {
        match self {
            Self::Hello(hello) => hello.encode(into),
            Self::Refused(reason) | Self::Abort(reason) => into.extend(short(reason).as_bytes()),
            Self::Pages(runs, content) => {
                into.extend((runs.0.len() as u32).to_le_bytes());
                into.extend(runs.0.as_flattened());
                into.extend(*content);
            }
            Self::Zeros(runs) | Self::Follow(runs) => into.extend(runs.0.as_flattened()),
            Self::RoundEnd(number) | Self::RoundAck(number) | Self::Want(number) => {
                into.extend(number.to_le_bytes());
            }
            Self::Followed { pages, nanos } => {
                into.extend(pages.to_le_bytes());
                into.extend(nanos.to_le_bytes());
            }
            Self::States(states) => {
                for state in states.iter().map(VcpuState::encode) {
                    into.extend((state.len() as u32).to_le_bytes());
                    into.extend(state);
                }
            }
            Self::Ready | Self::Took | Self::Loaded | Self::Commit | Self::Taken | Self::Resumed => {}
        }
    }

    /// The message in a frame that came from anywhere.
    pub fn decode(kind: u8, payload: &'a [u8]) -> Result<Self, MessageError> {
        let empty = |message: Self| {
            let name = message.name();
            if payload.is_empty() {
                Ok(message)
            } else {
                Err(MessageError::Length { message: name })
            }
        };
        match kind {
            kind::HELLO => Hello::decode(payload).map(Self::Hello),
            kind::READY => empty(Self::Ready),
            kind::REFUSED => Ok(Self::Refused(text(payload))),
            kind::PAGES => pages(payload),
            kind::ZEROS => runs(payload, "Zeros").map(Self::Zeros),
            kind::FOLLOW => runs(payload, "Follow").map(Self::Follow),
            kind::WANT => number(payload, "Want").map(Self::Want),
            kind::FOLLOWED => followed(payload),
            kind::ROUND_END => number(payload, "RoundEnd").map(Self::RoundEnd),
            kind::ROUND_ACK => number(payload, "RoundAck").map(Self::RoundAck),
            kind::STATES => states(payload).map(Self::States),
            kind::TOOK => empty(Self::Took),
            kind::LOADED => empty(Self::Loaded),
            kind::COMMIT => empty(Self::Commit),
            kind::TAKEN => empty(Self::Taken),
            kind::RESUMED => empty(Self::Resumed),
            kind::ABORT => Ok(Self::Abort(text(payload))),
            other => Err(MessageError::Kind(other)),
        }
    }
}

/// A run as it goes over the wire. Pages are numbered by 32 bits: 16 TiB.
pub(super) fn run(first: usize, count: usize) -> [u8; 8] {
    (first as u64 & 0xffff_ffff | (count as u64) << 32).to_le_bytes()
}

impl Hello {
    fn encode(&self, into: &mut Vec<u8>) {
        into.extend(self.migration.to_le_bytes());
        into.extend(self.vcpus.to_le_bytes());
        into.extend(self.memory.0.to_le_bytes());
        into.extend(u32::from(self.pages == GuestPages::Large).to_le_bytes());
        into.extend(u32::from(self.follows).to_le_bytes());
        into.extend(self.cpuid.as_bytes());
    }

    fn decode(payload: &[u8]) -> Result<Self, MessageError> {
        const MESSAGE: &str = "Hello";
        const LENGTH: MessageError = MessageError::Length { message: MESSAGE };
        let (fixed, rest) = payload.split_first_chunk::<24>().ok_or(LENGTH)?;
        let words = fixed
            .as_chunks::<4>()
            .0
            .iter()
            .map(|word| u32::from_le_bytes(*word));
        let [migration, vcpus, low, high, pages, follows] = *words.collect::<Vec<_>>() else {
            return Err(LENGTH);
        };
        let yes = |what, number| match number {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(MessageError::Value {
                message: MESSAGE,
                what,
                value: u64::from(other),
            }),
        };
        let pages = if yes("pages", pages)? {
            GuestPages::Large
        } else {
            GuestPages::Small
        };
        let follows = yes("follows", follows)?;
        let (entries, behind) = rest.as_chunks::<{ size_of::<kvm_cpuid_entry2>() }>();
        if !behind.is_empty() || entries.len() > CPUID_MAX {
            return Err(LENGTH);
        }
        let entries = entries
            .iter()
            .map(|entry| kvm_cpuid_entry2::read_from_bytes(entry).map_err(|_| LENGTH));
        Ok(Self {
            migration,
            vcpus,
            memory: Bytes(u64::from(low) | u64::from(high) << 32),
            pages,
            follows,
            cpuid: entries.collect::<Result<_, _>>()?,
        })
    }

    /// The features, as the kernel takes them.
    pub fn features(&self) -> Result<CpuId, MessageError> {
        CpuId::from_entries(&self.cpuid).map_err(|_| MessageError::Length { message: "Hello" })
    }
}

fn pages(payload: &[u8]) -> Result<Message<'_>, MessageError> {
    const LENGTH: MessageError = MessageError::Length { message: "Pages" };
    let (count, rest) = payload.split_first_chunk::<4>().ok_or(LENGTH)?;
    let count = u32::from_le_bytes(*count) as usize;
    let bytes = count.checked_mul(8).ok_or(LENGTH)?;
    let (runs, content) = rest.split_at_checked(bytes).ok_or(LENGTH)?;
    let runs = Runs(runs.as_chunks().0);
    if runs.pages().checked_mul(GuestMemory::PAGE as u64) != Some(content.len() as u64) {
        return Err(LENGTH);
    }
    Ok(Message::Pages(runs, content))
}

fn runs<'a>(payload: &'a [u8], message: &'static str) -> Result<Runs<'a>, MessageError> {
    match payload.as_chunks() {
        (runs, []) => Ok(Runs(runs)),
        _ => Err(MessageError::Length { message }),
    }
}

fn followed(payload: &[u8]) -> Result<Message<'_>, MessageError> {
    match *payload.as_chunks::<8>().0 {
        [pages, nanos] if payload.len() == 16 => Ok(Message::Followed {
            pages: u64::from_le_bytes(pages),
            nanos: u64::from_le_bytes(nanos),
        }),
        _ => Err(MessageError::Length { message: "Followed" }),
    }
}

fn states(mut payload: &[u8]) -> Result<Vec<VcpuState>, MessageError> {
    const LENGTH: MessageError = MessageError::Length { message: "States" };
    let mut states = Vec::new();
    while !payload.is_empty() {
        let (len, rest) = payload.split_first_chunk::<4>().ok_or(LENGTH)?;
        let (state, rest) = rest
            .split_at_checked(u32::from_le_bytes(*len) as usize)
            .ok_or(LENGTH)?;
        states.push(VcpuState::decode(state)?);
        payload = rest;
    }
    Ok(states)
}

fn number(payload: &[u8], message: &'static str) -> Result<u32, MessageError> {
    payload
        .try_into()
        .map(u32::from_le_bytes)
        .map_err(|_| MessageError::Length { message })
}

fn text(payload: &[u8]) -> String {
    short(&String::from_utf8_lossy(payload)).to_owned()
}

/// The beginning of a reason, cut between characters.
fn short(reason: &str) -> &str {
    let cut = (0..=REASON_MAX.min(reason.len()))
        .rev()
        .find(|at| reason.is_char_boundary(*at));
    reason.get(..cut.unwrap_or(0)).unwrap_or_default()
}
