//! The pending events: a small heap for the near future in front of radix buckets for the far one.
//!
//! A key is 16 bytes: time, then priority, sequence and the slot of the event's body packed into one word. Simulated
//! time never goes back, so far keys lie in buckets by the highest bit in which their time differs from the present
//! (a radix heap: Ahuja, Mehlhorn, Orlin and Tarjan, "Faster algorithms for the shortest path problem", 1990). When the
//! heap runs dry, the lowest bucket moves into it if it is small, and is cut finer if it is large. A key is moved a
//! few times at most, and the heap stays in the first-level cache whatever the number of pending events.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use twinrack_scenario::units::SimTime;

/// Which of the events of one instant come first: 0 before 1, up to 15.
pub type Priority = u8;

/// Most events the queue can hold: 24 bits of slot.
pub const PENDING_LIMIT: usize = 1 << SLOT_BITS;
/// Most events of a run: 36 bits of sequence.
pub const SEQUENCE_LIMIT: u64 = 1 << SEQUENCE_BITS;

const SLOT_BITS: u32 = 24;
const SEQUENCE_BITS: u32 = 36;
/// Largest bucket that goes into the heap whole: 16 KiB of keys stay in the first-level cache.
const HEAP_LOAD: usize = 1024;
const BUCKETS: usize = 65;

/// Names an event that is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handle {
    slot: u32,
    generation: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    time: u64,
    /// Priority (4 bits), sequence (36), slot (24): the slot never decides, for no sequence comes twice.
    rest: u64,
}

impl Key {
    const fn slot(self) -> usize {
        (self.rest & ((1 << SLOT_BITS) - 1)) as usize
    }
}

#[derive(Debug)]
struct Slot<E> {
    body: Option<E>,
    generation: u32,
}

/// Pending events in the order of (time, priority, sequence).
#[derive(Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Reverse<Key>>,
    /// Keys up to this time are in the heap, later ones in the buckets.
    horizon: u64,
    /// What bucket numbers are relative to; at most the horizon.
    base: u64,
    buckets: Vec<Vec<Key>>,
    slots: Vec<Slot<E>>,
    free: Vec<u32>,
    sequence: u64,
    live: usize,
}

impl<E> Queue<E> {
    /// An empty queue.
    pub fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            horizon: 0,
            base: 0,
            buckets: (0..BUCKETS).map(|_| Vec::new()).collect(),
            slots: Vec::new(),
            free: Vec::new(),
            sequence: 0,
            live: 0,
        }
    }

    /// How many events are pending.
    pub const fn len(&self) -> usize {
        self.live
    }

    /// Whether none is.
    pub const fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// How many places are taken, those of events taken back included.
    pub const fn held(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Adds an event at a time that is not before the last one taken; `None` past [`SEQUENCE_LIMIT`] or [`PENDING_LIMIT`].
    pub fn push(&mut self, at: SimTime, priority: Priority, body: E) -> Option<Handle> {
        if self.sequence >= SEQUENCE_LIMIT || (self.free.is_empty() && self.slots.len() >= PENDING_LIMIT) {
            return None;
        }
        let slot = self.occupy(body);
        let order = u64::from(priority.min(15)) << (SEQUENCE_BITS + SLOT_BITS) | self.sequence << SLOT_BITS;
        self.sequence += 1;
        self.live += 1;
        self.insert(Key {
            time: at.as_nanos(),
            rest: order | u64::from(slot),
        });
        Some(Handle {
            slot,
            generation: self.slots[slot as usize].generation,
        })
    }

    /// Takes an event back; its key stays until its time comes or until such keys are the majority.
    pub fn cancel(&mut self, handle: Handle) -> Option<E> {
        let slot = self.slots.get_mut(handle.slot as usize)?;
        if slot.generation != handle.generation {
            return None;
        }
        let body = slot.body.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.live -= 1;
        if self.held() > 2 * self.live + HEAP_LOAD {
            self.sweep();
        }
        Some(body)
    }

    /// The time of the next event.
    pub fn peek(&mut self) -> Option<SimTime> {
        loop {
            self.fill_heap();
            let Reverse(key) = *self.heap.peek()?;
            if self.slots[key.slot()].body.is_some() {
                return Some(SimTime::from_nanos(key.time));
            }
            self.heap.pop();
            self.free.push(key.slot() as u32);
        }
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<(SimTime, E)> {
        loop {
            self.fill_heap();
            let Reverse(key) = self.heap.pop()?;
            let slot = &mut self.slots[key.slot()];
            self.free.push(key.slot() as u32);
            if let Some(body) = slot.body.take() {
                slot.generation = slot.generation.wrapping_add(1);
                self.live -= 1;
                return Some((SimTime::from_nanos(key.time), body));
            }
        }
    }

    fn occupy(&mut self, body: E) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize].body = Some(body);
            return slot;
        }
        self.slots.push(Slot {
            body: Some(body),
            generation: 0,
        });
        (self.slots.len() - 1) as u32
    }

    fn insert(&mut self, key: Key) {
        if key.time <= self.horizon {
            self.heap.push(Reverse(key));
        } else {
            self.buckets[bucket(key.time, self.base)].push(key);
        }
    }

    /// Moves the nearest keys into the heap when it is empty.
    fn fill_heap(&mut self) {
        while self.heap.is_empty() {
            let Some(lowest) = self.buckets.iter().position(|keys| !keys.is_empty()) else {
                return;
            };
            let mut keys = std::mem::take(&mut self.buckets[lowest]);
            if keys.len() <= HEAP_LOAD {
                // Bucket b holds the times that share all bits above b-1 with the first of them.
                let width = (1u64 << (lowest - 1)) - 1;
                self.base = keys[0].time & !width;
                self.horizon = keys[0].time | width;
                self.heap.extend(keys.drain(..).map(Reverse));
            } else {
                self.base = keys.iter().map(|key| key.time).min().unwrap_or(self.base);
                self.horizon = self.base;
                for key in keys.drain(..) {
                    self.insert(key);
                }
            }
            // The emptied vector keeps its room for the next keys of that range.
            if self.buckets[lowest].is_empty() {
                self.buckets[lowest] = keys;
            }
        }
    }

    /// Drops the keys of events that were taken back.
    fn sweep(&mut self) {
        let Self {
            heap,
            buckets,
            slots,
            free,
            ..
        } = self;
        let mut keep = |key: &Key| {
            let live = slots[key.slot()].body.is_some();
            if !live {
                free.push(key.slot() as u32);
            }
            live
        };
        heap.retain(|Reverse(key)| keep(key));
        for keys in buckets {
            keys.retain(&mut keep);
        }
    }
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self::new()
    }
}

/// The number of bits up to the highest in which two times differ; 0 when they are the same.
const fn bucket(time: u64, base: u64) -> usize {
    (u64::BITS - (time ^ base).leading_zeros()) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Push { after: u64, priority: u8 },
        Pop,
        Cancel(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let after = prop_oneof![Just(0), 0..4u64, 0..5_000u64, 0..u64::MAX / 1_000_000];
        let step = prop_oneof![
            4 => (after, 0..4u8).prop_map(|(after, priority)| Step::Push { after, priority }),
            2 => Just(Step::Pop),
            1 => any::<usize>().prop_map(Step::Cancel),
        ];
        prop::collection::vec(step, 0..4000)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        /// Against a map ordered by (time, priority, sequence): the same events in the same order.
        #[test]
        fn events_come_in_total_order(steps in steps()) {
            let mut queue = Queue::new();
            let mut model: BTreeMap<(u64, u8, u64), Handle> = BTreeMap::new();
            let (mut now, mut sequence) = (0u64, 0u64);
            for step in steps {
                match step {
                    Step::Push { after, priority } => {
                        let at = now.saturating_add(after);
                        let handle = queue.push(SimTime::from_nanos(at), priority, sequence).expect("room");
                        model.insert((at, priority, sequence), handle);
                        sequence += 1;
                    }
                    Step::Pop => {
                        let wanted = model.pop_first().map(|((at, _, body), _)| (SimTime::from_nanos(at), body));
                        let got = queue.pop();
                        prop_assert_eq!(got, wanted);
                        now = got.map_or(now, |(at, _)| at.as_nanos());
                    }
                    Step::Cancel(which) if !model.is_empty() => {
                        let key = *model.keys().nth(which % model.len()).expect("in range");
                        let handle = model.remove(&key).expect("present");
                        prop_assert_eq!(queue.cancel(handle), Some(key.2));
                        prop_assert_eq!(queue.cancel(handle), None);
                    }
                    Step::Cancel(_) => {}
                }
                prop_assert_eq!(queue.len(), model.len());
                prop_assert_eq!(queue.peek(), model.keys().next().map(|key| SimTime::from_nanos(key.0)));
            }
        }
    }

    #[test]
    fn many_keys_of_one_range_are_cut_finer() {
        let mut queue = Queue::new();
        let times: Vec<u64> = (0..20_000u64)
            .map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 30)
            .collect();
        for &time in &times {
            queue.push(SimTime::from_nanos(time), 0, time).expect("room");
        }
        let mut sorted = times;
        sorted.sort_unstable();
        let got: Vec<u64> = std::iter::from_fn(|| queue.pop().map(|(_, time)| time)).collect();
        assert_eq!(got, sorted);
    }

    #[test]
    fn places_of_events_taken_back_are_given_up() {
        let mut queue = Queue::new();
        for round in 0..100_000u64 {
            let handle = queue
                .push(SimTime::from_nanos(round + 1_000_000), 0, round)
                .expect("room");
            queue.cancel(handle);
        }
        assert!(queue.held() <= 2 * HEAP_LOAD, "{} places held", queue.held());
    }
}
