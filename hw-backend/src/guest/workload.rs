//! What a guest is to do, in the words of a scenario, and the same in the numbers of a control block.
//!
//! The meaning is the simulator's: rates of page writes are those of the whole VM while it is granted the processors that it asks for,
//! whatever share that is (`docs/src/models/dirtying.md`); rates of paging events are those of one busy virtual processor, and fall with
//! the share of time that the processors are busy (`docs/src/models/paging.md`).

use std::ops::Range;

use twinrack_scenario::spec::guest::{PageClassSpec, PagingRatesSpec, VmSpec, WritePattern};
use twinrack_scenario::units::{Bytes, PerSecond, Ratio, SimDuration};

use super::boot::ENTRY;
use super::disk::{DiskLoad, PlacedDisk};
use super::layout::{self, GuestPages, disk, word};
use crate::kvm::{Error, GuestMemory};

/// Why a guest can't be made to do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkloadError {
    /// More classes than a control block has room for.
    #[error("{0} classes of pages; a guest takes at most {max}", max = layout::CLASSES_MAX)]
    TooManyClasses(usize),
    /// A memory that a guest can't have.
    #[error("a guest of {0}: expected a multiple of 2MiB from {min} to {max}", min = layout::MEMORY_MIN, max = layout::MEMORY_MAX)]
    Memory(Bytes),
    /// A disk that leaves no room for data.
    #[error(
        "a disk of {disk} in a guest of {memory}: it remembers 8 bytes a block, and that leaves no memory for data"
    )]
    Disk {
        /// The disk.
        disk: Bytes,
        /// The memory.
        memory: Bytes,
    },
    /// More processors than there is room for.
    #[error("{0} virtual processors; a guest takes 1 to {max}", max = layout::VCPUS_MAX)]
    Vcpus(u32),
}

/// Least memory for data.
const DATA_MIN: Bytes = Bytes(1 << 20);

/// Pages that are written alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PageClass {
    /// Most that it can dirty; all data when absent.
    pub size: Option<Bytes>,
    /// Page writes each second at full share, by all virtual processors together.
    pub rate: PerSecond,
    /// In which order.
    pub pattern: WritePattern,
}

/// Paging events, each second of one busy virtual processor.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Paging {
    /// First touches that fill an entry.
    pub fills: PerSecond,
    /// Writes to page-table entries.
    pub page_table_writes: PerSecond,
    /// Address-space switches.
    pub context_switches: PerSecond,
    /// Steps of a walk, each to another page.
    pub tlb_misses: PerSecond,
    /// Memory that is walked; rounded down to a power of two of pages.
    pub mapped: Bytes,
}

/// What a guest does.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// How often it looks at its rates; 1 ms keeps doorbells to a thousand a second.
    pub period: SimDuration,
    /// Share of its processors' time that it is busy.
    pub cpu: Ratio,
    /// The pages it writes.
    pub classes: Vec<PageClass>,
    /// How it loads the paging machinery.
    pub paging: Paging,
    /// Memory at the end that is never touched and stays zero.
    pub untouched: Bytes,
    /// How it uses its disk, if it has one.
    pub disk: Option<DiskLoad>,
}

impl Workload {
    /// Periods of a running guest, and of one that does nothing.
    const PERIOD: SimDuration = SimDuration::from_millis(1);
    const IDLE_PERIOD: SimDuration = SimDuration::from_millis(100);
    /// Work of a period of a guest that is hardly busy: each period costs the host a doorbell, and hundreds of such guests would
    /// have it do nothing else.
    const WORK: SimDuration = SimDuration::from_nanos(100_000);
    /// What a page write is taken to cost where the period follows from the work: a fault for the dirty log.
    const WRITE: SimDuration = SimDuration::from_nanos(2500);
    /// How late a period may begin and be caught up with: longer than a loaded host keeps a thread waiting. Beyond it the clock has
    /// jumped, or the guest has stood still, and what was not written then is not owed.
    const SLACK: SimDuration = SimDuration::from_millis(200);

    /// Nothing: it wakes ten times a second.
    pub fn idle() -> Self {
        Self {
            period: Self::IDLE_PERIOD,
            cpu: Ratio::ZERO,
            classes: Vec::new(),
            paging: Paging::default(),
            untouched: Bytes::ZERO,
            disk: None,
        }
    }

    /// Page writes at full rate, with the processors otherwise idle.
    pub fn dirtying(classes: Vec<PageClass>) -> Self {
        Self {
            period: Self::PERIOD,
            classes,
            ..Self::idle()
        }
    }

    /// What a scenario's VM does when its processors are busy for `cpu` of the time.
    pub fn of(vm: &VmSpec, cpu: Ratio) -> Self {
        let class = |spec: &PageClassSpec| PageClass {
            size: spec.size,
            rate: spec.rate,
            pattern: spec.pattern,
        };
        let busy = |rate: PerSecond| PerSecond(rate.0 * cpu.0);
        let PagingRatesSpec {
            fills,
            page_table_writes,
            context_switches,
            tlb_misses,
            mapped,
            ..
        } = vm.paging;
        let classes: Vec<PageClass> = vm.dirtying.iter().map(class).collect();
        Self {
            period: Self::period(cpu, &classes),
            cpu,
            classes,
            paging: Paging {
                fills: busy(fills),
                page_table_writes: busy(page_table_writes),
                context_switches: busy(context_switches),
                tlb_misses: busy(tlb_misses),
                mapped,
            },
            untouched: vm.untouched,
            disk: vm.disk.as_ref().map(|own| DiskLoad {
                size: own.size,
                reads: own.reads,
                writes: own.writes,
            }),
        }
    }

    /// How often a guest begins anew that is busy for such a share and writes such pages.
    fn period(cpu: Ratio, classes: &[PageClass]) -> SimDuration {
        let writes: f64 = classes.iter().map(|class| class.rate.0).sum();
        let busy = cpu.0.max(writes * Self::WRITE.as_secs_f64());
        if busy <= 0.0 {
            return Self::IDLE_PERIOD;
        }
        let nanos = Self::WORK.as_nanos() as f64 / busy;
        SimDuration::from_nanos(nanos as u64).clamp(Self::PERIOD, Self::IDLE_PERIOD)
    }

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
        })
    }

    /// Writes the control block of one virtual processor; its time-stamp counter runs at `tsc_khz`.
    pub fn install(
        &self,
        placed: &Placed,
        memory: &GuestMemory,
        vcpu: u32,
        tsc_khz: u32,
    ) -> Result<(), Error> {
        let block = layout::control(vcpu);
        let set = |offset: i32, value: u64| memory.store(block + offset.unsigned_abs() as u64, value);
        let seconds = self.period.as_secs_f64();
        let period = (seconds * f64::from(tsc_khz) * 1e3) as u64;
        let vcpus = u64::from(placed.vcpus);
        // Events of a period, 32.32 fixed point.
        let rate = |per_second: f64| (per_second * seconds * 4_294_967_296.0) as u64;
        set(word::PERIOD, period)?;
        let slack = (Self::SLACK.as_secs_f64() * f64::from(tsc_khz) * 1e3) as u64;
        set(word::SLACK, slack.max(period * 2))?;
        set(word::BURN, (period as f64 * self.cpu.0.clamp(0.0, 1.0)) as u64)?;
        set(
            word::RANDOM,
            word::PAGE_FACTOR.wrapping_mul(u64::from(vcpu) + 1) | 1,
        )?;
        set(word::CLASSES, self.classes.len() as u64)?;
        for ((class, placed), index) in self.classes.iter().zip(&placed.classes).zip(0..) {
            let at = word::CLASS + index * word::CLASS_SIZE;
            let (first, pages) = share(placed.pages, u64::from(vcpu), vcpus);
            set(at + word::CLASS_BASE, placed.base + first * Bytes::PAGE.0)?;
            set(at + word::CLASS_PAGES, pages)?;
            set(at + word::CLASS_RATE, rate(class.rate.0 / vcpus as f64))?;
            set(
                at + word::CLASS_PATTERN,
                u64::from(class.pattern == WritePattern::Random),
            )?;
        }
        set(word::WALK_AT, placed.start)?;
        set(word::WALK_RATE, rate(self.paging.tlb_misses.0))?;
        set(word::FILL_RATE, rate(self.paging.fills.0))?;
        set(word::FILL_COUNT, layout::WINDOW_PAGES.min(placed.filled.max(1)))?;
        set(word::FILL_ENTRIES, layout::window_entries(vcpu))?;
        set(word::FILL_WINDOW, layout::window(vcpu))?;
        set(word::FILL_TARGET, placed.start | ENTRY)?;
        // Entries of the tables that map memory; with large pages, of the page directories.
        let (table, entries) = match placed.pages {
            GuestPages::Small => (layout::TABLES, placed.memory.pages()),
            GuestPages::Large => (layout::DIRECTORIES, placed.memory.0 >> 21),
        };
        let (first, count) = share(entries, u64::from(vcpu), vcpus);
        set(word::REWRITE_RATE, rate(self.paging.page_table_writes.0))?;
        set(word::REWRITE_ENTRIES, table + first * 8)?;
        set(word::REWRITE_COUNT, count)?;
        set(word::SWITCH_RATE, rate(self.paging.context_switches.0))?;
        let Some((load, own)) = self.disk.zip(placed.disk) else {
            return Ok(());
        };
        let (first, blocks) = placed.share_of(own.blocks, vcpu);
        set(disk::READ_RATE, rate(load.reads.0 / vcpus as f64))?;
        set(disk::WRITE_RATE, rate(load.writes.0 / vcpus as f64))?;
        set(disk::FIRST, first)?;
        set(disk::BLOCKS, blocks)?;
        set(disk::TABLE, own.table + first * 8)?;
        set(disk::BUFFER, own.buffer(vcpu))
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
    fn a_guest_writes_at_its_rate_whatever_share_of_its_processors_it_asks_for() {
        let yaml = "name: a\nduration: 1s\nhosts: [{name: n, memory: 8GiB}]\n\
                    vms: [{name: v, host: n, memory: 64MiB, dirtying: [{rate: 2000/s}], paging: {fills: 100/s}}]\n";
        let scenario = twinrack_scenario::Scenario::from_yaml(yaml).expect("valid");
        let workload = Workload::of(&scenario.spec.vms[0], Ratio(0.1));
        assert_eq!(workload.classes[0].rate, PerSecond(2000.0));
        assert_eq!(workload.paging.fills, PerSecond(10.0));
    }

    #[test]
    fn a_period_has_a_tenth_of_a_millisecond_of_work_or_is_as_long_as_it_may_be() {
        let millis = SimDuration::from_millis;
        assert_eq!(Workload::period(Ratio(0.0), &[]), millis(100));
        assert_eq!(Workload::period(Ratio(0.005), &[]), millis(20));
        assert_eq!(Workload::period(Ratio(0.5), &[]), millis(1));
        // 1,000 writes of 2.5 us are a share of 1 in 400.
        assert_eq!(Workload::period(Ratio(0.0), &[class(None)]), millis(40));
    }

    #[test]
    fn shares_cover_everything_once() {
        let parts: Vec<_> = (0..3).map(|index| share(10, index, 3)).collect();
        assert_eq!(parts, [(0, 3), (3, 3), (6, 4)]);
    }
}
