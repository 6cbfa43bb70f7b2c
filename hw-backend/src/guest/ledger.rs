//! What a guest's memory must hold: every data page known word by word, every write accounted for.
//!
//! A data page is filled when the guest is made with words that follow from its address; the guest then keeps a count, a stamp and a
//! checksum in the first three. So a page that was lost, swapped, stale or damaged on its way is found, each by another rule:
//!
//! - the words that no guest changes are those of its address (lost, swapped, damaged);
//! - the checksum fits count, stamp and address (torn);
//! - no stamp is later than the heartbeat of the processor whose page it is, and the counts of all of a processor's pages add up to
//!   its heartbeat (stale).
//!
//! Each virtual processor writes pages of its own, so each has a ledger of its own: two that lost and gained a page do not make up for
//! each other. A processor that was stopped in the middle of a write has said in `INTENT` on which page: that one may be torn, and
//! its count may be one short.

#[cfg(test)]
mod tests;

use std::ops::Range;

use twinrack_scenario::units::Bytes;

use super::layout::{self, word};
use super::placed::Placed;
use crate::kvm::{Error, GuestMemory};

const WORDS: usize = GuestMemory::PAGE / 8;
/// Words that the writer keeps.
const KEPT: usize = 3;
const NEXT: usize = word::PAGE_NEXT as usize / 8;

/// What one virtual processor has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Page writes begun.
    pub heartbeat: u64,
    /// Periods done.
    pub passes: u64,
    /// Periods that began late by a whole one.
    pub missed: u64,
    /// Deadlines set anew, because the clock jumped or the guest had stood still.
    pub resyncs: u64,
    /// Times the time-stamp counter went back.
    pub backwards: u64,
    /// Steps walked.
    pub walked: u64,
    /// Page-table entries filled and touched.
    pub filled: u64,
    /// Page-table entries rewritten.
    pub rewritten: u64,
    /// Address-space switches.
    pub switches: u64,
    /// Turns of the loop that it burns its time in.
    pub burned: u64,
    /// Most ticks between two periods: the longest pause as the guest saw it.
    pub longest_gap_ticks: u64,
    /// The page being written, 0 between writes.
    pub intent: u64,
}

impl Counters {
    /// Reads a processor's control block; while it runs, each counter at its own instant.
    pub fn read(memory: &GuestMemory, vcpu: u32) -> Result<Self, Error> {
        let get = |offset: i32| memory.load(layout::control(vcpu) + u64::from(offset.unsigned_abs()));
        Ok(Self {
            heartbeat: get(word::HEARTBEAT)?,
            passes: get(word::PASSES)?,
            missed: get(word::MISSED)?,
            resyncs: get(word::RESYNCS)?,
            backwards: get(word::BACKWARDS)?,
            walked: get(word::WALKED)?,
            filled: get(word::FILLED)?,
            rewritten: get(word::REWRITTEN)?,
            switches: get(word::SWITCHES)?,
            burned: get(word::BURNED)?,
            longest_gap_ticks: get(word::LONGEST)?,
            intent: get(word::INTENT)?,
        })
    }
}

/// What is wrong with a guest's memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// A word that nobody writes has changed.
    #[error("page {page:#x}: word {word} is {found:#x}, expected {expected:#x}")]
    Content {
        /// Address of the page.
        page: u64,
        /// Which word of it.
        word: usize,
        /// What it is.
        found: u64,
        /// What it was.
        expected: u64,
    },
    /// Count, stamp and checksum do not fit.
    #[error("page {page:#x}: its checksum does not fit its count and stamp")]
    Torn {
        /// Address of the page.
        page: u64,
    },
    /// Written after the last write there was.
    #[error("page {page:#x}: written at heartbeat {stamp}, but the latest is {heartbeat}")]
    Future {
        /// Address of the page.
        page: u64,
        /// Its stamp.
        stamp: u64,
        /// The heartbeat.
        heartbeat: u64,
    },
    /// Written, but no processor's to write.
    #[error("page {page:#x}: written {count} times, and no processor's to write")]
    Nobodys {
        /// Address of the page.
        page: u64,
        /// Its count.
        count: u64,
    },
    /// Writes are missing, or counted twice: a page is stale.
    #[error("the pages of vCPU {vcpu} hold {written} writes, it began {begun}")]
    Sum {
        /// Which processor.
        vcpu: u32,
        /// Writes that the pages hold.
        written: u64,
        /// Writes begun.
        begun: u64,
    },
}

/// A memory that was found whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audit {
    /// Data pages looked at.
    pub pages: u64,
    /// Writes that they hold.
    pub writes: u64,
}

/// Fills and audits the data of one guest.
#[derive(Debug, Clone)]
pub struct Ledger {
    placed: Placed,
}

impl Ledger {
    /// The ledger of a placed workload.
    pub const fn new(placed: Placed) -> Self {
        Self { placed }
    }

    /// Fills the data pages of a new guest.
    pub fn fill(&self, memory: &GuestMemory) -> Result<(), Error> {
        let mut page = [0; GuestMemory::PAGE];
        for index in 0..self.placed.filled {
            for (bytes, word) in page.as_chunks_mut::<8>().0.iter_mut().zip(0..) {
                *bytes = self.word(index, word).to_le_bytes();
            }
            memory.write(self.address(index), &page)?;
        }
        Ok(())
    }

    /// Looks at every data page of a guest that stands still.
    pub fn audit(&self, memory: &GuestMemory) -> Result<Result<Audit, Damage>, Error> {
        let counters: Vec<Counters> = (0..self.placed.vcpus)
            .map(|vcpu| Counters::read(memory, vcpu))
            .collect::<Result<_, _>>()?;
        let pages = memory.size().saturating_sub(Bytes(self.placed.start)).pages();
        let parts = self.placed.parts();
        let mut bytes = [0; GuestMemory::PAGE];
        let mut written = vec![0_u64; counters.len()];
        for index in 0..pages {
            memory.read(self.address(index), &mut bytes)?;
            let page = self.address(index);
            let owner = owner(&parts, page);
            let mut look = || {
                let own = owner.and_then(|vcpu| counters.get(vcpu as usize));
                let count = self.look(index, &bytes, own)?;
                match owner.and_then(|vcpu| written.get_mut(vcpu as usize)) {
                    Some(written) => *written = written.wrapping_add(count),
                    None if count > 0 => return Err(Damage::Nobodys { page, count }),
                    None => {}
                }
                Ok(())
            };
            if let Err(damage) = look() {
                return Ok(Err(damage));
            }
        }
        for ((counters, written), vcpu) in counters.iter().zip(&written).zip(0..) {
            let (written, begun) = (*written, counters.heartbeat);
            let under_way = u64::from(counters.intent != 0);
            if written > begun || begun - written > under_way {
                return Ok(Err(Damage::Sum { vcpu, written, begun }));
            }
        }
        let writes = written.iter().sum();
        Ok(Ok(Audit { pages, writes }))
    }

    /// The count of a page, if it is whole; `own` are the counters of the processor that writes it.
    fn look(
        &self,
        index: u64,
        bytes: &[u8; GuestMemory::PAGE],
        own: Option<&Counters>,
    ) -> Result<u64, Damage> {
        let page = self.address(index);
        let words = bytes.as_chunks::<8>().0;
        let word = |at: usize| words.get(at).map_or(0, |bytes| u64::from_le_bytes(*bytes));
        for at in KEPT..WORDS {
            let expected = self.word(index, at);
            if word(at) != expected {
                return Err(Damage::Content {
                    page,
                    word: at,
                    found: word(at),
                    expected,
                });
            }
        }
        let (count, stamp, check) = (word(0), word(1), word(2));
        if own.is_some_and(|counters| counters.intent == page) {
            return Ok(count);
        }
        if count == 0 && check == self.word(index, 2) {
            return Ok(0);
        }
        if check != checksum(count, stamp, page) {
            return Err(Damage::Torn { page });
        }
        let heartbeat = own.map_or(0, |counters| counters.heartbeat);
        if stamp > heartbeat {
            return Err(Damage::Future {
                page,
                stamp,
                heartbeat,
            });
        }
        Ok(count)
    }

    fn address(&self, index: u64) -> u64 {
        self.placed.start + index * Bytes::PAGE.0
    }

    /// What a data page holds when the guest is made.
    fn word(&self, index: u64, word: usize) -> u64 {
        if index >= self.placed.filled {
            return 0;
        }
        let walked = 1 << self.placed.walk_bits;
        match word {
            0 | 1 => 0,
            2 => checksum(0, 0, self.address(index)),
            NEXT if index < walked => self.address(next(index, walked)),
            _ => mix(self.address(index) | word as u64),
        }
    }
}

/// Whose page that is; `parts` are in the order of their addresses.
fn owner(parts: &[(Range<u64>, u32)], page: u64) -> Option<u32> {
    let behind = parts.partition_point(|(part, _)| part.start <= page);
    let (part, vcpu) = parts.get(behind.checked_sub(1)?)?;
    part.contains(&page).then_some(*vcpu)
}

/// What the guest writes into a page (`program/dirtying.rs`).
const fn checksum(count: u64, stamp: u64, page: u64) -> u64 {
    count.wrapping_mul(word::PAGE_FACTOR) ^ stamp ^ page
}

/// The page after `index` in a cycle through all of `of`, a power of two: a linear congruential generator with full period
/// (Hull and Dobell, 1962: odd increment, multiplier 1 mod 4). Neighbours are far apart, so that no prefetcher follows.
const fn next(index: u64, of: u64) -> u64 {
    index
        .wrapping_mul(0x5851_f42d_4c95_7f2d)
        .wrapping_add(0x1405_7b7e_f767_814f)
        & (of - 1)
}

/// Spreads a number's bits: the finaliser of `SplitMix64` (Steele, Lea and Flood, OOPSLA'14).
const fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(word::PAGE_FACTOR);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}
