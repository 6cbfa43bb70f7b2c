//! The ripple: after a change only those channels are looked at again whose level may no longer be right, lowest first.
//!
//! A channel's level follows from what holds its flows up elsewhere at *lower* levels, never from anything higher. So
//! when the lowest of all wrong levels is put right, nothing below it can change any more, and what it changes lies
//! above it. The wave runs upward and ends where rates, which are whole numbers, come out as before.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::level::{Key, Share};
use super::table::Table;

/// A flow that may be held up elsewhere than at the channel looked at.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    elsewhere: Key,
    flow: u32,
    weight: i64,
}

/// The channels to look at again.
#[derive(Debug, Clone, Default)]
pub struct Ripple {
    queue: BinaryHeap<Reverse<Key>>,
    /// For each channel its earliest place in the queue; [`Key::NEVER`] if it has none.
    pending: Vec<Key>,
    candidates: Vec<Candidate>,
    /// Flows whose rate may be another now.
    pub moved: Vec<u32>,
    /// Crossings looked at since the wave began.
    work: usize,
}

impl Ripple {
    /// A still network.
    pub fn new(channels: usize) -> Self {
        Self {
            pending: vec![Key::NEVER; channels],
            ..Self::default()
        }
    }

    /// A channel's level may be wrong; neither the old nor the right one lies below `bound`.
    pub fn mark(&mut self, channel: u32, bound: Key) {
        let pending = &mut self.pending[channel as usize];
        // A place names the channel that stands there.
        let place = bound.on_behalf_of(channel);
        if place < *pending {
            *pending = place;
            self.queue.push(Reverse(place));
        }
    }

    /// Puts levels right, lowest first, until all are or `budget` crossings were looked at; then from which on they
    /// are not.
    pub fn run(&mut self, table: &mut Table, budget: usize) -> Result<(), Key> {
        self.work = 0;
        while let Some(Reverse(place)) = self.queue.pop() {
            let Some(channel) = place.at_channel() else {
                continue;
            };
            if self.pending[channel as usize] != place {
                continue;
            }
            if self.work > budget {
                self.pending[channel as usize] = Key::NEVER;
                self.forget();
                return Err(place);
            }
            self.pending[channel as usize] = Key::NEVER;
            let share = self.evaluate(table, channel);
            if share == table.channels[channel as usize].share {
                continue;
            }
            let (old, new) = (table.key(channel), Key::channel(channel, share.level()));
            let first = old.min(new);
            if self.queue.peek().is_some_and(|Reverse(next)| *next < first) {
                self.mark(channel, first);
                continue;
            }
            self.apply(table, channel, share, first);
        }
        Ok(())
    }

    /// Notes that a flow's rate may be another now.
    pub fn note(&mut self, table: &mut Table, flow: u32) {
        if !std::mem::replace(&mut table.flows[flow as usize].listed, true) {
            self.moved.push(flow);
        }
    }

    /// Gives a flow that is new, or has a new cap, its place as levels are now; its channels are marked already.
    pub fn place(&mut self, table: &mut Table, flow: u32) {
        let key = table.first_limit(flow);
        // With no channel on its way nothing but the cap holds it up; else a channel will that is looked at yet.
        if key.is_finite() || table.hops(flow).is_empty() {
            table.flows[flow as usize].key = key;
            let rate = table.rate_at(flow, key);
            table.set_rate(flow, rate);
            self.note(table, flow);
        }
    }

    /// Leaves the levels that may be wrong as they are.
    pub fn forget(&mut self) {
        for Reverse(place) in self.queue.drain() {
            if let Some(channel) = place.at_channel() {
                self.pending[channel as usize] = Key::NEVER;
            }
        }
    }

    /// The share of a channel as levels elsewhere are now: all its flows rise, and those that are held up elsewhere
    /// before it is full leave what they do not take to the others, which raises the level.
    fn evaluate(&mut self, table: &Table, channel: u32) -> Share {
        let row = &table.channels[channel as usize];
        let flows = &table.crossing[channel as usize];
        self.work += flows.len();
        self.candidates.clear();
        let mut share = Share {
            left: row.capacity,
            weight: 0,
        };
        for &flow in flows {
            let own = &table.flows[flow as usize];
            let here = own.key == Key::NEVER || own.key.at_channel() == Some(channel);
            let elsewhere = if here {
                self.work += table.hops(flow).len();
                table.limit_elsewhere(flow, channel)
            } else {
                own.key
            };
            share.weight += own.weight;
            self.candidates.push(Candidate {
                elsewhere,
                flow,
                weight: own.weight,
            });
        }
        loop {
            let level = Key::channel(channel, share.level());
            let before = self.candidates.len();
            self.candidates.retain(|candidate| {
                let stays = candidate.elsewhere > level;
                if !stays {
                    let own = &table.flows[candidate.flow as usize];
                    let rate = if own.key == candidate.elsewhere {
                        own.rate
                    } else {
                        table.rate_at(candidate.flow, candidate.elsewhere)
                    };
                    share.left -= rate;
                    share.weight -= candidate.weight;
                }
                stays
            });
            if self.candidates.len() == before || self.candidates.is_empty() {
                break;
            }
        }
        if share.weight == 0 {
            Share::default()
        } else {
            share
        }
    }

    /// Sets a channel's share and sees to its flows.
    fn apply(&mut self, table: &mut Table, channel: u32, share: Share, now: Key) {
        table.channels[channel as usize].share = share;
        table.levels[channel as usize] = share.level();
        let here = table.key(channel);
        self.work += table.crossing[channel as usize].len();
        for at in 0..table.crossing[channel as usize].len() {
            let flow = table.crossing[channel as usize][at];
            let own = table.flows[flow as usize];
            let was_here = own.key == Key::NEVER || own.key.at_channel() == Some(channel);
            if !was_here && own.key < here {
                continue;
            }
            let key = if was_here { table.first_limit(flow) } else { here };
            let rate = table.rate_at(flow, key);
            if key == own.key && rate == own.rate {
                continue;
            }
            table.flows[flow as usize].key = key;
            if rate != own.rate {
                table.set_rate(flow, rate);
                self.note(table, flow);
            }
            self.spread(table, (flow, channel), own.key.min(key), rate < own.rate, now);
        }
    }

    /// Marks the other channels of a flow that is held up at another level or place now.
    fn spread(&mut self, table: &Table, (flow, channel): (u32, u32), from: Key, less: bool, now: Key) {
        let hops = table.hops(flow);
        self.work += hops.len();
        for hop in hops.iter().filter(|hop| hop.channel != channel) {
            let key = table.key(hop.channel);
            if key < from {
                continue;
            }
            if less {
                // It can only rise: wrong from its old level on, and never if it holds up none.
                if key.is_finite() {
                    self.mark(hop.channel, key);
                }
            } else if key.is_finite() || !table.has_room(hop.channel) {
                self.mark(hop.channel, now);
            }
        }
    }
}
