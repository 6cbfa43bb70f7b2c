//! What protects a frame: a keyed hash behind it, or AES-256-GCM over all of it.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::wire::{Direction, HEADER, Protection, Secret};

/// Protects or checks the frames of one direction.
pub(super) enum Sealer {
    /// By a keyed BLAKE3.
    Tag([u8; 32]),
    /// By AES-256-GCM: on processors with AES instructions the fastest that authenticates, encryption included.
    Seal(Box<LessSafeKey>),
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(…)")
    }
}

impl Sealer {
    pub(super) fn new(secret: Secret, direction: Direction, protection: Protection) -> Self {
        let context = match (direction, protection) {
            (Direction::Forth, Protection::Tagged) => "twinrack 2026-11 migration, source to target",
            (Direction::Back, Protection::Tagged) => "twinrack 2026-11 migration, target to source",
            (Direction::Kept, Protection::Tagged) => "twinrack 2026-11 migration, through a file",
            (Direction::Forth, Protection::Sealed) => "twinrack 2026-11 migration, source to target, sealed",
            (Direction::Back, Protection::Sealed) => "twinrack 2026-11 migration, target to source, sealed",
            (Direction::Kept, Protection::Sealed) => "twinrack 2026-11 migration, through a file, sealed",
        };
        let key = secret.key(context);
        match protection {
            Protection::Tagged => Self::Tag(key),
            Protection::Sealed => {
                // The one error is a key of another length.
                let key = UnboundKey::new(&AES_256_GCM, &key).expect("AES-256 has keys of 32 bytes");
                Self::Seal(Box::new(LessSafeKey::new(key)))
            }
        }
    }

    /// Protects a header and payload, and puts the tag behind them.
    pub(super) fn seal(&self, sequence: u64, frame: &mut Vec<u8>) {
        match self {
            Self::Tag(key) => {
                let tag = blake3::keyed_hash(key, frame);
                frame.extend(tag.as_bytes());
            }
            Self::Seal(key) => {
                let at = HEADER.min(frame.len());
                let (header, payload) = frame.split_at_mut(at);
                // The one error is a text beyond 64 GiB.
                let tag = key
                    .seal_in_place_separate_tag(nonce(sequence), Aad::from(&*header), payload)
                    .expect("a frame is below a mebibyte or two");
                frame.extend(tag.as_ref());
            }
        }
    }

    /// Checks a header, payload and tag, and makes the payload readable; false when the frame is not what was sealed.
    pub(super) fn open(&self, sequence: u64, frame: &mut [u8]) -> bool {
        match self {
            Self::Tag(key) => {
                let Some((body, tag)) = frame.split_last_chunk::<32>() else {
                    return false;
                };
                // Compared in constant time.
                blake3::keyed_hash(key, body) == *tag
            }
            Self::Seal(key) => {
                let Some((header, sealed)) = frame.split_at_mut_checked(HEADER) else {
                    return false;
                };
                key.open_in_place(nonce(sequence), Aad::from(&*header), sealed)
                    .is_ok()
            }
        }
    }
}

/// The number of the frame: a direction's key meets each once.
fn nonce(sequence: u64) -> Nonce {
    let mut bytes = [0; 12];
    if let Some(low) = bytes.last_chunk_mut() {
        *low = sequence.to_be_bytes();
    }
    Nonce::assume_unique_for_key(bytes)
}
