//! Where a workload lies in a guest's memory: what its devices need, then the classes of its pages, one after the other, and whose each is.

use std::ops::Range;

use twinrack_scenario::units::Bytes;

use super::disk::PlacedDisk;
use super::layout::{self, GuestPages};
use super::network::{CHUNK, STREAMS_MAX};
use super::workload::{Workload, WorkloadError};

/// Least memory for data.
const DATA_MIN: Bytes = Bytes(1 << 20);

impl Workload {
    /// Where it lies in a guest of such a size: the classes one after the other from the start of data, all of them made smaller by
    /// the same factor when together they are more than there is.
    pub fn place(&self, memory: Bytes, pages: GuestPages, vcpus: u32) -> Result<Placed, WorkloadError> {
        if !super::boot::size_fits(memory) {
            return Err(WorkloadError::Memory(memory));
        }
        if self.classes.len() > layout::CLASSES_MAX {
            return Err(WorkloadError::TooManyClasses(self.classes.len()));
        }
        if vcpus == 0 || vcpus > layout::VCPUS_MAX {
            return Err(WorkloadError::Vcpus(vcpus));
        }
        let (disk, start) = match &self.disk {
            None => (None, layout::data(memory, pages)),
            Some(load) => {
                let (disk, start) = PlacedDisk::at(layout::data(memory, pages), load, vcpus);
                if start + DATA_MIN.0 > memory.0 {
                    let disk = load.size;
                    return Err(WorkloadError::Disk { disk, memory });
                }
                (Some(disk), start)
            }
        };
        let (network, start) = if self.streams.is_empty() {
            (None, start)
        } else if self.streams.len() > STREAMS_MAX {
            return Err(WorkloadError::TooManyStreams(self.streams.len()));
        } else {
            (Some(start), start + CHUNK)
        };
        let room = memory.saturating_sub(Bytes(start)).pages();
        let wanted: Vec<u64> = self
            .classes
            .iter()
            .map(|class| class.size.map_or(room, Bytes::pages).min(room))
            .collect();
        let sum: u64 = wanted.iter().sum();
        let mut at = start;
        let classes = wanted.iter().map(|wanted| {
            let pages = if sum > room { wanted * room / sum } else { *wanted }.max(u64::from(vcpus));
            let placed = PlacedClass { base: at, pages };
            at += pages * Bytes::PAGE.0;
            placed
        });
        let classes = classes.collect();
        let untouched = self.untouched.pages().min(room);
        let walk = self.paging.mapped.pages().clamp(2, room);
        Ok(Placed {
            memory,
            pages,
            vcpus,
            start,
            filled: room - untouched,
            classes,
            walk_bits: walk.ilog2().min((room - untouched).max(2).ilog2()),
            disk,
            network,
        })
    }
}

/// The `index`th of `of` nearly equal parts of `all`: where it begins and how much it is.
fn share(all: u64, index: u64, of: u64) -> (u64, u64) {
    let at = |index: u64| all * index / of;
    (at(index), at(index + 1) - at(index))
}

/// A class in a guest's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacedClass {
    /// Address of its first page.
    pub base: u64,
    /// Its pages.
    pub pages: u64,
}

/// A workload in a guest's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The guest's memory.
    pub memory: Bytes,
    /// How it maps it.
    pub pages: GuestPages,
    /// Its virtual processors.
    pub vcpus: u32,
    /// Address of the first data page.
    pub start: u64,
    /// Data pages that are filled when the guest is made; those after them stay zero.
    pub filled: u64,
    /// The classes.
    pub classes: Vec<PlacedClass>,
    /// Logarithm of the pages that are walked.
    pub walk_bits: u32,
    /// What its disk has of it, below the data.
    pub disk: Option<PlacedDisk>,
    /// Where the pages for what it sends are, also below the data.
    pub network: Option<u64>,
}

impl Placed {
    /// The part of `all` that is a vCPU's: where it begins and how much it is.
    pub fn share_of(&self, all: u64, vcpu: u32) -> (u64, u64) {
        share(all, u64::from(vcpu), u64::from(self.vcpus))
    }

    /// Which pages are whose to write: ranges of addresses, each with its processor, in their order.
    pub fn parts(&self) -> Vec<(Range<u64>, u32)> {
        let parts = self.classes.iter().flat_map(|class| {
            (0..self.vcpus).map(move |vcpu| {
                let (first, pages) = self.share_of(class.pages, vcpu);
                let at = class.base + first * Bytes::PAGE.0;
                (at..at + pages * Bytes::PAGE.0, vcpu)
            })
        });
        parts.filter(|(part, _)| !part.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::workload::PageClass;
    use twinrack_scenario::spec::guest::WritePattern;
    use twinrack_scenario::units::PerSecond;

    fn class(size: Option<Bytes>) -> PageClass {
        PageClass {
            size,
            rate: PerSecond(1000.0),
            pattern: WritePattern::Random,
        }
    }

    #[test]
    fn classes_lie_one_after_the_other() {
        let workload = Workload::dirtying(vec![class(Some(Bytes(4 << 20))), class(Some(Bytes(8 << 20)))]);
        let placed = workload
            .place(Bytes(64 << 20), GuestPages::Small, 2)
            .expect("it fits");
        // 64 MiB need 32 tables of 4 KiB, so that data begins at 4 MiB.
        assert_eq!(placed.start, 4 << 20);
        assert_eq!(
            placed.classes[0],
            PlacedClass {
                base: 4 << 20,
                pages: 1024
            }
        );
        assert_eq!(
            placed.classes[1],
            PlacedClass {
                base: 8 << 20,
                pages: 2048
            }
        );
        assert_eq!(placed.filled, (60 << 20) / 4096);
    }

    #[test]
    fn classes_that_are_too_large_together_shrink_alike() {
        let workload = Workload::dirtying(vec![class(None), class(None)]);
        let placed = workload
            .place(Bytes(64 << 20), GuestPages::Small, 1)
            .expect("it fits");
        assert_eq!(
            placed.classes.iter().map(|class| class.pages).collect::<Vec<_>>(),
            [7680, 7680]
        );
    }

    #[test]
    fn what_can_not_be_is_refused() {
        let idle = Workload::idle();
        assert_eq!(
            idle.place(Bytes(1 << 20), GuestPages::Small, 1),
            Err(WorkloadError::Memory(Bytes(1 << 20)))
        );
        assert_eq!(
            idle.place(Bytes::GIB, GuestPages::Small, 17),
            Err(WorkloadError::Vcpus(17))
        );
        let many = Workload::dirtying(vec![class(None); 17]);
        assert_eq!(
            many.place(Bytes::GIB, GuestPages::Small, 1),
            Err(WorkloadError::TooManyClasses(17))
        );
    }

    #[test]
    fn shares_cover_everything_once() {
        let parts: Vec<_> = (0..3).map(|index| share(10, index, 3)).collect();
        assert_eq!(parts, [(0, 3), (3, 3), (6, 4)]);
    }
}
