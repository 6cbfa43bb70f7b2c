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
//!     16      n  payload
//!   16+n     32  tagged: keyed BLAKE3 of all before it
//!            16  sealed: tag of AES-256-GCM over the header and the encrypted payload
//! ```
//!
//! The keys of each direction are derived from a secret that is made for one migration and given to both ends by another way. So a tag
//! holds for one place in one direction of one migration: damage, loss, repetition, reflection and strangers are all refused.
//! Sealed frames can't be read by others either; their nonce is the sequence, which a direction's key never sees twice.
//! The source says which it is with its first frame, and both ways stay with that.

use std::io::{self, Read, Write};

use super::seal::Sealer;

/// Version of the form.
pub const VERSION: u8 = 3;
/// Most bytes of a payload: 256 pages and what describes them.
pub const PAYLOAD_MAX: usize = 256 * (4096 + 8) + 64;
/// Bytes before the payload.
pub(super) const HEADER: usize = 16;

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
    pub const fn overhead(self) -> usize {
        HEADER + self.tag()
    }

    const fn tag(self) -> usize {
        match self {
            Self::Tagged => 32,
            Self::Sealed => 16,
        }
    }

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
}

impl<W: Write> FrameWriter<W> {
    /// Frames of one direction of one migration.
    pub fn new(to: W, secret: Secret, direction: Direction, protection: Protection) -> Self {
        Self {
            to,
            sealer: Sealer::new(secret, direction, protection),
            protection,
            sequence: 0,
            sent: 0,
            frame: Vec::new(),
        }
    }

    /// Bytes written so far.
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Writes one frame, whose payload `fill` puts behind what the buffer holds.
    pub fn send<E: From<WireError>>(
        &mut self,
        kind: u8,
        fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.frame.clear();
        self.frame.extend(MAGIC);
        self.frame
            .extend([VERSION, self.protection.byte(), kind, 0, 0, 0]);
        self.frame.extend(self.sequence.to_le_bytes());
        fill(&mut self.frame)?;
        let len = self.frame.len() - HEADER;
        if len > PAYLOAD_MAX {
            return Err(WireError::TooLong(len).into());
        }
        if let (Some(field), [low, mid, high, ..]) = (self.frame.get_mut(5..8), len.to_le_bytes()) {
            field.copy_from_slice(&[low, mid, high]);
        }
        self.sealer.seal(self.sequence, &mut self.frame);
        self.to.write_all(&self.frame).map_err(WireError::from)?;
        self.sequence += 1;
        self.sent += self.frame.len() as u64;
        Ok(())
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
        let mut header = [0; HEADER];
        fill(&mut self.from, &mut header)?;
        let (kind, len, protection) = self.check(header)?;
        let whole = HEADER + len + protection.tag();
        if self.frame.len() < whole {
            self.frame.resize(whole, 0);
        }
        let (frame, _) = self.frame.split_at_mut(whole);
        let (head, rest) = frame.split_at_mut(HEADER);
        head.copy_from_slice(&header);
        fill(&mut self.from, rest)?;
        let (secret, direction) = (self.secret, self.direction);
        let (_, sealer) = self
            .sealer
            .get_or_insert_with(|| (protection, Sealer::new(secret, direction, protection)));
        if !sealer.open(self.sequence, frame) {
            return Err(WireError::Tag(self.sequence));
        }
        self.sequence += 1;
        self.received += whole as u64;
        Ok((kind, frame.get(HEADER..HEADER + len).unwrap_or_default()))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: Secret = Secret([7; 32]);

    const BOTH: [Protection; 2] = [Protection::Tagged, Protection::Sealed];

    fn written(payloads: &[&[u8]], protection: Protection) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = FrameWriter::new(&mut bytes, SECRET, Direction::Forth, protection);
        for payload in payloads {
            writer
                .send(3, |frame| {
                    frame.extend(*payload);
                    Ok::<_, WireError>(())
                })
                .expect("written");
        }
        bytes
    }

    fn reader(bytes: &[u8]) -> FrameReader<&[u8]> {
        FrameReader::new(bytes, SECRET, Direction::Forth)
    }

    #[test]
    fn frames_come_as_they_went() {
        for protection in BOTH {
            let bytes = written(&[b"one", b"", &[9; 5000]], protection);
            assert_eq!(bytes.len(), 3 + 5000 + 3 * protection.overhead());
            let mut reader = reader(&bytes);
            for payload in [&b"one"[..], b"", &[9; 5000]] {
                assert_eq!(reader.next_frame().expect("a frame"), (3, payload));
            }
            assert!(matches!(reader.next_frame(), Err(WireError::Closed)));
            assert_eq!(reader.received(), bytes.len() as u64);
            assert_eq!(reader.protection(), Some(protection));
        }
    }

    #[test]
    fn a_sealed_frame_can_not_be_read() {
        let content = [0x5a; 100];
        let holds = |bytes: Vec<u8>| bytes.windows(8).any(|window| window == &content[..8]);
        assert!(holds(written(&[&content], Protection::Tagged)));
        assert!(!holds(written(&[&content], Protection::Sealed)));
    }

    #[test]
    fn protection_does_not_change_on_the_way() {
        let mut bytes = written(&[b"one"], Protection::Sealed);
        let tagged = written(&[b"one", b"two"], Protection::Tagged);
        bytes.extend(&tagged[tagged.len() / 2..]);
        let mut reader = reader(&bytes);
        reader.next_frame().expect("the first");
        assert!(matches!(reader.next_frame(), Err(WireError::Protection(0))));
    }

    #[test]
    fn a_frame_in_the_wrong_place_is_refused() {
        for protection in BOTH {
            in_the_wrong_place(&written(&[b"one", b"two"], protection));
        }
    }

    fn in_the_wrong_place(bytes: &[u8]) {
        let second = &bytes[bytes.len() / 2..];
        assert!(matches!(
            reader(second).next_frame(),
            Err(WireError::Sequence {
                found: 1,
                expected: 0
            })
        ));
        let mut back = FrameReader::new(bytes, SECRET, Direction::Back);
        assert!(matches!(back.next_frame(), Err(WireError::Tag(0))), "reflected");
        let mut stranger = FrameReader::new(bytes, Secret([8; 32]), Direction::Forth);
        assert!(matches!(stranger.next_frame(), Err(WireError::Tag(0))));
    }

    #[test]
    fn a_length_from_nowhere_allocates_nothing() {
        let mut bytes = written(&[b"one"], Protection::Sealed);
        bytes[3] = 2;
        assert!(matches!(
            reader(&bytes).next_frame(),
            Err(WireError::Protection(2))
        ));
        bytes[5..8].copy_from_slice(&[255; 3]);
        assert!(matches!(reader(&bytes).next_frame(), Err(WireError::TooLong(_))));
        bytes[2] = 9;
        assert!(matches!(reader(&bytes).next_frame(), Err(WireError::Version(9))));
        bytes[0] = b'G';
        assert!(matches!(reader(&bytes).next_frame(), Err(WireError::NoFrame)));
    }

    #[test]
    fn a_payload_that_is_too_long_is_not_sent() {
        let mut bytes = Vec::new();
        let mut writer = FrameWriter::new(&mut bytes, SECRET, Direction::Forth, Protection::Sealed);
        let too_long = writer.send(1, |frame| {
            frame.resize(PAYLOAD_MAX + HEADER + 1, 0);
            Ok::<_, WireError>(())
        });
        assert!(matches!(too_long, Err(WireError::TooLong(_))));
        assert!(bytes.is_empty());
    }

    proptest! {
        #[test]
        fn any_changed_bit_is_told(payload in proptest::collection::vec(any::<u8>(), 0..300), at in any::<usize>(), bit in 0_u8..8, which in 0_usize..2) {
            let mut bytes = written(&[&payload], BOTH[which]);
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert!(reader(&bytes).next_frame().is_err());
        }

        #[test]
        fn any_cut_is_told(payload in proptest::collection::vec(any::<u8>(), 0..300), at in any::<usize>(), which in 0_usize..2) {
            let bytes = written(&[&payload], BOTH[which]);
            prop_assert!(reader(&bytes[..at % bytes.len()]).next_frame().is_err());
        }
    }
}
