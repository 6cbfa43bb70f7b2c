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

use std::collections::BTreeMap;
use std::ops::Range;

use twinrack_scenario::HostId;
use twinrack_scenario::spec::consolidation::PlacementSpec;
use twinrack_scenario::units::{Bytes, Watts};

use super::shelf::{BlockView, Entry, Shelf};
use crate::fabric::VmView;

/// Straight parts of a power curve.
const PARTS: u32 = 10;

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

    /// Whether there may be memory and moves for VMs of these sizes, whatever goes where: `false` is certain.
    ///
    /// Of any size, there must be as many slots as there are VMs of that size or more. The slots are kept from one question to the
    /// next, so that most hosts that can't be emptied cost no search for places.
    pub fn might_hold(&mut self, mut sizes: Vec<Bytes>) -> bool {
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        (1..)
            .zip(&sizes)
            .filter(|(count, size)| sizes.get(*count) != Some(size))
            .all(|(count, size)| count as u64 <= self.slots(*size))
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
        if self.rooms.len() <= host.index() {
            self.rooms.resize(host.index() + 1, None);
        }
        self.rooms[host.index()] = Some(room);
        for (size, slots) in &mut self.slots {
            *slots += room.slots(*size);
        }
        let (shelf, key) = self.place_of(&room);
        self.shelves.entry(shelf).or_default().insert(host, key, room);
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

/// Every load.
const ALL: Range<f64> = 0.0..f64::INFINITY;

fn lower(a: (f64, HostId), b: (f64, HostId)) -> (f64, HostId) {
    if a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).is_le() {
        a
    } else {
        b
    }
}

/// A VM that looks for a host on one shelf.
#[derive(Clone, Copy)]
struct Search<'a> {
    shelf: &'a Shelf,
    need: Need,
    ceiling: f64,
}

impl<'a> Search<'a> {
    fn holds(&self, entry: &Entry) -> bool {
        entry.room.holds(self.need, self.ceiling)
    }

    fn first(&self, keys: &Range<f64>) -> Option<&'a Entry> {
        self.shelf.first(keys, self.need, |entry| self.holds(entry))
    }

    fn last(&self, keys: &Range<f64>) -> Option<&'a Entry> {
        self.shelf.last(keys, self.need, |entry| self.holds(entry))
    }

    /// Least increase of power. Hosts of a shelf are of one kind.
    fn least_increase(&self, watts: WattsAt<'_>) -> Option<(f64, HostId)> {
        let any = self.shelf.any()?;
        let (kind, size) = (any.host, any.room.processors);
        let increase = |load: f64| watts(kind, load + self.need.processors).0 - watts(kind, load).0;
        let corners = corners(size, self.need.processors);
        let increases: Vec<f64> = corners.iter().map(|corner| increase(*corner)).collect();
        // Past the last corner, where hosts asked for more than they have stand, the curve is flat.
        let ends = corners[1..].iter().copied().chain([f64::INFINITY]);
        let at_ends = increases[1..].iter().copied().chain([increase(size)]);
        let mut parts: Vec<(f64, Range<f64>)> = (increases.iter().zip(at_ends))
            .map(|(start, end)| start.min(end))
            .zip(corners.iter().zip(ends).map(|(from, to)| *from..to))
            .collect();
        parts.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.start.total_cmp(&b.1.start)));
        let mut best: Option<(f64, HostId)> = None;
        for (bound, part) in parts {
            // Rounding may put a host a hair below the bound of its part.
            if best.is_some_and(|(least, _)| bound > least + 1e-9 * least.abs()) {
                break;
            }
            let ends = [self.first(&part), self.last(&part)];
            let ends = ends.into_iter().flatten();
            best = ends
                .map(|entry| (increase(entry.room.asked), entry.host))
                .chain(best)
                .reduce(lower);
        }
        best
    }

    fn most_aligned(&self) -> Option<(f64, HostId)> {
        let blocks = || {
            self.shelf
                .blocks(self.need)
                .map(|block| (self.least_of(&block), block))
        };
        // The block that promises most comes first: what is found there lets nearly all others be passed over.
        let promising = blocks().min_by(|a, b| a.0.total_cmp(&b.0))?.1;
        blocks().fold(self.best_of(&promising), |best, (least, block)| match best {
            Some((found, _)) if least > found => best,
            _ => best.into_iter().chain(self.best_of(&block)).reduce(lower),
        })
    }

    /// What no host of a block is below: none has more free memory or a lower load than the block says.
    fn least_of(&self, block: &BlockView<'_>) -> f64 {
        let bound = Room {
            free: Bytes(block.free_max),
            asked: block.load_min,
            ..block.entries[0].room
        };
        -alignment(&bound, self.need)
    }

    fn best_of(&self, block: &BlockView<'_>) -> Option<(f64, HostId)> {
        let holding = block.entries.iter().filter(|entry| self.holds(entry));
        holding
            .map(|entry| (-alignment(&entry.room, self.need), entry.host))
            .reduce(lower)
    }
}

/// Loads of a host at which its curve, or the curve a VM further on, has a corner; in order, from 0.
fn corners(size: f64, more: f64) -> Vec<f64> {
    let tenths = (0..=PARTS).map(|tenth| size * f64::from(tenth) / f64::from(PARTS));
    let mut corners: Vec<f64> = tenths
        .flat_map(|corner| [corner, corner - more])
        .filter(|corner| *corner >= 0.0)
        .chain([0.0])
        .collect();
    corners.sort_by(f64::total_cmp);
    corners.dedup();
    corners
}

/// Dot product of what is needed and what is left, in shares of the host (Panigrahy et al., "Heuristics for vector bin
/// packing", 2011).
fn alignment(room: &Room, need: Need) -> f64 {
    let processors = room.processors.max(f64::MIN_POSITIVE);
    let memory = room.memory.as_f64().max(1.0);
    need.processors / processors * ((room.processors - room.asked) / processors)
        + need.memory.as_f64() / memory * (room.free.as_f64() / memory)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn room(kind: u32, asked: f64, free_gib: u64) -> Room {
        Room {
            kind,
            setting: 0,
            processors: 16.0,
            asked,
            unreserved: free_gib as f64 / 4.0,
            memory: Bytes(64 << 30),
            free: Bytes(free_gib << 30),
            moves: 4,
        }
    }

    fn fit(policy: PlacementSpec, rooms: &[Room]) -> Fit {
        let mut fit = Fit::new(policy);
        for (index, room) in rooms.iter().enumerate() {
            fit.put(HostId(index as u32), *room);
        }
        fit
    }

    fn choose(fit: &Fit) -> Option<u32> {
        let need = Need {
            processors: 2.0,
            reserve: 0.5,
            memory: Bytes(4 << 30),
        };
        // Kind 0 draws 10 W a processor, kind 1 5 W.
        let watts = |host: HostId, busy: f64| {
            Watts(
                busy * if fit.get(host).is_some_and(|room| room.kind == 0) {
                    10.0
                } else {
                    5.0
                },
            )
        };
        fit.choose(need, 0.8, &watts, &mut |_| true).map(|host| host.0)
    }

    #[test]
    fn each_policy_has_its_own_choice() {
        // 0: too full (15 + 2 > 12.8); 1: no memory; 2 and 3 fit, 4 is of the thriftier kind.
        let rooms = [
            room(0, 15.0, 60),
            room(0, 1.0, 2),
            room(0, 3.0, 20),
            room(0, 9.0, 60),
            room(1, 5.0, 8),
        ];
        let chosen = |policy| choose(&fit(policy, &rooms));
        assert_eq!(chosen(PlacementSpec::FirstFit), Some(2));
        assert_eq!(chosen(PlacementSpec::BestFit), Some(3));
        assert_eq!(chosen(PlacementSpec::WorstFit), Some(2));
        assert_eq!(chosen(PlacementSpec::PowerAware), Some(4));
        // 2/16 * 13/16 + 4/64 * 20/64 = 0.121; host 3: 2/16 * 7/16 + 4/64 * 60/64 = 0.113.
        assert_eq!(chosen(PlacementSpec::DotProduct), Some(2));
    }

    proptest! {
        /// What was said to be impossible is: whichever way VMs are put on hosts, all of them never fit.
        #[test]
        fn what_cannot_be_held_is_not_placed(
            rooms in proptest::collection::vec((0_u64..40, 0_u32..4), 1..6),
            sizes in proptest::collection::vec(1_u64..12, 1..10),
            earlier in 0_u64..12,
        ) {
            let rooms: Vec<Room> = rooms
                .into_iter()
                .map(|(free, moves)| Room { moves, ..room(0, 0.0, free) })
                .collect();
            for policy in [PlacementSpec::FirstFit, PlacementSpec::BestFit, PlacementSpec::WorstFit] {
                let mut fit = fit(policy, &rooms);
                // Slots that were asked about before are kept up to date.
                fit.might_hold(vec![Bytes(earlier << 30)]);
                let sizes: Vec<Bytes> = sizes.iter().map(|gib| Bytes(gib << 30)).collect();
                let before = fit.clone().might_hold(sizes.clone());
                let all = sizes.iter().all(|size| {
                    let need = Need { processors: 0.0, reserve: 0.0, memory: *size };
                    let to = fit.choose(need, 1.0, &|_, _| Watts(0.0), &mut |_| true);
                    to.inspect(|to| fit.place(*to, need)).is_some()
                });
                prop_assert!(before || !all);
                let kept = fit.slots(Bytes(earlier << 30));
                let anew: u64 = fit.rooms.iter().flatten().map(|room| room.slots(Bytes(earlier << 30))).sum();
                prop_assert_eq!(kept, anew);
            }
        }
    }

    #[test]
    fn slots_are_counted_size_by_size() {
        let mut fit = fit(PlacementSpec::BestFit, &[room(0, 0.0, 9), room(0, 0.0, 7)]);
        let gib = |sizes: &[u64]| sizes.iter().map(|gib| Bytes(gib << 30)).collect::<Vec<_>>();
        assert!(fit.might_hold(gib(&[8, 4])));
        assert!(
            !fit.might_hold(gib(&[8, 8])),
            "16 GiB are free, but not two times 8"
        );
        assert!(!fit.might_hold(gib(&[4, 4, 4, 4])), "three of 4 GiB are the most");
        assert!(!fit.might_hold(gib(&[1; 9])), "four moves each");
    }

    #[test]
    fn what_is_placed_is_gone() {
        let mut fit = fit(PlacementSpec::BestFit, &[room(0, 0.0, 8)]);
        let need = Need {
            processors: 2.0,
            reserve: 0.5,
            memory: Bytes(4 << 30),
        };
        for _ in 0..2 {
            assert_eq!(choose(&fit), Some(0));
            fit.place(HostId(0), need);
        }
        assert_eq!(choose(&fit), None);
    }

    const POLICIES: [PlacementSpec; 5] = [
        PlacementSpec::PowerAware,
        PlacementSpec::FirstFit,
        PlacementSpec::BestFit,
        PlacementSpec::WorstFit,
        PlacementSpec::DotProduct,
    ];

    /// A curve with corners at the tenths, of a different bend for each kind; flat past full load.
    fn bent(kind: u32, busy: f64) -> f64 {
        const WATTS: [[f64; 11]; 2] = [
            [
                50.0, 80.0, 88.0, 96.0, 106.0, 118.0, 128.0, 145.0, 170.0, 190.0, 200.0,
            ],
            [
                90.0, 92.0, 96.0, 104.0, 116.0, 130.0, 135.0, 137.0, 140.0, 160.0, 190.0,
            ],
        ];
        let (curve, load) = (WATTS[kind as usize], (busy / 16.0 * 10.0).min(10.0));
        let low = (load as usize).min(9);
        curve[low] + (load - low as f64) * (curve[low + 1] - curve[low])
    }

    fn cost(policy: PlacementSpec, room: &Room, need: Need) -> f64 {
        match policy {
            PlacementSpec::FirstFit => 0.0,
            PlacementSpec::PowerAware => {
                bent(room.kind, room.asked + need.processors) - bent(room.kind, room.asked)
            }
            PlacementSpec::BestFit => room.processors - room.asked,
            PlacementSpec::WorstFit => room.asked - room.processors,
            PlacementSpec::DotProduct => -alignment(room, need),
        }
    }

    fn any_room() -> impl Strategy<Value = Room> {
        let loads = prop_oneof![Just(-0.0), (0..16u32).prop_map(f64::from), 0.0..16.0f64];
        (0..2u32, 0..3u32, loads, 0..64u64, 0..3u32).prop_map(|(kind, setting, asked, free, moves)| Room {
            setting,
            moves,
            ..room(kind, asked, free)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        /// Against a look at every host of a setting that is open: the same cost, and the same host unless costs are equal but for rounding.
        #[test]
        fn the_best_of_all_hosts_is_chosen(
            rooms in prop::collection::vec(any_room(), 1..400),
            needs in prop::collection::vec((0.0..6.0f64, 0..24u64), 1..12),
            policy in prop::sample::select(&POLICIES[..]),
            ceiling in 0.5..1.2f64,
            closed in 0..4u32,
        ) {
            let mut fit = fit(policy, &rooms);
            let watts = |host: HostId, busy: f64| Watts(bent(rooms[host.index()].kind, busy));
            for (processors, gib) in needs {
                let need = Need { processors, reserve: processors / 2.0, memory: Bytes(gib << 30) };
                let all = (0..rooms.len() as u32).map(HostId);
                let holding = all.filter_map(|host| fit.get(host).map(|room| (host, *room)));
                let holding = holding.filter(|(_, room)| room.setting != closed && room.holds(need, ceiling));
                let wanted = holding.map(|(host, room)| (cost(policy, &room, need), host)).reduce(lower);
                let mut open = |host: HostId| rooms[host.index()].setting != closed;
                let got = fit.choose(need, ceiling, &watts, &mut open);
                prop_assert_eq!(got.is_some(), wanted.is_some());
                if let (Some(got), Some((least, host))) = (got, wanted) {
                    let room = *fit.get(got).expect("chosen of these");
                    prop_assert!(room.holds(need, ceiling));
                    prop_assert!(cost(policy, &room, need) <= least + 1e-9 * least.abs());
                    if policy != PlacementSpec::PowerAware {
                        prop_assert_eq!(got, host);
                    }
                    fit.place(got, need);
                }
            }
        }
    }
}
