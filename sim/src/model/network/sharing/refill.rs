//! Progressive filling from a level on: all flows above it are taken out and rise again together.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::level::{Key, Share, UNLIMITED};
use super::table::Table;

/// Something that may hold flows up: when at the earliest, and for a cap whose.
type Stop = Reverse<(Key, u32)>;

/// What a filling works with, kept for the next.
#[derive(Debug, Clone, Default)]
pub struct Refill {
    filling: Vec<Share>,
    rising: Vec<bool>,
    stops: BinaryHeap<Stop>,
}

impl Refill {
    /// Computes all levels from `from` on anew; those below are right.
    ///
    /// A level in the queue is a lower bound: as flows stop elsewhere, what is left for the others only rises. So a
    /// channel is computed anew when its turn comes, not each time one of its flows stops.
    pub fn run(&mut self, table: &mut Table, from: Key) {
        self.take_out(table, from);
        while let Some(Reverse((key, flow))) = self.stops.pop() {
            let Some(channel) = key.at_channel() else {
                if self.rising[flow as usize] {
                    let rate = table.flows[flow as usize].cap;
                    self.stop(table, flow, key, rate);
                }
                continue;
            };
            let share = self.filling[channel as usize];
            if share.weight == 0 {
                continue;
            }
            let level = share.level();
            let now = Key::channel(channel, level);
            if now > key {
                self.stops.push(Reverse((now, 0)));
                continue;
            }
            table.levels[channel as usize] = level;
            table.channels[channel as usize].share = share;
            for at in 0..table.crossing[channel as usize].len() {
                let flow = table.crossing[channel as usize][at];
                if self.rising[flow as usize] {
                    let row = &table.flows[flow as usize];
                    let rate = share.rate(row.weight).min(row.cap);
                    self.stop(table, flow, now, rate);
                }
            }
        }
        for (row, filling) in table.channels.iter_mut().zip(&self.filling) {
            row.load = row.capacity - filling.left;
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
        let mut stops = std::mem::take(&mut self.stops).into_vec();
        stops.clear();
        for flow in 0..table.flows.len() as u32 {
            let row = &table.flows[flow as usize];
            if row.key < from || !table.has(flow as usize) || table.hops(flow).is_empty() {
                continue;
            }
            self.rising[flow as usize] = true;
            for hop in table.hops(flow) {
                let filling = &mut self.filling[hop.channel as usize];
                filling.left += row.rate;
                filling.weight += row.weight;
            }
            if row.cap != UNLIMITED {
                stops.push(Reverse((table.cap_key(flow), flow)));
            }
        }
        for channel in 0..table.channels.len() as u32 {
            if table.key(channel) >= from {
                table.levels[channel as usize] = Share::default().level();
                table.channels[channel as usize].share = Share::default();
                let filling = self.filling[channel as usize];
                if filling.weight > 0 {
                    stops.push(Reverse((Key::channel(channel, filling.level()), 0)));
                }
            }
        }
        self.stops = BinaryHeap::from(stops);
    }

    /// A flow rises no more: what it gets is gone from its channels.
    fn stop(&mut self, table: &mut Table, flow: u32, key: Key, rate: i64) {
        self.rising[flow as usize] = false;
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
