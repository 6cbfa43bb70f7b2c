//! A shelf: hosts in order of load, cut into blocks that say what the roomiest host in them could take.
//!
//! A search for the first or the last host that holds a VM passes over whole blocks and never misses a host: the choice is
//! that of a look at every host, at a cost that grows with the blocks looked at (entries / 64) instead of with the hosts.

use std::ops::Range;

use twinrack_scenario::HostId;

use super::target::{Need, Room};

/// A block past this is cut in two.
const BLOCK_MAX: usize = 128;

/// Hosts in order of (key, number); the key is the load asked for, or nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Shelf {
    blocks: Vec<Block>,
}

/// A host and what is known of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    key: f64,
    pub(super) host: HostId,
    pub(super) room: Room,
}

impl Entry {
    const fn place(&self) -> (f64, HostId) {
        (self.key, self.host)
    }
}

#[derive(Debug, Clone, Default)]
struct Block {
    /// Never empty.
    entries: Vec<Entry>,
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
    fn new(entries: Vec<Entry>) -> Self {
        let mut block = Self {
            entries,
            free_max: None,
        };
        block.measure();
        block
    }

    fn measure(&mut self) {
        let open = self.entries.iter().filter(|entry| entry.room.moves > 0);
        self.free_max = open.map(|entry| entry.room.free.0).max();
    }

    fn may_hold(&self, need: Need) -> bool {
        self.free_max.is_some_and(|free| free >= need.memory.0)
    }

    fn after_last(&self, key: (f64, HostId)) -> bool {
        self.entries.last().is_some_and(|last| before(last.place(), key))
    }
}

/// Loads are never negative nor NaN; `total_cmp` keeps the order total all the same.
fn before(a: (f64, HostId), b: (f64, HostId)) -> bool {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).is_lt()
}

impl Shelf {
    pub(super) fn insert(&mut self, host: HostId, key: f64, room: Room) {
        let entry = Entry { key, host, room };
        let at = self
            .block_of(entry.place())
            .min(self.blocks.len().saturating_sub(1));
        let Some(block) = self.blocks.get_mut(at) else {
            self.blocks.push(Block::new(vec![entry]));
            return;
        };
        let place = block
            .entries
            .partition_point(|other| before(other.place(), entry.place()));
        block.entries.insert(place, entry);
        if block.entries.len() > BLOCK_MAX {
            let upper = block.entries.split_off(BLOCK_MAX / 2);
            block.measure();
            self.blocks.insert(at + 1, Block::new(upper));
        } else if room.moves > 0 {
            block.free_max = block.free_max.max(Some(room.free.0));
        }
    }

    pub(super) fn remove(&mut self, host: HostId, key: f64, room: &Room) {
        let at = self.block_of((key, host));
        let Some(block) = self.blocks.get_mut(at) else {
            return;
        };
        block.entries.retain(|entry| entry.host != host);
        if block.entries.is_empty() {
            self.blocks.remove(at);
        } else if block.free_max == Some(room.free.0) {
            block.measure();
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
        self.within(keys)
            .iter()
            .filter(|block| block.may_hold(need))
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
            .within(keys)
            .iter()
            .rev()
            .filter(|block| block.may_hold(need))
            .flat_map(|block| block.entries.iter().rev())
            .skip_while(|entry| entry.key >= keys.end)
            .take_while(|entry| entry.key >= keys.start)
            .find(|entry| holds(entry))?;
        self.first(&(found.key..keys.end), need, holds)
    }

    /// The blocks where a host may hold a VM.
    pub(super) fn blocks(&self, need: Need) -> impl Iterator<Item = BlockView<'_>> {
        let open = self.blocks.iter().filter(move |block| block.may_hold(need));
        open.map(|block| BlockView {
            free_max: block.free_max.unwrap_or(0),
            load_min: block.entries[0].key,
            entries: &block.entries,
        })
    }

    /// The blocks where keys of a range can be. Both ends are sought by halves: what is then passed over costs a look at the
    /// block, none at its entries, which would be a miss of the cache each.
    fn within(&self, keys: &Range<f64>) -> &[Block] {
        let from = self.block_of((keys.start, HostId(0)));
        let to = self
            .blocks
            .partition_point(|block| block.entries[0].key < keys.end);
        self.blocks.get(from..to).unwrap_or_default()
    }

    /// The first block whose last entry is not before a key.
    fn block_of(&self, key: (f64, HostId)) -> usize {
        self.blocks.partition_point(|block| block.after_last(key))
    }
}
