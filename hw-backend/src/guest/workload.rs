//! What a guest is to do, in the words of a scenario, and the same in the numbers of a control block.
//!
//! The meaning is the simulator's: rates of page writes are those of the whole VM while it is granted the processors that it asks for,
//! whatever share that is (`docs/src/models/dirtying.md`); rates of paging events are those of one busy virtual processor, and fall with
//! the share of time that the processors are busy (`docs/src/models/paging.md`).

use twinrack_scenario::spec::guest::{PageClassSpec, PagingRatesSpec, VmSpec, WritePattern};
use twinrack_scenario::units::{Bytes, PerSecond, Ratio, SimDuration};

use super::boot::ENTRY;
use super::disk::DiskLoad;
use super::layout::{self, GuestPages, disk, net, word};
use super::network::{self, CHUNK, STREAMS_MAX, StreamLoad};
use super::placed::Placed;
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
    /// More streams than a control block has room for.
    #[error("{0} streams of traffic; a guest sends at most {max}", max = STREAMS_MAX)]
    TooManyStreams(usize),
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
    /// What it sends.
    pub streams: Vec<StreamLoad>,
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
    /// What a doorbell with its request is taken to cost there.
    const REQUEST: SimDuration = SimDuration::from_nanos(50_000);
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
            streams: Vec::new(),
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
        let own = Self {
            period: Self::PERIOD,
            cpu,
            classes: vm.dirtying.iter().map(class).collect(),
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
            streams: Vec::new(),
        };
        own.paced()
    }

    /// The same with what it sends.
    #[must_use]
    pub fn sending(self, streams: Vec<StreamLoad>) -> Self {
        Self { streams, ..self }.paced()
    }

    /// The same with page writes at `share` of their rates.
    #[must_use]
    pub fn writing(mut self, share: Ratio) -> Self {
        for class in &mut self.classes {
            class.rate.0 *= share.0;
        }
        self.paced()
    }

    /// How often it begins anew follows from how busy it is; and what it sends in a period fits its page.
    fn paced(mut self) -> Self {
        let writes: f64 = self.classes.iter().map(|class| class.rate.0).sum();
        let blocks = self.disk.map_or(0.0, |disk| disk.reads.0 + disk.writes.0);
        let bytes: f64 = self
            .streams
            .iter()
            .map(|stream| stream.rate.bytes_per_second())
            .sum();
        let doorbells = (blocks + bytes / CHUNK as f64) * Self::REQUEST.as_secs_f64();
        let busy = self.cpu.0.max(writes * Self::WRITE.as_secs_f64() + doorbells);
        let nanos = |seconds: f64| SimDuration::from_nanos((seconds * 1e9) as u64);
        let by_work = if busy > 0.0 {
            nanos(Self::WORK.as_secs_f64() / busy)
        } else {
            Self::IDLE_PERIOD
        };
        let by_bytes = if bytes > 0.0 {
            nanos(CHUNK as f64 / bytes)
        } else {
            Self::IDLE_PERIOD
        };
        self.period = by_work.min(by_bytes).clamp(Self::PERIOD, Self::IDLE_PERIOD);
        self
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
        let rate = |per_second: f64| self.each_period(per_second);
        set(word::PERIOD, period)?;
        let slack = (Self::SLACK.as_secs_f64() * f64::from(tsc_khz) * 1e3) as u64;
        set(word::SLACK, slack.max(period * 2))?;
        set(word::BURN, (period as f64 * self.cpu.0.clamp(0.0, 1.0)) as u64)?;
        set(
            word::RANDOM,
            word::PAGE_FACTOR.wrapping_mul(u64::from(vcpu) + 1) | 1,
        )?;
        set(word::CLASSES, self.classes.len() as u64)?;
        for ((class, lies), index) in self.classes.iter().zip(&placed.classes).zip(0..) {
            let at = word::CLASS + index * word::CLASS_SIZE;
            let (first, pages) = placed.share_of(lies.pages, vcpu);
            set(at + word::CLASS_BASE, lies.base + first * Bytes::PAGE.0)?;
            set(at + word::CLASS_PAGES, pages)?;
            set(at + word::CLASS_RATE, rate(class.rate.0 / vcpus as f64))?;
            set(
                at + word::CLASS_PATTERN,
                u64::from(class.pattern == WritePattern::Random),
            )?;
        }
        set(word::WALK_AT, placed.start)?;
        set(word::FILL_COUNT, layout::WINDOW_PAGES.min(placed.filled.max(1)))?;
        set(word::FILL_ENTRIES, layout::window_entries(vcpu))?;
        set(word::FILL_WINDOW, layout::window(vcpu))?;
        set(word::FILL_TARGET, placed.start | ENTRY)?;
        // Entries of the tables that map data; with large pages, of the page directories.
        let (table, shift) = match placed.pages {
            GuestPages::Small => (layout::TABLES, 12),
            GuestPages::Large => (layout::DIRECTORIES, 21),
        };
        let below = placed.start >> shift;
        let (first, count) = placed.share_of((placed.memory.0 >> shift) - below, vcpu);
        set(word::REWRITE_ENTRIES, table + (below + first) * 8)?;
        set(word::REWRITE_COUNT, count)?;
        self.load_paging(self.paging, memory, vcpu)?;
        if let Some((load, own)) = self.disk.zip(placed.disk) {
            let (first, blocks) = placed.share_of(own.blocks, vcpu);
            set(disk::READ_RATE, rate(load.reads.0 / vcpus as f64))?;
            set(disk::WRITE_RATE, rate(load.writes.0 / vcpus as f64))?;
            set(disk::FIRST, first)?;
            set(disk::BLOCKS, blocks)?;
            set(disk::TABLE, own.table + first * 8)?;
            set(disk::BUFFER, own.buffer(vcpu))?;
        }
        let Some(page) = placed.network.filter(|_| vcpu == 0) else {
            return Ok(());
        };
        set(net::COUNT, self.streams.len() as u64)?;
        set(net::BUFFER, page)?;
        for (stream, index) in self.streams.iter().zip(0..) {
            let at = net::STREAM + index * net::STREAM_SIZE;
            set(at + net::RATE, rate(stream.rate.bytes_per_second() / 8.0))?;
            set(at + net::SEED, network::seed(stream.number))?;
            set(at + net::INDEX, u64::from(index.unsigned_abs()) + 1)?;
        }
        Ok(())
    }
}

impl Workload {
    /// Has a virtual processor load the paging machinery at other rates, while it runs.
    pub fn load_paging(&self, paging: Paging, memory: &GuestMemory, vcpu: u32) -> Result<(), Error> {
        let rates = [
            (word::WALK_RATE, paging.tlb_misses),
            (word::FILL_RATE, paging.fills),
            (word::REWRITE_RATE, paging.page_table_writes),
            (word::SWITCH_RATE, paging.context_switches),
        ];
        for (offset, rate) in rates {
            let at = layout::control(vcpu) + u64::from(offset.unsigned_abs());
            memory.store(at, self.each_period(rate.0))?;
        }
        Ok(())
    }

    /// Events of a period, 32.32 fixed point.
    fn each_period(&self, per_second: f64) -> u64 {
        (per_second * self.period.as_secs_f64() * 4_294_967_296.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinrack_scenario::units::BitsPerSecond;

    fn class(size: Option<Bytes>) -> PageClass {
        PageClass {
            size,
            rate: PerSecond(1000.0),
            pattern: WritePattern::Random,
        }
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
        let period = |cpu, classes: &[PageClass]| {
            let classes = classes.to_vec();
            Workload {
                cpu: Ratio(cpu),
                ..Workload::dirtying(classes)
            }
            .paced()
            .period
        };
        assert_eq!(period(0.0, &[]), millis(100));
        assert_eq!(period(0.005, &[]), millis(20));
        assert_eq!(period(0.5, &[]), millis(1));
        // 1,000 writes of 2.5 us are a share of 1 in 400.
        assert_eq!(period(0.0, &[class(None)]), millis(40));
        // What is sent in a period fits into one request: 64 KiB at 1,024 KiB/s.
        let rate = BitsPerSecond(8 << 20);
        let sends = Workload::dirtying(Vec::new()).sending(vec![StreamLoad { number: 0, rate }]);
        assert_eq!(sends.period, SimDuration::from_nanos(62_500_000));
    }
}
