//! Frames: what goes over the connection, and how a frame that is not what was sent is told.
//!
//! ```text
//! offset  bytes
//!      0      2  "TR"
//!      2      1  version
//!      3      1  protection: 0 tagged, 1 sealed
//!      4      1  kind, see message.rs
//!      5      3  length of the payload, little endian, at most PAYLOAD_MAX
//!      8      8  sequence, from 0, each direction its own
//!     16      n  payload; sealed: encrypted by AES-256-GCM
//!   16+n     16  tag: sealed, that of AES-256-GCM; tagged, AES-256-GMAC; over all before it
//! ```
//!
//! The keys of each direction are derived from a secret that is made for one migration and given to both ends by another way. So a tag
//! holds for one place in one direction of one migration: damage, loss, repetition, reflection and strangers are all refused.
//! Sealed frames can't be read by others either; their nonce is the sequence, which a direction's key never sees twice.
//! The source says which it is with its first frame, and both ways stay with that.

#[cfg(test)]
mod tests;

use std::io::{self, Read, Write};

use super::seal::{Sealer, Task};
use super::splice::Splice;

/// Version of the form.
pub const VERSION: u8 = 4;
/// Most bytes of a payload: 256 pages and what describes them.
pub const PAYLOAD_MAX: usize = 256 * (4096 + 8) + 64;
/// Bytes before the payload.
pub(super) const HEADER: usize = 16;
/// Bytes of the tag.
pub(super) const TAG: usize = 16;

const MAGIC: [u8; 2] = *b"TR";

/// Why a frame is refused.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// The other end has closed the connection.
    #[error("the other end has closed the connection")]
    Closed,
    /// Not the beginning of a frame.
    #[error("this is no frame of a migration")]
    NoFrame,
    /// Another version.
    #[error("a frame of version {0}, expected {VERSION}")]
    Version(u8),
    /// Protected otherwise than the frames before it, or in no known way.
    #[error("a frame of protection {0}, expected that of the first: 0 (tagged) or 1 (sealed)")]
    Protection(u8),
    /// Longer than any frame.
    #[error("a frame of {0} bytes, expected at most {PAYLOAD_MAX}")]
    TooLong(usize),
    /// A frame was lost or repeated.
    #[error("frame {found}, expected {expected}")]
    Sequence {
        /// Its number.
        found: u64,
        /// The number that was due.
        expected: u64,
    },
    /// The tag is wrong: the frame was damaged, or made by someone who does not know the secret.
    #[error("frame {0} does not bear the tag of this migration")]
    Tag(u64),
}

/// A secret made for one migration.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret(pub [u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// A new one, from the kernel's random numbers.
    pub fn new() -> io::Result<Self> {
        let mut secret = [0; 32];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut secret)?;
        Ok(Self(secret))
    }

    /// A key for one use, told by its context.
    pub(super) fn key(self, context: &str) -> [u8; 32] {
        blake3::derive_key(context, &self.0)
    }
}

/// How frames are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Authenticated, readable by others.
    Tagged,
    /// Authenticated and encrypted.
    Sealed,
}

impl Protection {
    /// What a frame adds to its payload.
    pub const OVERHEAD: usize = HEADER + TAG;

    const fn byte(self) -> u8 {
        match self {
            Self::Tagged => 0,
            Self::Sealed => 1,
        }
    }

    const fn of(byte: u8) -> Result<Self, WireError> {
        match byte {
            0 => Ok(Self::Tagged),
            1 => Ok(Self::Sealed),
            other => Err(WireError::Protection(other)),
        }
    }
}

/// Which way a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From source to target.
    Forth,
    /// From target to source.
    Back,
    /// Into a file, and out of it again.
    Kept,
}

/// Writes frames.
#[derive(Debug)]
pub struct FrameWriter<W> {
    to: W,
    sealer: Sealer,
    protection: Protection,
    sequence: u64,
    sent: u64,
    /// The frame under construction; reused.
    frame: Vec<u8>,
    /// The way of frames of pages, where they have one of their own.
    splice: Option<Splice>,
    /// Of the frames that were sent, those of pages.
    frames_of_pages: usize,
}

impl<W: Write> FrameWriter<W> {
    /// Frames of one direction of one migration.
    pub fn new(to: W, secret: Secret, direction: Direction, protection: Protection) -> Self {
        Self {
            to,
            sealer: Sealer::new(secret, direction, protection, Task::Seal),
            protection,
            sequence: 0,
            sent: 0,
            frame: Vec::new(),
            splice: None,
            frames_of_pages: 0,
        }
    }

    /// Has frames of pages go by another way, to the same place; or no more when there is none.
    pub(super) fn splice(&mut self, splice: Option<Splice>) {
        self.splice = splice;
    }

    /// Bytes written so far.
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Frames of pages written so far.
    pub(super) const fn frames_of_pages(&self) -> usize {
        self.frames_of_pages
    }

    /// The number of the next frame.
    pub(super) const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The header of the next frame.
    pub(super) fn header(&self, kind: u8, len: usize) -> [u8; HEADER] {
        let ([m0, m1], [l0, l1, l2, ..]) = (MAGIC, len.to_le_bytes());
        let mut header = [
            m0,
            m1,
            VERSION,
            self.protection.byte(),
            kind,
            l0,
            l1,
            l2,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
        ];
        if let Some(sequence) = header.last_chunk_mut() {
            *sequence = self.sequence.to_le_bytes();
        }
        header
    }

    /// Writes one frame, whose payload `fill` puts behind what the buffer holds.
    pub fn send<E: From<WireError>>(
        &mut self,
        kind: u8,
        fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.frame.clear();
        self.frame.resize(HEADER, 0);
        fill(&mut self.frame)?;
        let len = self.frame.len() - HEADER;
        if len > PAYLOAD_MAX {
            return Err(WireError::TooLong(len).into());
        }
        let header = self.header(kind, len);
        let (head, payload) = self.frame.split_at_mut(HEADER);
        head.copy_from_slice(&header);
        self.sealer.begin(self.sequence, &header);
        self.sealer.pass(payload);
        self.frame.extend(self.sealer.tag());
        self.to.write_all(&self.frame).map_err(WireError::from)?;
        self.count(len);
        Ok(())
    }

    /// Where a frame of pages of `len` bytes is put together, and what seals it.
    pub(super) fn room(&mut self, len: usize) -> (&mut Sealer, &mut [u8]) {
        let room = if let Some(splice) = &mut self.splice {
            &mut splice.room()[..len]
        } else {
            self.frame.resize(len, 0);
            &mut self.frame[..]
        };
        (&mut self.sealer, room)
    }

    /// Sends what was put together in the room: a frame with a payload of `len` bytes.
    pub(super) fn send_room(&mut self, len: usize) -> Result<(), WireError> {
        match &mut self.splice {
            Some(splice) => splice.send(len + Protection::OVERHEAD)?,
            None => self.to.write_all(&self.frame)?,
        }
        self.frames_of_pages += 1;
        self.count(len);
        Ok(())
    }

    const fn count(&mut self, len: usize) {
        self.sequence += 1;
        self.sent += (len + Protection::OVERHEAD) as u64;
    }
}

/// Reads frames.
#[derive(Debug)]
pub struct FrameReader<R> {
    from: R,
    secret: Secret,
    direction: Direction,
    /// Known from the first frame on.
    sealer: Option<(Protection, Sealer)>,
    sequence: u64,
    received: u64,
    /// The last frame, and what a longer one before it left; reused.
    frame: Vec<u8>,
}

impl<R: Read> FrameReader<R> {
    /// Frames of one direction of one migration.
    pub const fn new(from: R, secret: Secret, direction: Direction) -> Self {
        Self {
            from,
            secret,
            direction,
            sealer: None,
            sequence: 0,
            received: 0,
            frame: Vec::new(),
        }
    }

    /// Bytes read so far, of whole frames.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Where the frames came from, which may hold more than they.
    pub fn into_inner(self) -> R {
        self.from
    }

    /// How the frames are protected; not known before the first.
    pub fn protection(&self) -> Option<Protection> {
        self.sealer.as_ref().map(|(protection, _)| *protection)
    }

    /// Reads one frame: its kind and payload.
    pub fn next_frame(&mut self) -> Result<(u8, &[u8]), WireError> {
        let (kind, len) = self.read_frame()?;
        Ok((kind, self.open(len)?))
    }

    /// Reads one frame and says of which kind and how long its payload is, which is still sealed.
    pub(super) fn read_frame(&mut self) -> Result<(u8, usize), WireError> {
        let mut header = [0; HEADER];
        fill(&mut self.from, &mut header)?;
        let (kind, len, protection) = self.check(header)?;
        let whole = len + Protection::OVERHEAD;
        if self.frame.len() < whole {
            self.frame.resize(whole, 0);
        }
        let (frame, _) = self.frame.split_at_mut(whole);
        let (head, rest) = frame.split_at_mut(HEADER);
        head.copy_from_slice(&header);
        fill(&mut self.from, rest)?;
        let (secret, direction) = (self.secret, self.direction);
        self.sealer.get_or_insert_with(|| {
            let sealer = Sealer::new(secret, direction, protection, Task::Open);
            (protection, sealer)
        });
        Ok((kind, len))
    }

    /// Opens the payload of the frame that was read, in place.
    pub(super) fn open(&mut self, len: usize) -> Result<&[u8], WireError> {
        self.opened(len, Sealer::pass)?;
        Ok(self.frame.get(HEADER..HEADER + len).unwrap_or_default())
    }

    /// Has all of the payload of the frame that was read opened by `how`, and checks the tag.
    pub(super) fn opened<T>(
        &mut self,
        len: usize,
        how: impl FnOnce(&mut Sealer, &mut [u8]) -> T,
    ) -> Result<T, WireError> {
        let refused = WireError::Tag(self.sequence);
        let frame = self
            .frame
            .get_mut(..len + Protection::OVERHEAD)
            .unwrap_or_default();
        let (Some((_, sealer)), Some((header, rest))) = (&mut self.sealer, frame.split_first_chunk_mut())
        else {
            return Err(refused);
        };
        let Some((payload, tag)) = rest.split_last_chunk_mut::<TAG>() else {
            return Err(refused);
        };
        sealer.begin(self.sequence, header);
        let opened = how(sealer, payload);
        if !sealer.fits(*tag) {
            return Err(refused);
        }
        self.sequence += 1;
        self.received += (len + Protection::OVERHEAD) as u64;
        Ok(opened)
    }

    /// Kind, length and protection that a header speaks of, if it is the one that is due.
    fn check(&self, header: [u8; HEADER]) -> Result<(u8, usize, Protection), WireError> {
        let [m0, m1, version, protection, kind, l0, l1, l2, sequence @ ..] = header;
        if [m0, m1] != MAGIC {
            return Err(WireError::NoFrame);
        }
        if version != VERSION {
            return Err(WireError::Version(version));
        }
        let len = u32::from_le_bytes([l0, l1, l2, 0]) as usize;
        if len > PAYLOAD_MAX {
            return Err(WireError::TooLong(len));
        }
        let found = u64::from_le_bytes(sequence);
        if found != self.sequence {
            return Err(WireError::Sequence {
                found,
                expected: self.sequence,
            });
        }
        let how = Protection::of(protection)?;
        if self.protection().is_some_and(|first| first != how) {
            return Err(WireError::Protection(protection));
        }
        Ok((kind, len, how))
    }
}

fn fill(from: &mut impl Read, bytes: &mut [u8]) -> Result<(), WireError> {
    from.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => WireError::Closed,
        _ => WireError::Io(error),
    })
}
