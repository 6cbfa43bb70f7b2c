//! What protects a frame: AES-256-GCM over all of it, or the same without encryption (GMAC; NIST SP 800-38D).
//!
//! Pages go through the cipher once, out of guest memory into the frame and out of the frame into guest memory. GCM's tag is over what was
//! encrypted, and the cipher reads each byte once: what a guest writes meanwhile is sealed as it was or as it is, and the tag fits what is
//! sent. Without encryption the tag is over the bytes themselves, so those are copied into the frame first.

#![expect(
    unsafe_code,
    reason = "hands the cipher pointers to guest memory, to which there are no Rust references"
)]

use std::ptr::{self, NonNull};

use aws_lc_sys as lc;

use super::wire::{Direction, HEADER, Protection, Secret, TAG};
use crate::kvm::{Error, GuestMemory};

/// Protects the frames of one direction, or checks them.
pub(super) struct Sealer {
    context: NonNull<lc::EVP_CIPHER_CTX>,
    protection: Protection,
}

// SAFETY: the context is owned by this object alone and bound to no thread.
unsafe impl Send for Sealer {}

/// What a sealer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    Open,
    Seal,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(…)")
    }
}

/// [`TAG`], as the cipher's library takes it.
const TAG_LEN: i32 = 16;
const _: () = assert!(TAG_LEN as usize == TAG);

/// What the cipher says of a call whose arguments are right, as all here are.
fn done(answer: i32) {
    assert_eq!(answer, 1, "the cipher takes what it is given");
}

impl Sealer {
    pub(super) fn new(secret: Secret, direction: Direction, protection: Protection, task: Task) -> Self {
        let context = match (direction, protection) {
            (Direction::Forth, Protection::Tagged) => "twinrack 2026-11 migration, source to target",
            (Direction::Back, Protection::Tagged) => "twinrack 2026-11 migration, target to source",
            (Direction::Kept, Protection::Tagged) => "twinrack 2026-11 migration, through a file",
            (Direction::Forth, Protection::Sealed) => "twinrack 2026-11 migration, source to target, sealed",
            (Direction::Back, Protection::Sealed) => "twinrack 2026-11 migration, target to source, sealed",
            (Direction::Kept, Protection::Sealed) => "twinrack 2026-11 migration, through a file, sealed",
        };
        let key = secret.key(context);
        // SAFETY: makes a new object; it is checked before use.
        let made = unsafe { lc::EVP_CIPHER_CTX_new() };
        let context = NonNull::new(made).expect("memory for a cipher");
        // SAFETY: the context is new, AES-256 has keys of 32 bytes, and no nonce is given yet.
        done(unsafe {
            lc::EVP_CipherInit_ex(
                context.as_ptr(),
                lc::EVP_aes_256_gcm(),
                ptr::null_mut(),
                key.as_ptr(),
                ptr::null(),
                i32::from(task == Task::Seal),
            )
        });
        Self { context, protection }
    }

    /// Begins a frame. Its nonce is its number, which a direction's key meets once.
    pub(super) fn begin(&mut self, sequence: u64, header: &[u8; HEADER]) {
        let mut nonce = [0; 12];
        if let Some(low) = nonce.last_chunk_mut() {
            *low = sequence.to_be_bytes();
        }
        // SAFETY: the context has a cipher and a key, whose nonces are of 12 bytes; -1 keeps the direction.
        done(unsafe {
            lc::EVP_CipherInit_ex(
                self.context.as_ptr(),
                ptr::null(),
                ptr::null_mut(),
                ptr::null(),
                nonce.as_ptr(),
                -1,
            )
        });
        // SAFETY: the header is as long as is said, and nothing is written where there is no output.
        unsafe { self.update(header.as_ptr(), ptr::null_mut(), HEADER) };
    }

    /// Takes the next bytes of the payload, in place.
    pub(super) fn pass(&mut self, bytes: &mut [u8]) {
        let at = bytes.as_mut_ptr();
        let into = match self.protection {
            Protection::Tagged => ptr::null_mut(),
            Protection::Sealed => at,
        };
        // SAFETY: input and output are the slice, or there is no output; the cipher works in place.
        unsafe { self.update(at, into, bytes.len()) };
    }

    /// Seals pages of the guest as the next bytes of the payload, into `into`.
    pub(super) fn seal_from(
        &mut self,
        memory: &GuestMemory,
        address: u64,
        into: &mut [u8],
    ) -> Result<(), Error> {
        match self.protection {
            Protection::Tagged => {
                memory.read(address, into)?;
                self.pass(into);
            }
            Protection::Sealed => {
                let from = memory.span(address, into.len())?;
                // SAFETY: `span` checked that so many bytes are mapped behind `from`; `into` is a distinct Rust object.
                unsafe { self.update(from, into.as_mut_ptr(), into.len()) };
            }
        }
        Ok(())
    }

    /// Opens the next bytes of the payload, `from`, into the guest. They are not known to be whole before [`Self::fits`] says so.
    pub(super) fn open_into(
        &mut self,
        from: &mut [u8],
        memory: &GuestMemory,
        address: u64,
    ) -> Result<(), Error> {
        match self.protection {
            Protection::Tagged => {
                self.pass(from);
                memory.write(address, from)?;
            }
            Protection::Sealed => {
                let into = memory.span(address, from.len())?;
                // SAFETY: `span` checked that so many bytes are mapped behind `into`; `from` is a distinct Rust object.
                unsafe { self.update(from.as_ptr(), into, from.len()) };
            }
        }
        Ok(())
    }

    /// The tag of the frame that was sealed.
    pub(super) fn tag(&mut self) -> [u8; TAG] {
        let mut tag = [0; TAG];
        assert!(self.finish(), "there is nothing to check in what is sealed");
        // SAFETY: the context has finished a frame, and so many bytes are there for its tag.
        done(unsafe {
            lc::EVP_CIPHER_CTX_ctrl(
                self.context.as_ptr(),
                lc::EVP_CTRL_AEAD_GET_TAG,
                TAG_LEN,
                tag.as_mut_ptr().cast(),
            )
        });
        tag
    }

    /// Whether the frame that was opened bears this tag; compared in constant time.
    pub(super) fn fits(&mut self, mut tag: [u8; TAG]) -> bool {
        // SAFETY: so many bytes of a tag are there, which the context copies.
        done(unsafe {
            lc::EVP_CIPHER_CTX_ctrl(
                self.context.as_ptr(),
                lc::EVP_CTRL_AEAD_SET_TAG,
                TAG_LEN,
                tag.as_mut_ptr().cast(),
            )
        });
        self.finish()
    }

    fn finish(&mut self) -> bool {
        // GCM keeps no bytes back.
        let (mut behind, mut len) = ([0; TAG], 0);
        // SAFETY: the output has room for a block, the most that any cipher writes here.
        unsafe { lc::EVP_CipherFinal_ex(self.context.as_ptr(), behind.as_mut_ptr(), &raw mut len) == 1 }
    }

    /// # Safety
    ///
    /// `len` bytes can be read at `from`, and written at `into` unless that is null; the two are the same or apart.
    unsafe fn update(&mut self, from: *const u8, into: *mut u8, len: usize) {
        let mut written = 0;
        // No payload is near 2 GiB.
        let len = i32::try_from(len).unwrap_or(i32::MAX);
        // SAFETY: the caller's promise; the context has begun a frame.
        done(unsafe { lc::EVP_CipherUpdate(self.context.as_ptr(), into, &raw mut written, from, len) });
    }
}

impl Drop for Sealer {
    fn drop(&mut self) {
        // SAFETY: the context was made by its own library and is used no more; its keys are wiped.
        unsafe { lc::EVP_CIPHER_CTX_free(self.context.as_ptr()) };
    }
}
