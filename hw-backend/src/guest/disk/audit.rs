//! What a guest's disk must hold: each block the generation that the guest remembers, no write lost, none twice.

use super::block::{self, Label};
use super::{Blocks, Disk, request, word};
use crate::guest::layout;
use crate::guest::placed::Placed;
use crate::kvm::{Error, GuestMemory};

/// A disk that was found whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct DiskAudit {
    /// Blocks looked at.
    pub blocks: u64,
    /// What the guest has done with them.
    pub done: Blocks,
}

/// What is wrong with a guest's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DiskDamage {
    /// The guest itself read a block that was not what it had written.
    #[error("vCPU {vcpu} read {wrong} blocks that did not hold what it had written")]
    Seen {
        /// Which processor.
        vcpu: u32,
        /// How many.
        wrong: u64,
    },
    /// An older or a newer generation: a write was lost, or came twice.
    #[error("block {number}: generation {found} is on the disk, the guest wrote {expected}")]
    Generation {
        /// The block.
        number: u64,
        /// What is on the disk.
        found: u64,
        /// What the guest remembers.
        expected: u64,
    },
    /// Another guest's, another block, or a word that nobody wrote.
    #[error("block {number}: word {at} is {found:#x}, expected {expected:#x}")]
    Content {
        /// The block.
        number: u64,
        /// Which word.
        at: usize,
        /// What it is.
        found: u64,
        /// What was written.
        expected: u64,
    },
    /// The generations and the writes that were counted do not fit: the guest's own memory of its disk is stale.
    #[error("vCPU {vcpu} remembers {remembered} writes, and has counted {counted}")]
    Sum {
        /// Which processor.
        vcpu: u32,
        /// Writes that its table holds.
        remembered: u64,
        /// Writes that it has counted.
        counted: u64,
    },
}

impl Disk {
    /// Looks at every block of a guest that stands still.
    pub fn audit(
        &self,
        memory: &GuestMemory,
        placed: &Placed,
    ) -> Result<Result<DiskAudit, DiskDamage>, Error> {
        let mut audit = DiskAudit::default();
        let Some(own) = &placed.disk else {
            return Ok(Ok(audit));
        };
        for vcpu in 0..placed.vcpus {
            let control = layout::control(vcpu);
            let get = |offset: i32| memory.load(control + u64::from(offset.unsigned_abs()));
            let wrong = get(word::WRONG)?;
            if wrong > 0 {
                return Ok(Err(DiskDamage::Seen { vcpu, wrong }));
            }
            let under_way = (get(word::REQUEST)? == request::WRITE).then_some(get(word::BLOCK)?);
            let (first, blocks) = placed.share_of(own.blocks, vcpu);
            let mut remembered = 0_u64.wrapping_sub(get(word::BASE)?);
            for number in first..first + blocks {
                let generation = memory.load(own.table + number * 8)?;
                remembered = remembered.wrapping_add(generation);
                let label = Label {
                    owner: self.owner,
                    number,
                    generation,
                };
                if let Err(damage) = compare(&self.read(number)?, label, under_way == Some(number)) {
                    return Ok(Err(damage));
                }
            }
            let counted = get(word::WRITES)?;
            if remembered != counted && !(under_way.is_some() && remembered == counted + 1) {
                return Ok(Err(DiskDamage::Sum {
                    vcpu,
                    remembered,
                    counted,
                }));
            }
            audit.blocks += blocks;
        }
        audit.done = Blocks::of(memory, placed.vcpus)?;
        Ok(Ok(audit))
    }
}

/// Whether a block is the one of that label, or the one after it where a write is under way.
fn compare(bytes: &[u8; GuestMemory::PAGE], label: Label, under_way: bool) -> Result<(), DiskDamage> {
    let Label {
        number, generation, ..
    } = label;
    let found = Label::of(bytes).generation;
    let ahead = under_way && found == generation.wrapping_add(1);
    if found != generation && !ahead {
        return Err(DiskDamage::Generation {
            number,
            found,
            expected: generation,
        });
    }
    let whole = block::content(Label {
        generation: found,
        ..label
    });
    let wrong = (0..block::WORDS).find(|at| block::word(bytes, *at) != block::word(&whole, *at));
    wrong.map_or(Ok(()), |at| {
        Err(DiskDamage::Content {
            number,
            at,
            found: block::word(bytes, at),
            expected: block::word(&whole, at),
        })
    })
}
