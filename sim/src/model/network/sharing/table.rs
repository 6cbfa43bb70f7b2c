//! The tables of sharing: channels, flows, and which crosses which.

use twinrack_scenario::units::BitsPerSecond;

use super::super::topology::Channel;
use super::FlowIndex;
use super::level::{Key, RATE_MAX, Share, UNLIMITED, WEIGHT_PARTS, cap_level};

/// A channel's part.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChannelRow {
    /// Bits per second.
    pub capacity: i64,
    /// Sum of the rates of the flows across it.
    pub load: i64,
    /// What it has for the flows it holds up.
    pub share: Share,
}

/// A flow.
#[derive(Debug, Clone, Copy)]
pub struct FlowRow {
    /// In parts of one.
    pub weight: i64,
    /// Bits per second.
    pub cap: i64,
    cap_level: u64,
    /// Bits per second.
    pub rate: i64,
    /// The rate that was last told to whom it concerns.
    pub told: i64,
    /// What holds it up.
    pub key: Key,
    hops: u16,
    live: bool,
    /// Whether it is in the list of those that may have another rate.
    pub listed: bool,
}

/// A flow's crossing of a channel.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hop {
    /// The channel.
    pub channel: u32,
    /// Where the flow stands among those of the channel.
    place: u32,
}

/// Channels and flows.
#[derive(Debug, Clone)]
pub struct Table {
    /// The channels.
    pub channels: Vec<ChannelRow>,
    /// The level of each channel, as [`Share::level`] gives it: apart from the rest, as it is read most.
    pub levels: Vec<u64>,
    /// The flows across each channel.
    pub crossing: Vec<Vec<u32>>,
    /// The flows, with gaps.
    pub flows: Vec<FlowRow>,
    /// `stride` hops for each flow.
    hops: Vec<Hop>,
    stride: usize,
    free: Vec<u32>,
    /// Crossings in all.
    pub crossings: usize,
}

impl Table {
    /// Channels without flows.
    pub fn new(capacities: impl IntoIterator<Item = BitsPerSecond>) -> Self {
        let channels: Vec<ChannelRow> = capacities
            .into_iter()
            .map(|capacity| ChannelRow {
                capacity: whole(capacity),
                ..ChannelRow::default()
            })
            .collect();
        let count = channels.len();
        Self {
            channels,
            levels: vec![Share::default().level(); count],
            crossing: vec![Vec::new(); count],
            flows: Vec::new(),
            hops: Vec::new(),
            stride: 2,
            free: Vec::new(),
            crossings: 0,
        }
    }

    /// Enters a flow that nothing holds up yet.
    pub fn insert(&mut self, route: &[Channel], weight: f64, cap: Option<BitsPerSecond>) -> u32 {
        if route.len() > self.stride {
            self.widen(route.len());
        }
        let weight = (weight * WEIGHT_PARTS).clamp(1.0, RATE_MAX as f64) as i64;
        let row = FlowRow {
            weight,
            cap: UNLIMITED,
            cap_level: cap_level(UNLIMITED, weight),
            rate: 0,
            told: 0,
            key: Key::NEVER,
            hops: route.len() as u16,
            live: true,
            listed: false,
        };
        let index = if let Some(index) = self.free.pop() {
            self.flows[index as usize] = row;
            index
        } else {
            self.flows.push(row);
            self.hops.resize(self.flows.len() * self.stride, Hop::default());
            (self.flows.len() - 1) as u32
        };
        self.set_cap(index, cap);
        let start = index as usize * self.stride;
        for (hop, channel) in self.hops[start..].iter_mut().zip(route) {
            let crossing = &mut self.crossing[channel.index()];
            *hop = Hop {
                channel: channel.0,
                place: crossing.len() as u32,
            };
            crossing.push(index);
        }
        self.crossings += route.len();
        index
    }

    /// Takes a flow out.
    pub fn delete(&mut self, index: u32) {
        self.set_rate(index, 0);
        for at in 0..self.hops(index).len() {
            let Hop { channel, place } = self.hops(index)[at];
            let crossing = &mut self.crossing[channel as usize];
            crossing.swap_remove(place as usize);
            // Who stood last stands there now.
            if let Some(&moved) = crossing.get(place as usize) {
                let start = moved as usize * self.stride;
                let hops = &mut self.hops[start..start + usize::from(self.flows[moved as usize].hops)];
                if let Some(hop) = hops.iter_mut().find(|hop| hop.channel == channel) {
                    hop.place = place;
                }
            }
        }
        let row = &mut self.flows[index as usize];
        self.crossings -= usize::from(row.hops);
        (row.live, row.hops, row.told) = (false, 0, 0);
        self.free.push(index);
    }

    /// Whether there is a flow of that number.
    pub fn has(&self, index: FlowIndex) -> bool {
        self.flows.get(index).is_some_and(|row| row.live)
    }

    /// Changes what a flow may get at most; what holds it up is open again.
    pub fn set_cap(&mut self, index: u32, cap: Option<BitsPerSecond>) {
        let row = &mut self.flows[index as usize];
        row.cap = cap.map_or(UNLIMITED, whole);
        row.cap_level = cap_level(row.cap, row.weight);
        row.key = Key::NEVER;
    }

    /// Changes a rate, and the loads with it.
    pub fn set_rate(&mut self, index: u32, rate: i64) {
        let row = &mut self.flows[index as usize];
        let more = rate - row.rate;
        row.rate = rate;
        let start = index as usize * self.stride;
        for hop in &self.hops[start..start + usize::from(row.hops)] {
            self.channels[hop.channel as usize].load += more;
        }
    }

    /// The crossings of a flow.
    pub fn hops(&self, index: u32) -> &[Hop] {
        let start = index as usize * self.stride;
        &self.hops[start..start + usize::from(self.flows[index as usize].hops)]
    }

    /// When a channel holds flows up.
    pub fn key(&self, channel: u32) -> Key {
        Key::channel(channel, self.levels[channel as usize])
    }

    /// Whether a channel surely holds nobody up. A rate may be short of its level by less than one bit per second, as
    /// rates are floors; so the flows could take no more than one each beyond their rates.
    pub fn has_room(&self, channel: u32) -> bool {
        let row = &self.channels[channel as usize];
        i64::try_from(self.crossing[channel as usize].len())
            .is_ok_and(|flows| row.load.saturating_add(flows) <= row.capacity)
    }

    /// When a flow reaches its cap.
    pub fn cap_key(&self, index: u32) -> Key {
        Key::cap(self.flows[index as usize].cap_level)
    }

    /// What holds a flow up first.
    pub fn first_limit(&self, index: u32) -> Key {
        let hops = self.hops(index).iter();
        hops.map(|hop| self.key(hop.channel))
            .fold(self.cap_key(index), Ord::min)
    }

    /// What holds a flow up first but for one channel.
    pub fn limit_elsewhere(&self, index: u32, channel: u32) -> Key {
        let hops = self.hops(index).iter().filter(|hop| hop.channel != channel);
        hops.map(|hop| self.key(hop.channel))
            .fold(self.cap_key(index), Ord::min)
    }

    /// What a flow gets where it is held up.
    pub fn rate_at(&self, index: u32, key: Key) -> i64 {
        let row = &self.flows[index as usize];
        key.at_channel().map_or(row.cap, |channel| {
            self.channels[channel as usize]
                .share
                .rate(row.weight)
                .min(row.cap)
        })
    }

    fn widen(&mut self, stride: usize) {
        let mut hops = vec![Hop::default(); self.flows.len() * stride];
        for (wide, narrow) in hops
            .chunks_exact_mut(stride)
            .zip(self.hops.chunks_exact(self.stride))
        {
            wide[..self.stride].copy_from_slice(narrow);
        }
        (self.hops, self.stride) = (hops, stride);
    }
}

/// A rate in whole bits per second within what can be counted exactly.
pub fn whole(rate: BitsPerSecond) -> i64 {
    i64::try_from(rate.0).unwrap_or(RATE_MAX).min(RATE_MAX)
}
