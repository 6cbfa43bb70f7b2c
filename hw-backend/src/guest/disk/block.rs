//! What is in a block: whose it is, which, its generation, a checksum, and words that follow from these.
//!
//! ```text
//! word 0  the guest        word 2  the generation: how often it was written
//! word 1  the block        word 3  the checksum of all words behind it
//! words 4 to 511: a Weyl sequence, from a start that follows from the first three
//! ```
//!
//! The checksum is `c = (c + word) * FACTOR` over the words in their order, so that words which change places are found. The guest writes and
//! checks the same (`program/disk.rs`).

use super::super::layout::word::PAGE_FACTOR as FACTOR;
use crate::kvm::GuestMemory;

/// Words of a block.
pub const WORDS: usize = GuestMemory::PAGE / 8;
/// Words before the body.
pub const HEAD: usize = 4;
/// What one word of the body is more than the word before: odd, its bits well spread (L'Ecuyer's multiplier for 64 bits, Mathematics
/// of Computation 68, 1999).
pub const STEP: u64 = 0x27bb_2ee6_87b0_b0fd;

/// What a block says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// The guest.
    pub owner: u64,
    /// Which block.
    pub number: u64,
    /// How often it was written.
    pub generation: u64,
}

impl Label {
    /// What the head of a block says, true or not.
    pub fn of(bytes: &[u8; GuestMemory::PAGE]) -> Self {
        Self {
            owner: word(bytes, 0),
            number: word(bytes, 1),
            generation: word(bytes, 2),
        }
    }

    /// The first word of the body.
    const fn start(self) -> u64 {
        self.owner.wrapping_add(self.number).wrapping_mul(FACTOR) ^ self.generation.wrapping_mul(STEP)
    }
}

/// A word of a block.
pub fn word(bytes: &[u8; GuestMemory::PAGE], at: usize) -> u64 {
    let words = bytes.as_chunks::<8>().0;
    words.get(at).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The block of that label.
pub fn content(label: Label) -> [u8; GuestMemory::PAGE] {
    let mut bytes = [0; GuestMemory::PAGE];
    let (mut next, mut check) = (label.start(), 0_u64);
    for place in bytes.as_chunks_mut::<8>().0.iter_mut().skip(HEAD) {
        *place = next.to_le_bytes();
        check = check.wrapping_add(next).wrapping_mul(FACTOR);
        next = next.wrapping_add(STEP);
    }
    let head = [label.owner, label.number, label.generation, check];
    for (place, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(head) {
        *place = word.to_le_bytes();
    }
    bytes
}
