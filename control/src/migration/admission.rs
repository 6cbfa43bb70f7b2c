//! Admission: how many migrations a host takes part in at once, and what happens to one more.
//!
//! A node of a 2008 R2 cluster takes part in one live migration at a time, as source or as target, so that at most
//! ⌊N/2⌋ run in a cluster of N. Failover Cluster Manager refuses another; Virtual Machine Manager queues it. Of those
//! that wait, none overtakes an earlier one that waits for the same host.

use std::collections::{BTreeMap, BTreeSet};

use twinrack_scenario::spec::migration::BusySpec;
use twinrack_scenario::{HostId, MigrationId};

use super::step::Refusal;

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may begin.
    Begin,
    /// It waits.
    Queued,
    /// It is refused.
    Refused(Refusal),
}

/// A migration that waits or runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pair {
    from: HostId,
    to: HostId,
}

impl Pair {
    /// The hosts it keeps busy; one when it goes nowhere.
    fn hosts(self) -> impl Iterator<Item = HostId> {
        std::iter::once(self.from).chain((self.to != self.from).then_some(self.to))
    }
}

/// Place in the queue: requests are served in this order.
type Place = (u64, MigrationId);

#[derive(Debug, Clone, Default)]
struct Desk {
    running: u32,
    waiting: BTreeSet<Place>,
}

impl Desk {
    fn is_idle(&self) -> bool {
        self.running == 0 && self.waiting.is_empty()
    }
}

/// Which migrations run, and which wait.
#[derive(Debug, Clone)]
pub struct Admission {
    per_host: u32,
    when_busy: BusySpec,
    next_place: u64,
    desks: BTreeMap<HostId, Desk>,
    running: BTreeMap<MigrationId, Pair>,
    waiting: BTreeMap<MigrationId, (Place, Pair)>,
}

impl Admission {
    /// Nothing runs; each host takes part in `per_host` migrations.
    pub fn new(per_host: u32, when_busy: BusySpec) -> Self {
        Self {
            per_host: per_host.max(1),
            when_busy,
            next_place: 0,
            desks: BTreeMap::new(),
            running: BTreeMap::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// How many run.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether a migration waits.
    pub fn waits(&self, migration: MigrationId) -> bool {
        self.waiting.contains_key(&migration)
    }

    /// Those that wait, by number.
    pub fn queue(&self) -> impl Iterator<Item = MigrationId> {
        self.waiting.keys().copied()
    }

    /// Whether a host takes part in a migration, or one that waits will need it.
    pub fn involves(&self, host: HostId) -> bool {
        self.desks.contains_key(&host)
    }

    /// How many a host takes part in now.
    pub fn running_on(&self, host: HostId) -> u32 {
        self.desks.get(&host).map_or(0, |desk| desk.running)
    }

    /// Asks for a migration. The number must be new.
    pub fn ask(&mut self, migration: MigrationId, from: HostId, to: HostId) -> Verdict {
        let pair = Pair { from, to };
        let busy = pair.hosts().find(|host| {
            let desk = self.desks.get(host);
            desk.is_some_and(|desk| desk.running as usize + desk.waiting.len() >= self.per_host as usize)
        });
        match (busy, self.when_busy) {
            (None, _) => {
                self.begin(migration, pair);
                Verdict::Begin
            }
            (Some(_), BusySpec::Queue) => {
                let place = (self.next_place, migration);
                self.next_place += 1;
                self.waiting.insert(migration, (place, pair));
                for host in pair.hosts() {
                    self.desks.entry(host).or_default().waiting.insert(place);
                }
                Verdict::Queued
            }
            (Some(host), BusySpec::Refuse) => Verdict::Refused(Refusal {
                code: "LM_NODE_BUSY",
                message: format!(
                    "the {} node already takes part in {} live migration(s); try again when it is done",
                    if host == from { "source" } else { "destination" },
                    self.running_on(host)
                ),
            }),
        }
    }

    /// A migration has ended, or no longer wants to wait. Gives those that begin now, in the order they asked.
    pub fn done(&mut self, migration: MigrationId) -> Vec<MigrationId> {
        let pair = if let Some(pair) = self.running.remove(&migration) {
            for host in pair.hosts() {
                if let Some(desk) = self.desks.get_mut(&host) {
                    desk.running = desk.running.saturating_sub(1);
                }
            }
            pair
        } else if let Some((place, pair)) = self.waiting.remove(&migration) {
            for host in pair.hosts() {
                if let Some(desk) = self.desks.get_mut(&host) {
                    desk.waiting.remove(&place);
                }
            }
            pair
        } else {
            return Vec::new();
        };
        let mut candidates: BTreeSet<Place> = BTreeSet::new();
        for host in pair.hosts() {
            candidates.extend(self.served(host));
        }
        let mut begun = Vec::new();
        for place in candidates {
            let Some((_, pair)) = self.waiting.get(&place.1).copied() else {
                continue;
            };
            if pair
                .hosts()
                .all(|host| self.served(host).any(|served| served == place))
            {
                self.waiting.remove(&place.1);
                for host in pair.hosts() {
                    if let Some(desk) = self.desks.get_mut(&host) {
                        desk.waiting.remove(&place);
                    }
                }
                self.begin(place.1, pair);
                begun.push(place.1);
            }
        }
        for host in pair.hosts() {
            if self.desks.get(&host).is_some_and(Desk::is_idle) {
                self.desks.remove(&host);
            }
        }
        begun
    }

    /// The first of those that wait for a host, as many as it has room for.
    fn served(&self, host: HostId) -> impl Iterator<Item = Place> {
        let desk = self.desks.get(&host);
        let room = desk.map_or(0, |desk| self.per_host.saturating_sub(desk.running));
        desk.into_iter()
            .flat_map(|desk| desk.waiting.iter().copied())
            .take(room as usize)
    }

    fn begin(&mut self, migration: MigrationId, pair: Pair) {
        for host in pair.hosts() {
            self.desks.entry(host).or_default().running += 1;
        }
        self.running.insert(migration, pair);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ask(admission: &mut Admission, migration: u32, from: u32, to: u32) -> Verdict {
        admission.ask(MigrationId(migration), HostId(from), HostId(to))
    }

    #[test]
    fn the_third_waits_for_its_source() {
        // A→B and C→D at once; A→C waits for both of them.
        let mut queue = Admission::new(1, BusySpec::Queue);
        assert_eq!(ask(&mut queue, 0, 0, 1), Verdict::Begin);
        assert_eq!(ask(&mut queue, 1, 2, 3), Verdict::Begin);
        assert_eq!(ask(&mut queue, 2, 0, 2), Verdict::Queued);
        assert_eq!(queue.done(MigrationId(0)), []);
        assert_eq!(queue.done(MigrationId(1)), [MigrationId(2)]);
    }

    #[test]
    fn the_cluster_manager_refuses_the_third() {
        let mut refuse = Admission::new(1, BusySpec::Refuse);
        assert_eq!(ask(&mut refuse, 0, 0, 1), Verdict::Begin);
        let Verdict::Refused(why) = ask(&mut refuse, 1, 2, 1) else {
            panic!("refused")
        };
        assert_eq!(why.code, "LM_NODE_BUSY");
        assert_eq!(refuse.done(MigrationId(0)), []);
        assert_eq!(ask(&mut refuse, 2, 2, 1), Verdict::Begin);
    }

    #[test]
    fn sixteen_nodes_take_eight() {
        let mut queue = Admission::new(1, BusySpec::Queue);
        for from in 0..16 {
            ask(&mut queue, from, from, (from + 1) % 16);
        }
        // 0→1 runs, 1→2 waits and keeps 2, so 2→3 waits too, …: neighbours are a worst case of the order.
        assert_eq!(queue.running(), 1);
        let mut pairs = Admission::new(1, BusySpec::Queue);
        for from in 0..16 {
            ask(&mut pairs, from, from, from ^ 1);
        }
        assert_eq!((pairs.running(), pairs.waiting()), (8, 8));
    }

    #[test]
    fn one_that_gives_up_lets_the_next_through() {
        let mut queue = Admission::new(1, BusySpec::Queue);
        ask(&mut queue, 0, 0, 1);
        ask(&mut queue, 1, 1, 2);
        assert_eq!(
            ask(&mut queue, 2, 2, 3),
            Verdict::Queued,
            "it may not overtake at host 2"
        );
        assert_eq!(queue.done(MigrationId(1)), [MigrationId(2)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_host_is_overbooked_and_everyone_is_served(
            per_host in 1_u32..4,
            pairs in proptest::collection::vec((0_u32..6, 0_u32..6), 1..60),
        ) {
            let mut queue = Admission::new(per_host, BusySpec::Queue);
            let mut running: Vec<MigrationId> = Vec::new();
            let mut served = 0;
            for (number, (from, to)) in pairs.iter().enumerate() {
                if ask(&mut queue, number as u32, *from, *to) == Verdict::Begin {
                    running.push(MigrationId(number as u32));
                }
            }
            while let Some(first) = running.first().copied() {
                for host in 0..6 {
                    prop_assert!(queue.running_on(HostId(host)) <= per_host);
                }
                running.remove(0);
                served += 1;
                running.extend(queue.done(first));
            }
            prop_assert_eq!(served, pairs.len());
            prop_assert_eq!(queue.waiting(), 0);
        }
    }
}
