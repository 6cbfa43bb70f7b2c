//! A shelf: hosts in order of load, cut into blocks that say what the roomiest host in them could take.
//!
//! A search for the first or the last host that holds a VM passes over whole blocks, and over whole aisles of blocks, and never
//! misses a host: the choice is that of a look at every host, at a cost that grows with the aisles (entries / 2,000) instead of
//! with the hosts. Where a block begins and ends is written in the block, so that passing over it is no look at its hosts.

use std::cmp::Ordering;
use std::ops::Range;

use twinrack_scenario::HostId;

use super::target::{Need, Room};

/// A block past this is cut in two.
const BLOCK_MAX: usize = 128;
/// Blocks of an aisle.
const AISLE: usize = 32;

/// Hosts in order of (key, number); the key is the load asked for, or nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Shelf {
    blocks: Vec<Block>,
    /// For every 32 blocks what the roomiest of their hosts could take.
    aisles: Vec<Option<u64>>,
}

/// A host and what is known of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    key: f64,
    pub(super) host: HostId,
    pub(super) room: Room,
}

impl Entry {
    pub(super) const fn new(host: HostId, key: f64, room: Room) -> Self {
        Self { key, host, room }
    }

    pub(super) const fn place(&self) -> (f64, HostId) {
        (self.key, self.host)
    }
}

#[derive(Debug, Clone)]
struct Block {
    /// In order, and never none.
    entries: Vec<Entry>,
    /// The places of its first and its last entry.
    first: (f64, HostId),
    last: (f64, HostId),
    /// The most free memory of a host that can take a VM at all.
    free_max: Option<u64>,
}

/// A block to look into.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockView<'a> {
    /// Bytes of free memory that no host of it has more of.
    pub(super) free_max: u64,
    /// The load that no host of it is below.
    pub(super) load_min: f64,
    /// Its hosts; never empty.
    pub(super) entries: &'a [Entry],
}

impl Block {
    /// A block of some entries in order; none of none.
    fn of(entries: Vec<Entry>) -> Option<Self> {
        let mut block = Self {
            first: entries.first()?.place(),
            last: entries.last()?.place(),
            entries,
            free_max: None,
        };
        block.measure();
        Some(block)
    }

    fn measure(&mut self) {
        let open = self.entries.iter().filter(|entry| entry.room.moves > 0);
        self.free_max = open.map(|entry| entry.room.free.0).max();
    }
}

const fn may_hold(free_max: Option<u64>, need: Need) -> bool {
    matches!(free_max, Some(free) if free >= need.memory.0)
}

/// Loads are never negative nor NaN; `total_cmp` keeps the order total all the same.
pub(super) fn order(a: (f64, HostId), b: (f64, HostId)) -> Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}

fn before(a: (f64, HostId), b: (f64, HostId)) -> bool {
    order(a, b).is_lt()
}

impl Shelf {
    /// A shelf of hosts in order of (key, number).
    pub(super) fn of(ordered: &[Entry]) -> Self {
        let blocks = ordered.chunks(BLOCK_MAX / 2);
        let mut shelf = Self {
            blocks: blocks.filter_map(|entries| Block::of(entries.to_vec())).collect(),
            aisles: Vec::new(),
        };
        shelf.measure_from(0);
        shelf
    }

    pub(super) fn insert(&mut self, host: HostId, key: f64, room: Room) {
        let entry = Entry::new(host, key, room);
        let at = self
            .block_of(entry.place())
            .min(self.blocks.len().saturating_sub(1));
        let Some(block) = self.blocks.get_mut(at) else {
            *self = Self::of(&[entry]);
            return;
        };
        let place = block
            .entries
            .partition_point(|other| before(other.place(), entry.place()));
        block.entries.insert(place, entry);
        if block.entries.len() > BLOCK_MAX {
            let upper = block.entries.split_off(BLOCK_MAX / 2);
            let lower = std::mem::take(&mut block.entries);
            let halves = [lower, upper].into_iter().filter_map(Block::of);
            self.blocks.splice(at..=at, halves);
            self.measure_from(at);
            return;
        }
        if before(entry.place(), block.first) {
            block.first = entry.place();
        }
        if before(block.last, entry.place()) {
            block.last = entry.place();
        }
        if room.moves > 0 {
            let aisle = &mut self.aisles[at / AISLE];
            block.free_max = block.free_max.max(Some(room.free.0));
            *aisle = (*aisle).max(block.free_max);
        }
    }

    pub(super) fn remove(&mut self, host: HostId, key: f64, room: &Room) {
        let at = self.block_of((key, host));
        let Some(block) = self.blocks.get_mut(at) else {
            return;
        };
        let Some(place) = block.entries.iter().position(|entry| entry.host == host) else {
            return;
        };
        block.entries.remove(place);
        let ends = (block.entries.first(), block.entries.last());
        let (Some(first), Some(last)) = ends else {
            self.blocks.remove(at);
            self.measure_from(at);
            return;
        };
        (block.first, block.last) = (first.place(), last.place());
        if block.free_max == Some(room.free.0) {
            block.measure();
            self.measure(at / AISLE);
        }
    }

    /// Takes the measure of an aisle anew.
    fn measure(&mut self, aisle: usize) {
        let blocks = self.blocks.iter().skip(aisle * AISLE).take(AISLE);
        self.aisles[aisle] = blocks.filter_map(|block| block.free_max).max();
    }

    /// Blocks came or went from one on: so for the aisles from there.
    fn measure_from(&mut self, block: usize) {
        self.aisles.resize(self.blocks.len().div_ceil(AISLE), None);
        for aisle in block / AISLE..self.aisles.len() {
            self.measure(aisle);
        }
    }

    /// Some host on it.
    pub(super) fn any(&self) -> Option<&Entry> {
        self.blocks.first()?.entries.first()
    }

    /// Whether no host is on it.
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The first entry with its key in a range that holds a VM; `holds` is asked only of those with the memory.
    pub(super) fn first(
        &self,
        keys: &Range<f64>,
        need: Need,
        holds: impl Fn(&Entry) -> bool,
    ) -> Option<&Entry> {
        self.open(self.within(keys), need)
            .flat_map(|block| &block.entries)
            .skip_while(|entry| entry.key < keys.start)
            .take_while(|entry| entry.key < keys.end)
            .find(|entry| holds(entry))
    }

    /// The last such entry; of those with the same key the one of the lowest number.
    pub(super) fn last(
        &self,
        keys: &Range<f64>,
        need: Need,
        holds: impl Fn(&Entry) -> bool,
    ) -> Option<&Entry> {
        let found = self
            .open(self.within(keys), need)
            .rev()
            .flat_map(|block| block.entries.iter().rev())
            .skip_while(|entry| entry.key >= keys.end)
            .take_while(|entry| entry.key >= keys.start)
            .find(|entry| holds(entry))?;
        self.first(&(found.key..keys.end), need, holds)
    }

    /// The blocks where a host may hold a VM.
    pub(super) fn blocks(&self, need: Need) -> impl Iterator<Item = BlockView<'_>> {
        self.open(0..self.blocks.len(), need).map(|block| BlockView {
            free_max: block.free_max.unwrap_or(0),
            load_min: block.first.0,
            entries: &block.entries,
        })
    }

    /// Those blocks of a range where a host may hold a VM.
    fn open(&self, range: Range<usize>, need: Need) -> impl DoubleEndedIterator<Item = &Block> {
        let aisles = range.start / AISLE..range.end.div_ceil(AISLE);
        aisles
            .filter(move |aisle| may_hold(self.aisles[*aisle], need))
            .flat_map(move |aisle| {
                let (from, to) = (aisle * AISLE, (aisle + 1) * AISLE);
                &self.blocks[from.max(range.start)..to.min(range.end)]
            })
            .filter(move |block| may_hold(block.free_max, need))
    }

    /// The blocks where keys of a range can be.
    fn within(&self, keys: &Range<f64>) -> Range<usize> {
        let from = self.block_of((keys.start, HostId(0)));
        let to = self.blocks.partition_point(|block| block.first.0 < keys.end);
        from..to.max(from)
    }

    /// The first block whose last entry is not before a key.
    fn block_of(&self, key: (f64, HostId)) -> usize {
        self.blocks.partition_point(|block| before(block.last, key))
    }
}
