//! A guest's network: streams of bytes that the host takes from its memory at the doorbell and sends by its own TCP.
//!
//! The bytes of a stream follow from its number and their position alone, so that whoever receives them can tell each one that is lost, doubled or
//! wrong. A request says which stream, from which position on and how many bytes there are in the guest's page; the answer is the position that is
//! wanted next. Mostly that is behind the bytes that were offered; the same position when there is no room for them now, which are not owed then, as
//! nobody owes a link what it could not carry; and an earlier one when a connection was lost: what the receiver has is the truth, and the guest goes
//! back to it.
//!
//! So neither the guest nor its host keeps what is on its way when the guest moves, and a request that a pause fell into may be served again.

#[cfg(test)]
mod tests;

use std::fmt::Debug;

use twinrack_scenario::units::BitsPerSecond;

use super::layout::net as at;
use super::layout::word::PAGE_FACTOR as FACTOR;
use crate::kvm::{Error, GuestMemory};

/// Most bytes of one request.
pub const CHUNK: u64 = 64 << 10;
/// Most streams that a guest sends.
pub const STREAMS_MAX: usize = 16;

/// A stream that a guest sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLoad {
    /// Its number in the scenario.
    pub number: u32,
    /// What it sends where nothing is in its way.
    pub rate: BitsPerSecond,
}

/// What takes a guest's bytes.
pub trait Outlet: Debug + Send + Sync {
    /// The guest is about to run here.
    fn begin(&self);

    /// The guest has these bytes of its stream number `index`, from a position on; says which position is wanted next.
    fn offer(&self, index: usize, position: u64, bytes: &[u8]) -> u64;

    /// The guest stands still for good: has what was taken delivered, and says for each stream how many bytes the receiver has. Nothing where it has
    /// no connection now, or loses it: as with any machine that is switched off, what was on its way is gone.
    fn settle(&self) -> Vec<Option<u64>>;
}

/// The word of a stream at a position, which is a multiple of 8.
pub const fn word(number: u32, position: u64) -> u64 {
    seed(number).wrapping_add(position).wrapping_mul(FACTOR)
}

/// What a stream's words begin from.
pub(super) const fn seed(number: u32) -> u64 {
    (number as u64 + 1) << 48
}

/// The first byte of `bytes` that is not the stream's from `position`, a multiple of 8, on; they are whole words.
pub fn first_wrong(number: u32, position: u64, bytes: &[u8]) -> Option<u64> {
    let words = bytes.as_chunks::<8>().0.iter();
    let mut at = position;
    for found in words {
        let expected = word(number, at).to_le_bytes();
        if let Some(byte) = (0..8).find(|byte| found[*byte] != expected[*byte]) {
            return Some(at + byte as u64);
        }
        at += 8;
    }
    None
}

/// Serves the request that stands in a control block, if one does.
pub(super) fn serve(outlet: &dyn Outlet, memory: &GuestMemory, control: u64) -> Result<(), Error> {
    let get = |offset: i32| memory.load(control + u64::from(offset.unsigned_abs()));
    let Some(index) = get(at::REQUEST)?.checked_sub(1) else {
        return Ok(());
    };
    let (position, length, page) = (get(at::AT)?, get(at::LENGTH)?.min(CHUNK), get(at::BUFFER)?);
    let mut bytes = vec![0; length as usize];
    memory.read(page, &mut bytes)?;
    let wanted = outlet.offer(index as usize, position, &bytes);
    memory.store(control + at::REPLY as u64, wanted)
}

/// What a guest has sent of its stream number `index`: it stands still, perhaps between a request and its answer.
pub fn position(memory: &GuestMemory, control: u64, index: usize) -> Result<[u64; 2], Error> {
    let get = |offset: i32| memory.load(control + u64::from(offset.unsigned_abs()));
    let words = index as u64 * u64::from(at::STREAM_SIZE.unsigned_abs());
    let first = u64::from((at::STREAM + at::POSITION).unsigned_abs());
    let position = memory.load(control + first + words)?;
    let asks = get(at::REQUEST)? == index as u64 + 1;
    let ahead = if asks {
        get(at::AT)? + get(at::LENGTH)?
    } else {
        position
    };
    Ok([position, ahead])
}
