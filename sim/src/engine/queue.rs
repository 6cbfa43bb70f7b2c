//! The pending events: a small heap for the near future in front of radix buckets for the far one.
//!
//! A key is 16 bytes: time, then priority, sequence and the slot of the event's body packed into one word. Simulated
//! time never goes back, so far keys lie in buckets by the highest bit in which their time differs from the present
//! (a radix heap: Ahuja, Mehlhorn, Orlin and Tarjan, "Faster algorithms for the shortest path problem", 1990). When the
//! heap runs dry, the lowest bucket moves into it if it is small, and is cut finer if it is large; a heap that has grown
//! too large goes back into buckets about the present. A key is moved a few times at most, and the heap stays in the
//! first-level cache whatever the number of pending events.

mod near;

use near::Near;
use twinrack_scenario::units::SimTime;

/// Which of the events of one instant come first: 0 before 1, up to 15.
pub type Priority = u8;

/// Most events the queue can hold: 24 bits of slot.
pub const PENDING_LIMIT: usize = 1 << SLOT_BITS;
/// Most events of a run: 36 bits of sequence.
pub const SEQUENCE_LIMIT: u64 = 1 << SEQUENCE_BITS;

const SLOT_BITS: u32 = 24;
const SEQUENCE_BITS: u32 = 36;
/// Largest bucket that goes into the heap whole. In the hold model 16 to 1,024 measure alike, but for 10^6 pending events,
/// where 1,024 is a tenth slower.
const HEAP_LOAD: usize = 64;
/// A heap past this goes back into buckets; several times the load, or it would go to and fro.
const HEAP_MAX: usize = 16 * HEAP_LOAD;
/// So many places of events taken back are always borne, or a small queue would be swept at every step.
const IDLE_PLACES: usize = 1024;
const BUCKETS: usize = 65;

/// Names an event that is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handle {
    slot: u32,
    generation: u32,
}

/// Time (64 bits), priority (4), sequence (36), slot (24): the slot never decides, for no sequence comes twice.
type Key = u128;

const fn key(time: u64, rest: u64) -> Key {
    (time as u128) << 64 | rest as u128
}

const fn time(key: Key) -> u64 {
    (key >> 64) as u64
}

const fn slot(key: Key) -> usize {
    (key & ((1 << SLOT_BITS) - 1)) as usize
}

#[derive(Debug)]
struct Slot<E> {
    body: Option<E>,
    generation: u32,
}

/// Pending events in the order of (time, priority, sequence).
#[derive(Debug)]
pub struct Queue<E> {
    heap: Near,
    /// A heap longer than this goes back into buckets.
    heap_max: usize,
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
            heap: Near::default(),
            heap_max: HEAP_MAX,
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
        self.insert(key(at.as_nanos(), order | u64::from(slot)));
        if self.heap.len() > self.heap_max {
            self.spread();
        }
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
        if self.held() > 2 * self.live + IDLE_PLACES {
            self.sweep();
        }
        Some(body)
    }

    /// The time of the next event.
    pub fn peek(&mut self) -> Option<SimTime> {
        loop {
            self.fill_heap();
            let key = self.heap.first()?;
            if self.slots[slot(key)].body.is_some() {
                return Some(SimTime::from_nanos(time(key)));
            }
            self.heap.pop();
            self.free.push(slot(key) as u32);
        }
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<(SimTime, E)> {
        loop {
            self.fill_heap();
            let key = self.heap.pop()?;
            let place = &mut self.slots[slot(key)];
            self.free.push(slot(key) as u32);
            if let Some(body) = place.body.take() {
                place.generation = place.generation.wrapping_add(1);
                self.live -= 1;
                return Some((SimTime::from_nanos(time(key)), body));
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
        if time(key) <= self.horizon {
            self.heap.push(key);
        } else {
            self.buckets[bucket(time(key), self.base)].push(key);
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
                self.base = time(keys[0]) & !width;
                self.horizon = time(keys[0]) | width;
                self.heap.extend(keys.drain(..));
            } else {
                self.cut_finer(&mut keys);
            }
            // The emptied vector keeps its room for the next keys of that range.
            if self.buckets[lowest].is_empty() {
                self.buckets[lowest] = keys;
            }
        }
    }

    /// Sends a heap that has grown too large back into buckets. Events of one instant can't be told apart by time: if
    /// those alone are too many, the heap may grow to twice their number before this is tried again.
    #[cold]
    fn spread(&mut self) {
        let mut keys = self.heap.take();
        if let Some(earliest) = keys.iter().copied().min().map(time) {
            self.step_back(earliest);
        }
        self.cut_finer(&mut keys);
        self.heap_max = HEAP_MAX.max(2 * self.heap.len());
    }

    /// Makes room before the base: seen from a time whose highest difference from it is bit `b`, all that was told apart
    /// by lower bits lies in bucket `b`.
    fn step_back(&mut self, earliest: u64) {
        if earliest >= self.base {
            return;
        }
        let seen_from_there = bucket(earliest, self.base);
        let (below, from) = self.buckets.split_at_mut(seen_from_there);
        for keys in below {
            from[0].append(keys);
        }
    }

    /// Deals keys out to the buckets relative to the earliest of them; those of its instant go into the heap.
    fn cut_finer(&mut self, keys: &mut Vec<Key>) {
        self.base = keys.iter().copied().min().map_or(self.base, time);
        self.horizon = self.base;
        for key in keys.drain(..) {
            self.insert(key);
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
            let live = slots[slot(*key)].body.is_some();
            if !live {
                free.push(slot(*key) as u32);
            }
            live
        };
        heap.retain(&mut keep);
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

    /// A look ahead moves the base to a far event; what is then scheduled before it overflows the heap.
    #[test]
    fn a_burst_before_the_next_event_keeps_the_order() {
        let mut queue = Queue::new();
        let scatter = |i: u64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44;
        let far = (0..500).map(|i| (1 << 40) + scatter(i));
        let near = (0..50_000).map(|i| 7 + (scatter(i) << 20) / 3);
        let mut sorted: Vec<u64> = far.clone().chain(near.clone()).collect();
        sorted.sort_unstable();
        for time in far {
            queue.push(SimTime::from_nanos(time), 0, time).expect("room");
        }
        assert!(queue.peek().is_some());
        for time in near {
            queue.push(SimTime::from_nanos(time), 0, time).expect("room");
            assert!(queue.heap.len() <= HEAP_MAX);
        }
        let got: Vec<u64> = std::iter::from_fn(|| queue.pop().map(|(_, time)| time)).collect();
        assert_eq!(got, sorted);
    }

    #[test]
    fn events_of_one_instant_keep_the_order_they_came_in() {
        let mut queue = Queue::new();
        for event in 0..20_000u64 {
            queue.push(SimTime::from_nanos(5), 0, event).expect("room");
        }
        let got: Vec<u64> = std::iter::from_fn(|| queue.pop().map(|(_, event)| event)).collect();
        assert!(got.iter().copied().eq(0..20_000));
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
        assert!(queue.held() <= 2 * IDLE_PLACES, "{} places held", queue.held());
    }
}
