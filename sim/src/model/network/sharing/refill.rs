//! Progressive filling from a level on: all flows above it are taken out and rise again together.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::level::{Key, Share, UNLIMITED};
use super::table::Table;

/// What a filling works with, kept for the next.
#[derive(Debug, Clone, Default)]
pub struct Refill {
    filling: Vec<Share>,
    /// Whether each flow rises yet, and how many do.
    rising: Vec<bool>,
    risers: usize,
    /// When channels are full at the earliest.
    full: BinaryHeap<Reverse<Key>>,
    /// When flows reach their caps, the last first.
    caps: Vec<(Key, u32)>,
}

impl Refill {
    /// Computes all levels from `from` on anew; those below are right.
    ///
    /// A level in the queue is a lower bound: as flows stop elsewhere, what is left for the others only rises. So a
    /// channel is computed anew when its turn comes, not each time one of its flows stops.
    pub fn run(&mut self, table: &mut Table, from: Key) {
        self.take_out(table, from);
        while self.risers > 0 {
            self.reach_caps(table);
            // Whoever rises crosses a channel that will be full: none is left only when all have stopped at their caps.
            let Some(mut first) = self.full.peek_mut() else {
                break;
            };
            let Some(channel) = first.0.at_channel() else {
                PeekMut::pop(first);
                continue;
            };
            let share = self.filling[channel as usize];
            let now = Key::channel(channel, share.level());
            if share.weight > 0 && now > first.0 {
                first.0 = now;
                continue;
            }
            PeekMut::pop(first);
            if share.weight > 0 {
                self.fill(table, channel, share);
            }
        }
        for (row, filling) in table.channels.iter_mut().zip(&self.filling) {
            row.load = row.capacity - filling.left;
        }
    }

    /// Stops the flows whose caps come before any channel is full.
    fn reach_caps(&mut self, table: &mut Table) {
        while let Some((key, flow)) = self.caps.pop() {
            if self.full.peek().is_some_and(|Reverse(full)| *full < key) {
                self.caps.push((key, flow));
                break;
            }
            if self.rising[flow as usize] {
                self.stop(table, flow, key, table.flows[flow as usize].cap);
            }
        }
    }

    /// A channel is full: stops the flows that still rise across it.
    fn fill(&mut self, table: &mut Table, channel: u32, share: Share) {
        table.levels[channel as usize] = share.level();
        table.channels[channel as usize].share = share;
        let now = table.key(channel);
        for at in 0..table.crossing[channel as usize].len() {
            let flow = table.crossing[channel as usize][at];
            if self.rising[flow as usize] {
                let row = &table.flows[flow as usize];
                let rate = share.rate(row.weight).min(row.cap);
                self.stop(table, flow, now, rate);
            }
        }
    }

    /// Takes the flows above a level out and lets channels and caps queue up.
    fn take_out(&mut self, table: &mut Table, from: Key) {
        self.filling.clear();
        self.filling.extend(table.channels.iter().map(|row| Share {
            left: row.capacity - row.load,
            weight: 0,
        }));
        self.rising.clear();
        self.rising.resize(table.flows.len(), false);
        self.risers = 0;
        self.caps.clear();
        for flow in 0..table.flows.len() as u32 {
            let row = &table.flows[flow as usize];
            if row.key < from || !table.has(flow as usize) || table.hops(flow).is_empty() {
                continue;
            }
            self.rising[flow as usize] = true;
            self.risers += 1;
            for hop in table.hops(flow) {
                let filling = &mut self.filling[hop.channel as usize];
                filling.left += row.rate;
                filling.weight += row.weight;
            }
            if row.cap != UNLIMITED {
                self.caps.push((table.cap_key(flow), flow));
            }
        }
        self.caps.sort_unstable_by(|a, b| b.cmp(a));
        let mut full = std::mem::take(&mut self.full).into_vec();
        full.clear();
        for channel in 0..table.channels.len() as u32 {
            let filling = self.filling[channel as usize];
            if filling.weight > 0 || table.key(channel) >= from {
                table.levels[channel as usize] = Share::default().level();
                table.channels[channel as usize].share = Share::default();
                if filling.weight > 0 {
                    full.push(Reverse(Key::channel(channel, filling.level())));
                }
            }
        }
        self.full = BinaryHeap::from(full);
    }

    /// A flow rises no more: what it gets is gone from its channels.
    fn stop(&mut self, table: &mut Table, flow: u32, key: Key, rate: i64) {
        self.rising[flow as usize] = false;
        self.risers -= 1;
        let row = &mut table.flows[flow as usize];
        (row.key, row.rate) = (key, rate);
        let weight = row.weight;
        for hop in table.hops(flow) {
            let filling = &mut self.filling[hop.channel as usize];
            filling.left -= rate;
            filling.weight -= weight;
        }
    }
}
