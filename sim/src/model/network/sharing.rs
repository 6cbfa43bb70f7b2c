//! Weighted max-min fair sharing of channels, with a cap for each flow.
//!
//! An allocation is max-min fair when no flow can get more without taking from one that has, by weight, no more
//! (Bertsekas and Gallager, *Data Networks*, section 6.5). Progressive filling finds it: all flows rise together, in
//! proportion to their weights; a flow stops when it reaches its cap or when a channel on its way is full. The level at
//! which a channel is full, or a cap reached, is what the flows held up there get for each unit of weight.
//!
//! After a change only those levels are computed anew that it makes wrong, lowest first (`ripple`). Where that takes
//! too long, because nearly all of them are wrong, everything from the lowest wrong level on is filled anew
//! (`refill`).
//!
//! Rates are whole bits per second and levels exact fractions; the remainder below one bit is not given out. What
//! comes at one level comes in the order of its number, caps first. The rates therefore depend on which flows there are, never
//! on the order in which they came or on which of both ways they were computed. Weights count in parts of 1/65,536,
//! up to 2^20; capacities and caps up to 2^53 bits per second.

mod level;
mod refill;
mod ripple;
mod table;
#[cfg(test)]
mod tests;

use twinrack_scenario::units::BitsPerSecond;

use self::level::Key;
use self::refill::Refill;
use self::ripple::Ripple;
use self::table::{Table, whole};
use super::topology::Channel;

/// A flow's number: its place in the table.
pub type FlowIndex = usize;

/// The least that a wave may always look at.
const PATIENCE_MIN: usize = 256;

/// The flows of a network and what each gets.
#[derive(Debug, Clone)]
pub struct Sharing {
    table: Table,
    ripple: Ripple,
    refill: Refill,
    /// Flows that are new or have a new cap.
    fresh: Vec<u32>,
    /// Crossings that a wave may look at before all is filled anew.
    patience: usize,
}

impl Sharing {
    /// A network without flows. Capacities count up to 2^53 bits per second.
    pub fn new(capacities: impl IntoIterator<Item = BitsPerSecond>) -> Self {
        let table = Table::new(capacities);
        Self {
            ripple: Ripple::new(table.channels.len()),
            table,
            refill: Refill::default(),
            fresh: Vec::new(),
            patience: PATIENCE_MIN,
        }
    }

    /// Adds a flow over a route that crosses no channel twice; it gets its rate at the next [`settle`](Self::settle).
    pub fn add(&mut self, route: &[Channel], weight: f64, cap: Option<BitsPerSecond>) -> FlowIndex {
        let flow = self.table.insert(route, weight, cap);
        self.open(flow);
        flow as usize
    }

    /// Removes a flow.
    pub fn remove(&mut self, index: FlowIndex) {
        if !self.table.has(index) {
            return;
        }
        for hop in self.table.hops(index as u32) {
            // What it leaves can only raise levels.
            let key = self.table.key(hop.channel);
            if key.is_finite() {
                self.ripple.mark(hop.channel, key);
            }
        }
        self.table.delete(index as u32);
    }

    /// Changes what a flow may get at most.
    pub fn set_cap(&mut self, index: FlowIndex, cap: Option<BitsPerSecond>) {
        if self.table.has(index) {
            self.table.set_cap(index as u32, cap);
            self.open(index as u32);
        }
    }

    /// Whether a channel carries anything at all.
    pub fn carries(&self, channel: Channel) -> bool {
        self.table
            .channels
            .get(channel.index())
            .is_some_and(|row| row.capacity > 0)
    }

    /// Changes the capacity of a channel.
    pub fn set_capacity(&mut self, channel: Channel, capacity: BitsPerSecond) {
        if let Some(row) = self.table.channels.get_mut(channel.index()) {
            row.capacity = whole(capacity);
            self.ripple.mark(channel.0, Key::FIRST);
        }
    }

    /// What a flow gets.
    pub fn rate(&self, index: FlowIndex) -> BitsPerSecond {
        let row = self.table.flows.get(index).filter(|_| self.table.has(index));
        BitsPerSecond(row.map_or(0, |row| row.told.unsigned_abs()))
    }

    /// Computes what changes made necessary; gives the flows whose rate is another now.
    pub fn settle(&mut self) -> Vec<FlowIndex> {
        // Looking at two crossings takes a wave about as long as one takes a filling, measured on fat trees: a wave that
        // is given up has cost about what the filling costs.
        let most = (2 * self.table.crossings).max(PATIENCE_MIN);
        let least = (self.table.crossings / 64).max(PATIENCE_MIN);
        self.patience = self.patience.clamp(least, most);
        // Where waves broke of late, the next will: it is given up sooner.
        let (changed, done) = self.settle_within(self.patience);
        self.patience = if done {
            2 * self.patience
        } else {
            self.patience / 2
        };
        changed
    }

    /// Settles by a wave if it has to look at no more than `budget` crossings, else by filling; says if the wave did it.
    fn settle_within(&mut self, budget: usize) -> (Vec<FlowIndex>, bool) {
        self.place_fresh();
        match self.ripple.run(&mut self.table, budget) {
            Ok(()) => (self.tell_moved(), true),
            Err(from) => (self.refill_from(from), false),
        }
    }

    /// Computes everything anew, whatever changed: what [`settle`](Self::settle) gives, the long way.
    pub fn resettle(&mut self) -> Vec<FlowIndex> {
        self.place_fresh();
        self.ripple.forget();
        self.refill_from(Key::FIRST)
    }

    fn open(&mut self, flow: u32) {
        self.fresh.push(flow);
        for hop in self.table.hops(flow) {
            self.ripple.mark(hop.channel, Key::FIRST);
        }
    }

    fn place_fresh(&mut self) {
        for flow in self.fresh.drain(..) {
            if self.table.has(flow as usize) {
                self.ripple.place(&mut self.table, flow);
            }
        }
    }

    fn refill_from(&mut self, from: Key) -> Vec<FlowIndex> {
        self.refill.run(&mut self.table, from);
        for flow in self.ripple.moved.drain(..) {
            self.table.flows[flow as usize].listed = false;
        }
        let mut changed = Vec::new();
        for (index, row) in self.table.flows.iter_mut().enumerate() {
            if row.rate != row.told {
                row.told = row.rate;
                changed.push(index);
            }
        }
        changed
    }

    fn tell_moved(&mut self) -> Vec<FlowIndex> {
        let mut changed = Vec::new();
        for flow in self.ripple.moved.drain(..) {
            let row = &mut self.table.flows[flow as usize];
            row.listed = false;
            if row.rate != row.told {
                row.told = row.rate;
                changed.push(flow as usize);
            }
        }
        changed
    }
}
