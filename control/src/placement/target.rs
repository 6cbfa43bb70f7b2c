//! Targets: where a VM goes, among hosts that have room for it in processor, memory and moves.
//!
//! Hosts are kept in order of (kind, tenth of load, number), so that a choice among ten thousand hosts looks at a few of
//! each kind and tenth instead of at all. Power curves are straight within a tenth, so hosts of one kind and
//! tenth differ in nothing that the least increase of power could see.

use std::collections::{BTreeMap, BTreeSet};

use twinrack_scenario::HostId;
use twinrack_scenario::spec::consolidation::PlacementSpec;
use twinrack_scenario::units::{Bytes, Watts};

/// Hosts of one kind and tenth that are looked at before the next are.
const LOOKS: usize = 32;
const TENTHS: f64 = 10.0;

/// What a VM needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Need {
    /// Logical processors.
    pub processors: f64,
    /// Memory.
    pub memory: Bytes,
}

/// What a host has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Room {
    /// Hosts of one kind have the same power curve and size.
    pub kind: u32,
    /// Logical processors.
    pub processors: f64,
    /// Logical processors asked for.
    pub asked: f64,
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
            && self.asked + need.processors <= ceiling * self.processors
    }

    fn tenth(&self) -> u32 {
        (self.asked / self.processors.max(f64::MIN_POSITIVE) * TENTHS) as u32
    }
}

/// Hosts to choose from.
#[derive(Debug, Clone, Default)]
pub struct Fit {
    rooms: BTreeMap<HostId, Room>,
    order: BTreeMap<(u32, u32), BTreeSet<HostId>>,
}

impl Fit {
    /// Adds a host, or replaces what is known of it.
    pub fn put(&mut self, host: HostId, room: Room) {
        self.remove(host);
        self.rooms.insert(host, room);
        self.order
            .entry((room.kind, room.tenth()))
            .or_default()
            .insert(host);
    }

    /// Takes a host out.
    pub fn remove(&mut self, host: HostId) -> Option<Room> {
        let room = self.rooms.remove(&host)?;
        let key = (room.kind, room.tenth());
        if let Some(hosts) = self.order.get_mut(&key) {
            hosts.remove(&host);
            if hosts.is_empty() {
                self.order.remove(&key);
            }
        }
        Some(room)
    }

    /// What is known of a host.
    pub fn get(&self, host: HostId) -> Option<&Room> {
        self.rooms.get(&host)
    }

    /// Puts a VM on a host, in this picture.
    pub fn place(&mut self, host: HostId, need: Need) {
        if let Some(mut room) = self.remove(host) {
            room.asked += need.processors;
            room.free = room.free.saturating_sub(need.memory);
            room.moves = room.moves.saturating_sub(1);
            self.put(host, room);
        }
    }

    /// The host a VM goes to under a policy and a ceiling of load; the lowest number of equals.
    ///
    /// `watts` gives what a host of a kind draws with so many processors busy.
    pub fn choose(
        &self,
        policy: PlacementSpec,
        need: Need,
        ceiling: f64,
        watts: &dyn Fn(HostId, f64) -> Watts,
    ) -> Option<HostId> {
        if policy == PlacementSpec::FirstFit {
            return self
                .rooms
                .iter()
                .find(|(_, room)| room.holds(need, ceiling))
                .map(|(host, _)| *host);
        }
        let fitting = self.order.values().filter_map(|hosts| {
            let few = hosts.iter().take(LOOKS);
            few.filter_map(|host| self.rooms.get(host).map(|room| (*host, room)))
                .find(|(_, room)| room.holds(need, ceiling))
        });
        let cost = |host: HostId, room: &Room| match policy {
            PlacementSpec::FirstFit => 0.0,
            PlacementSpec::PowerAware => {
                watts(host, room.asked + need.processors).0 - watts(host, room.asked).0
            }
            PlacementSpec::BestFit => room.processors - room.asked,
            PlacementSpec::WorstFit => room.asked - room.processors,
            PlacementSpec::DotProduct => -alignment(room, need),
        };
        fitting
            .map(|(host, room)| (cost(host, room), host))
            .reduce(|best, other| {
                if (other.0, other.1) < (best.0, best.1) {
                    other
                } else {
                    best
                }
            })
            .map(|(_, host)| host)
    }
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
    use super::*;

    fn room(kind: u32, asked: f64, free_gib: u64) -> Room {
        Room {
            kind,
            processors: 16.0,
            asked,
            memory: Bytes(64 << 30),
            free: Bytes(free_gib << 30),
            moves: 4,
        }
    }

    fn fit(rooms: &[Room]) -> Fit {
        let mut fit = Fit::default();
        for (index, room) in rooms.iter().enumerate() {
            fit.put(HostId(index as u32), *room);
        }
        fit
    }

    fn choose(fit: &Fit, policy: PlacementSpec) -> Option<u32> {
        let need = Need {
            processors: 2.0,
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
        fit.choose(policy, need, 0.8, &watts).map(|host| host.0)
    }

    #[test]
    fn each_policy_has_its_own_choice() {
        // 0: too full (15 + 2 > 12.8); 1: no memory; 2 and 3 fit, 4 is of the thriftier kind.
        let fit = fit(&[
            room(0, 15.0, 60),
            room(0, 1.0, 2),
            room(0, 3.0, 20),
            room(0, 9.0, 60),
            room(1, 5.0, 8),
        ]);
        assert_eq!(choose(&fit, PlacementSpec::FirstFit), Some(2));
        assert_eq!(choose(&fit, PlacementSpec::BestFit), Some(3));
        assert_eq!(choose(&fit, PlacementSpec::WorstFit), Some(2));
        assert_eq!(choose(&fit, PlacementSpec::PowerAware), Some(4));
        // 2/16 * 13/16 + 4/64 * 20/64 = 0.121; host 3: 2/16 * 7/16 + 4/64 * 60/64 = 0.113.
        assert_eq!(choose(&fit, PlacementSpec::DotProduct), Some(2));
    }

    #[test]
    fn what_is_placed_is_gone() {
        let mut fit = fit(&[room(0, 0.0, 8)]);
        let need = Need {
            processors: 2.0,
            memory: Bytes(4 << 30),
        };
        for _ in 0..2 {
            assert_eq!(choose(&fit, PlacementSpec::BestFit), Some(0));
            fit.place(HostId(0), need);
        }
        assert_eq!(choose(&fit, PlacementSpec::BestFit), None);
    }
}
