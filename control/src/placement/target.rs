//! Targets: where a VM goes, among hosts that have room for it in processor, memory and moves.
//!
//! Every policy takes the best of all hosts, not of a sample; hosts of a kind stand on a shelf in order
//! of load, so that few of ten thousand are looked at:
//!
//! - *best fit* and *worst fit* look from the full or the empty end until a host holds the VM;
//! - *power-aware*: where the power curve is straight both below and above the VM's load on a host, the increase of power
//!   is a straight line over the host's load, and a line is lowest at an end. Curves are straight within a tenth, so only the
//!   first and the last host that hold the VM between two corners can be the best;
//! - *dot product* passes over blocks of hosts that could not be better than the best found so far;
//! - *first fit* keeps all hosts of a setting on one shelf in order of their numbers.

mod search;

use std::collections::BTreeMap;

use twinrack_scenario::HostId;
use twinrack_scenario::spec::consolidation::PlacementSpec;
use twinrack_scenario::units::{Bytes, Watts};

use super::shelf::{Entry, Shelf, order};
use crate::fabric::VmView;
use search::{ALL, Search, lower};

/// What a VM needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Need {
    /// Logical processors.
    pub processors: f64,
    /// Logical processors that must be kept for it.
    pub reserve: f64,
    /// Memory.
    pub memory: Bytes,
}

impl Need {
    /// The need of a VM, for so many logical processors.
    pub const fn of(vm: &VmView, processors: f64) -> Self {
        Self {
            processors,
            reserve: vm.reserve,
            memory: vm.footprint,
        }
    }
}

/// What a host has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Room {
    /// Hosts of one kind have the same power curve and size.
    pub kind: u32,
    /// What speaks against moving a VM to one host of a setting speaks against all of them.
    pub setting: u32,
    /// Logical processors.
    pub processors: f64,
    /// Logical processors asked for.
    pub asked: f64,
    /// Logical processors that nobody has reserved.
    pub unreserved: f64,
    /// Memory in all.
    pub memory: Bytes,
    /// Memory free.
    pub free: Bytes,
    /// VMs it may still receive or give up in this decision.
    pub moves: u32,
}

impl Room {
    /// Whether a VM fits under a ceiling of load.
    pub fn holds(&self, need: Need, ceiling: f64) -> bool {
        self.moves > 0
            && self.free >= need.memory
            && (need.reserve <= self.unreserved + 1e-9 || need.reserve <= 0.0)
            && self.asked + need.processors <= ceiling * self.processors
    }

    /// How many VMs of a size of memory it has memory and moves for.
    fn slots(&self, size: Bytes) -> u64 {
        u64::from(self.moves).min(self.free.0 / size.0.max(1))
    }
}

/// What a host of a kind draws with so many processors busy; the host names its kind.
pub type WattsAt<'a> = &'a dyn Fn(HostId, f64) -> Watts;

/// Whether a VM may go to hosts of a setting at all; the host names its setting.
pub type Open<'a> = &'a mut dyn FnMut(HostId) -> bool;

/// Hosts to choose from, under one policy.
#[derive(Debug, Clone)]
pub struct Fit {
    policy: PlacementSpec,
    rooms: Vec<Option<Room>>,
    /// By setting and kind.
    shelves: BTreeMap<(u32, u32), Shelf>,
    /// For each size of memory that was asked about: how many VMs of it the hosts have memory and moves for.
    slots: BTreeMap<Bytes, u64>,
}

impl Fit {
    /// No hosts yet.
    pub const fn new(policy: PlacementSpec) -> Self {
        Self {
            policy,
            rooms: Vec::new(),
            shelves: BTreeMap::new(),
            slots: BTreeMap::new(),
        }
    }

    /// Hosts that are known at once, each named once.
    pub fn with(policy: PlacementSpec, hosts: impl IntoIterator<Item = (HostId, Room)>) -> Self {
        let mut fit = Self::new(policy);
        let mut shelves: BTreeMap<(u32, u32), Vec<Entry>> = BTreeMap::new();
        for (host, room) in hosts {
            fit.note(host, room);
            let (shelf, key) = fit.place_of(&room);
            shelves
                .entry(shelf)
                .or_default()
                .push(Entry::new(host, key, room));
        }
        fit.shelves = shelves
            .into_iter()
            .map(|(shelf, mut entries)| {
                entries.sort_unstable_by(|a, b| order(a.place(), b.place()));
                (shelf, Shelf::of(&entries))
            })
            .collect();
        fit
    }

    /// Whether hosts other than one may have memory and moves for VMs of these sizes, whatever goes where: `false` is certain.
    ///
    /// Of any size, there must be as many slots as there are VMs of that size or more. The slots are kept from one question to the
    /// next, so that most hosts that can't be emptied cost no search for places.
    pub fn might_hold(&mut self, sizes: &mut [Bytes], but: HostId) -> bool {
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let own = self.get(but).copied();
        (1..)
            .zip(sizes.iter())
            .filter(|(count, size)| sizes.get(*count) != Some(size))
            .all(|(count, size)| count as u64 + own.map_or(0, |room| room.slots(*size)) <= self.slots(*size))
    }

    fn slots(&mut self, size: Bytes) -> u64 {
        let rooms = &self.rooms;
        *self
            .slots
            .entry(size)
            .or_insert_with(|| rooms.iter().flatten().map(|room| room.slots(size)).sum())
    }

    /// Adds a host, or replaces what is known of it.
    pub fn put(&mut self, host: HostId, room: Room) {
        self.remove(host);
        self.note(host, room);
        for (size, slots) in &mut self.slots {
            *slots += room.slots(*size);
        }
        let (shelf, key) = self.place_of(&room);
        self.shelves.entry(shelf).or_default().insert(host, key, room);
    }

    fn note(&mut self, host: HostId, room: Room) {
        if self.rooms.len() <= host.index() {
            self.rooms.resize(host.index() + 1, None);
        }
        self.rooms[host.index()] = Some(room);
    }

    /// Takes a host out.
    pub fn remove(&mut self, host: HostId) -> Option<Room> {
        let room = self.rooms.get_mut(host.index())?.take()?;
        for (size, slots) in &mut self.slots {
            *slots -= room.slots(*size);
        }
        let (kind, key) = self.place_of(&room);
        if let Some(shelf) = self.shelves.get_mut(&kind) {
            shelf.remove(host, key, &room);
            if shelf.is_empty() {
                self.shelves.remove(&kind);
            }
        }
        Some(room)
    }

    /// The shelf of a host and its key there: first fit knows neither kinds nor loads.
    fn place_of(&self, room: &Room) -> ((u32, u32), f64) {
        match self.policy {
            PlacementSpec::FirstFit => ((room.setting, 0), 0.0),
            // The sum of no demands is -0, which stands before 0 in the total order.
            _ => ((room.setting, room.kind), room.asked + 0.0),
        }
    }

    /// What is known of a host.
    pub fn get(&self, host: HostId) -> Option<&Room> {
        self.rooms.get(host.index())?.as_ref()
    }

    /// Puts a VM on a host, in this picture.
    pub fn place(&mut self, host: HostId, need: Need) {
        if let Some(mut room) = self.remove(host) {
            room.asked += need.processors;
            room.unreserved -= need.reserve;
            room.free = room.free.saturating_sub(need.memory);
            room.moves = room.moves.saturating_sub(1);
            self.put(host, room);
        }
    }

    /// The host a VM goes to under a ceiling of load, among those of settings that are open to it; the lowest number of
    /// equals.
    pub fn choose(&self, need: Need, ceiling: f64, watts: WattsAt<'_>, open: Open<'_>) -> Option<HostId> {
        let mut best: Option<(f64, HostId)> = None;
        for shelf in self.shelves.values() {
            if !shelf.any().is_some_and(|entry| open(entry.host)) {
                continue;
            }
            let search = Search { shelf, need, ceiling };
            let found = match self.policy {
                PlacementSpec::FirstFit => search.first(&ALL).map(|entry| (0.0, entry.host)),
                PlacementSpec::BestFit => search
                    .last(&ALL)
                    .map(|entry| (entry.room.processors - entry.room.asked, entry.host)),
                PlacementSpec::WorstFit => search
                    .first(&ALL)
                    .map(|entry| (entry.room.asked - entry.room.processors, entry.host)),
                PlacementSpec::PowerAware => search.least_increase(watts),
                PlacementSpec::DotProduct => search.most_aligned(),
            };
            best = best.into_iter().chain(found).reduce(lower);
        }
        best.map(|(_, host)| host)
    }
}

#[cfg(test)]
mod tests;
