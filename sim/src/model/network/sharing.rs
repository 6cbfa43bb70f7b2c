//! Weighted max-min fair sharing of channels, with a cap for each flow.
//!
//! An allocation is max-min fair when no flow can get more without taking from one that has, by weight, no more
//! (Bertsekas and Gallager, *Data Networks*, section 6.5). Progressive filling finds it: all flows rise together, in
//! proportion to their weights; a flow stops when it reaches its cap or when a channel on its way is full.
//!
//! After a change only the flows that are connected with it, by channels they share, are computed anew, always from
//! nothing and in the order of their numbers. The rates therefore depend on which flows there are, never on the order
//! in which they came. Rates are whole bits per second; the remainder below one is not given out.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use twinrack_scenario::units::BitsPerSecond;

use super::topology::Channel;

/// A flow's number: its place in the table.
pub type FlowIndex = usize;

/// The flows of a network and what each gets.
#[derive(Debug, Clone)]
pub struct Sharing {
    capacities: Vec<f64>,
    /// The flows through each channel.
    crossing: Vec<Vec<FlowIndex>>,
    flows: Vec<Option<Flow>>,
    free: Vec<FlowIndex>,
    touched: Vec<Channel>,
    alone: Vec<FlowIndex>,
    mark: u32,
    channel_marks: Vec<u32>,
    flow_marks: Vec<u32>,
}

#[derive(Debug, Clone)]
struct Flow {
    route: Vec<Channel>,
    weight: f64,
    cap: f64,
    rate: u64,
}

/// What fills up next: a channel, or a flow that reaches its cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stop {
    /// The level, as the bits of a non-negative double: their order is that of the numbers.
    level: u64,
    what: What,
    /// Which computation of the channel's level this is; older ones are out of date.
    version: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Cap(u32),
    Full(u32),
}

/// A channel while the flows rise.
#[derive(Debug, Clone, Copy, Default)]
struct Filling {
    left: f64,
    weight: f64,
    version: u32,
}

impl Sharing {
    /// A network without flows.
    pub fn new(capacities: impl IntoIterator<Item = BitsPerSecond>) -> Self {
        let capacities: Vec<f64> = capacities.into_iter().map(BitsPerSecond::as_f64).collect();
        let count = capacities.len();
        Self {
            capacities,
            crossing: vec![Vec::new(); count],
            flows: Vec::new(),
            free: Vec::new(),
            touched: Vec::new(),
            alone: Vec::new(),
            mark: 0,
            channel_marks: vec![0; count],
            flow_marks: Vec::new(),
        }
    }

    /// Adds a flow; it gets its rate at the next [`settle`](Self::settle).
    pub fn add(&mut self, route: Vec<Channel>, weight: f64, cap: Option<BitsPerSecond>) -> FlowIndex {
        let cap = cap.map_or(f64::INFINITY, BitsPerSecond::as_f64);
        let index = self.free.pop().unwrap_or_else(|| {
            self.flows.push(None);
            self.flow_marks.push(0);
            self.flows.len() - 1
        });
        for channel in &route {
            self.crossing[channel.index()].push(index);
        }
        self.touch_route(index, &route);
        self.flows[index] = Some(Flow {
            route,
            weight: weight.max(f64::MIN_POSITIVE),
            cap,
            rate: 0,
        });
        index
    }

    /// Removes a flow.
    pub fn remove(&mut self, index: FlowIndex) {
        let Some(flow) = self.flows.get_mut(index).and_then(Option::take) else {
            return;
        };
        for channel in &flow.route {
            let crossing = &mut self.crossing[channel.index()];
            if let Some(at) = crossing.iter().position(|other| *other == index) {
                crossing.swap_remove(at);
            }
            self.touched.push(*channel);
        }
        self.free.push(index);
    }

    /// Changes what a flow may get at most.
    pub fn set_cap(&mut self, index: FlowIndex, cap: Option<BitsPerSecond>) {
        let Some(flow) = self.flows.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        flow.cap = cap.map_or(f64::INFINITY, BitsPerSecond::as_f64);
        let route = flow.route.clone();
        self.touch_route(index, &route);
    }

    /// Changes the capacity of a channel.
    pub fn set_capacity(&mut self, channel: Channel, capacity: BitsPerSecond) {
        if let Some(own) = self.capacities.get_mut(channel.index()) {
            *own = capacity.as_f64();
            self.touched.push(channel);
        }
    }

    /// What a flow gets.
    pub fn rate(&self, index: FlowIndex) -> BitsPerSecond {
        BitsPerSecond(
            self.flows
                .get(index)
                .and_then(Option::as_ref)
                .map_or(0, |flow| flow.rate),
        )
    }

    /// Computes what changes made necessary; gives the flows whose rate is another now, in order.
    pub fn settle(&mut self) -> Vec<FlowIndex> {
        let (flows, channels) = self.affected();
        let levels = self.fill(&flows, &channels);
        let mut changed = Vec::new();
        for (index, level) in flows.into_iter().zip(levels) {
            if let Some(flow) = self.flows[index].as_mut() {
                let rate = (level * flow.weight).min(flow.cap) as u64;
                if rate != flow.rate {
                    flow.rate = rate;
                    changed.push(index);
                }
            }
        }
        changed
    }

    fn touch_route(&mut self, index: FlowIndex, route: &[Channel]) {
        if route.is_empty() {
            self.alone.push(index);
        }
        self.touched.extend_from_slice(route);
    }

    /// The flows and channels connected with a change, in order.
    fn affected(&mut self) -> (Vec<FlowIndex>, Vec<Channel>) {
        self.mark += 1;
        let (mut flows, mut channels) = (std::mem::take(&mut self.alone), Vec::new());
        let mut open = std::mem::take(&mut self.touched);
        while let Some(channel) = open.pop() {
            if std::mem::replace(&mut self.channel_marks[channel.index()], self.mark) == self.mark {
                continue;
            }
            channels.push(channel);
            for &index in &self.crossing[channel.index()] {
                if std::mem::replace(&mut self.flow_marks[index], self.mark) != self.mark {
                    flows.push(index);
                    open.extend(self.flows[index].iter().flat_map(|flow| &flow.route));
                }
            }
        }
        flows.sort_unstable();
        flows.dedup();
        channels.sort_unstable();
        (flows, channels)
    }

    /// Progressive filling; gives each flow the level at which it stopped.
    fn fill(&self, flows: &[FlowIndex], channels: &[Channel]) -> Vec<f64> {
        let place = |channel: Channel| channels.binary_search(&channel).unwrap_or(0);
        let mut filling: Vec<Filling> = channels
            .iter()
            .map(|channel| Filling {
                left: self.capacities[channel.index()],
                ..Filling::default()
            })
            .collect();
        let mut stops = BinaryHeap::new();
        for (at, index) in flows.iter().enumerate() {
            let Some(flow) = &self.flows[*index] else { continue };
            for channel in &flow.route {
                filling[place(*channel)].weight += flow.weight;
            }
            stops.push(Reverse(Stop {
                level: (flow.cap / flow.weight).to_bits(),
                what: What::Cap(at as u32),
                version: 0,
            }));
        }
        for (at, channel) in filling.iter().enumerate() {
            stops.extend(channel.stop(at));
        }
        let mut levels = vec![f64::NAN; flows.len()];
        while let Some(Reverse(stop)) = stops.pop() {
            let level = f64::from_bits(stop.level);
            match stop.what {
                What::Cap(at) if levels[at as usize].is_nan() => {
                    self.fix(
                        flows,
                        at as usize,
                        level,
                        &mut levels,
                        &mut filling,
                        &mut stops,
                        &place,
                    );
                }
                What::Full(at) if filling[at as usize].version == stop.version => {
                    for index in &self.crossing[channels[at as usize].index()] {
                        let Ok(flow) = flows.binary_search(index) else {
                            continue;
                        };
                        if levels[flow].is_nan() {
                            self.fix(flows, flow, level, &mut levels, &mut filling, &mut stops, &place);
                        }
                    }
                }
                _ => {}
            }
        }
        levels
    }

    /// Stops a flow at a level and takes what it gets from its channels.
    #[expect(
        clippy::too_many_arguments,
        reason = "the state of one filling, which lives no longer than it"
    )]
    fn fix(
        &self,
        flows: &[FlowIndex],
        at: usize,
        level: f64,
        levels: &mut [f64],
        filling: &mut [Filling],
        stops: &mut BinaryHeap<Reverse<Stop>>,
        place: &impl Fn(Channel) -> usize,
    ) {
        levels[at] = level;
        let Some(flow) = &self.flows[flows[at]] else {
            return;
        };
        for channel in &flow.route {
            let at = place(*channel);
            let channel = &mut filling[at];
            channel.left = (channel.left - level * flow.weight).max(0.0);
            channel.weight -= flow.weight;
            channel.version += 1;
            stops.extend(channel.stop(at));
        }
    }
}

impl Filling {
    /// When the channel is full, if flows still rise on it. Sums of weights shrink by rounding only: below a
    /// millionth part of the least weight nothing is left.
    fn stop(&self, at: usize) -> Option<Reverse<Stop>> {
        const NOTHING: f64 = 1e-9;
        let level = if self.weight > NOTHING {
            self.left / self.weight
        } else {
            return None;
        };
        Some(Reverse(Stop {
            level: level.to_bits(),
            what: What::Full(at as u32),
            version: self.version,
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mbps(value: u64) -> BitsPerSecond {
        BitsPerSecond(value * 1_000_000)
    }

    fn route(channels: &[u32]) -> Vec<Channel> {
        channels.iter().copied().map(Channel).collect()
    }

    fn rates(sharing: &Sharing, flows: &[FlowIndex]) -> Vec<u64> {
        flows
            .iter()
            .map(|flow| sharing.rate(*flow).0 / 1_000_000)
            .collect()
    }

    #[test]
    fn the_parking_lot() {
        // Three links of 90; a long flow over all, a short one on each: all get half of a link.
        let mut sharing = Sharing::new([mbps(90); 3]);
        let flows: Vec<FlowIndex> = [&[0, 1, 2][..], &[0], &[1], &[2]]
            .iter()
            .map(|r| sharing.add(route(r), 1.0, None))
            .collect();
        sharing.settle();
        assert_eq!(rates(&sharing, &flows), [45, 45, 45, 45]);
    }

    #[test]
    fn the_textbook_network() {
        // Bertsekas and Gallager, section 6.5: links of 1; flows 1-3 share the first, 3 and 4 the second, 4 alone
        // takes what is left.
        let mut sharing = Sharing::new([mbps(300), mbps(300)]);
        let flows = [&[0][..], &[0], &[0, 1], &[1]].map(|r| sharing.add(route(r), 1.0, None));
        sharing.settle();
        assert_eq!(rates(&sharing, &flows), [100, 100, 100, 200]);
    }

    #[test]
    fn weights_and_caps() {
        let mut sharing = Sharing::new([mbps(100)]);
        let flows = [
            sharing.add(route(&[0]), 1.0, None),
            sharing.add(route(&[0]), 3.0, None),
            sharing.add(route(&[0]), 6.0, Some(mbps(20))),
        ];
        sharing.settle();
        // 20 is capped; 80 is shared 1:3.
        assert_eq!(rates(&sharing, &flows), [20, 60, 20]);
        sharing.remove(flows[1]);
        assert_eq!(sharing.settle(), [flows[0]]);
        assert_eq!(rates(&sharing, &flows), [80, 0, 20]);
    }

    /// A network and flows on it: (capacities, [(route, weight, cap)]).
    type Case = (Vec<u64>, Vec<(Vec<u32>, u8, Option<u64>)>);

    fn cases() -> impl Strategy<Value = Case> {
        (2..8usize).prop_flat_map(|links| {
            let routes =
                prop::collection::btree_set(0..links as u32, 1..4).prop_map(|set| set.into_iter().collect());
            let flow = (routes, 1..5u8, prop::option::of(1..400u64));
            (
                prop::collection::vec(10..1000u64, links),
                prop::collection::vec(flow, 1..15),
            )
        })
    }

    fn build(case: &Case, order: impl Iterator<Item = usize>) -> (Sharing, Vec<u64>) {
        let mut sharing = Sharing::new(case.0.iter().map(|capacity| mbps(*capacity)));
        let mut numbers = vec![0; case.1.len()];
        for at in order {
            let (channels, weight, cap) = &case.1[at];
            numbers[at] = sharing.add(route(channels), f64::from(*weight), cap.map(mbps));
        }
        sharing.settle();
        let rates = numbers.iter().map(|flow| sharing.rate(*flow).0).collect();
        (sharing, rates)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// No channel is over its capacity, and each flow is at its cap or crosses a full channel where none has more.
        #[test]
        fn the_allocation_is_max_min_fair(case in cases()) {
            let (_, rates) = build(&case, 0..case.1.len());
            let on = |link: usize| case.1.iter().zip(&rates).filter(move |((route, ..), _)| route.contains(&(link as u32)));
            let full: Vec<bool> = case.0.iter().enumerate().map(|(link, capacity)| {
                let used: u64 = on(link).map(|(_, rate)| *rate).sum();
                assert!(used <= capacity * 1_000_000, "{used} over {capacity}");
                used + 100 >= capacity * 1_000_000
            }).collect();
            for ((route, weight, cap), rate) in case.1.iter().zip(&rates) {
                let level = *rate as f64 / f64::from(*weight);
                let at_cap = cap.is_some_and(|cap| *rate == cap * 1_000_000);
                let bottleneck = route.iter().any(|link| full[*link as usize] && on(*link as usize)
                    .all(|((_, weight, _), rate)| *rate as f64 / f64::from(*weight) <= level + 2.0));
                prop_assert!(at_cap || bottleneck, "{route:?} gets {rate}");
            }
        }

        /// Adding and removing others first leaves the same rates, to the bit.
        #[test]
        fn history_leaves_no_trace(case in cases(), extra in cases()) {
            let (_, plain) = build(&case, 0..case.1.len());
            let mut sharing = Sharing::new(case.0.iter().map(|capacity| mbps(*capacity)));
            let links = case.0.len() as u32;
            let own: Vec<FlowIndex> = case.1.iter().map(|(r, weight, cap)| sharing.add(route(r), f64::from(*weight), cap.map(mbps))).collect();
            sharing.settle();
            let others: Vec<FlowIndex> = extra.1.iter()
                .map(|(r, weight, cap)| {
                    let mut inside: Vec<u32> = r.iter().map(|link| link % links).collect();
                    inside.sort_unstable();
                    inside.dedup();
                    sharing.add(route(&inside), f64::from(*weight), cap.map(mbps))
                })
                .collect();
            sharing.settle();
            for other in others {
                sharing.remove(other);
                sharing.settle();
            }
            let after: Vec<u64> = own.iter().map(|flow| sharing.rate(*flow).0).collect();
            prop_assert_eq!(after, plain);
        }
    }
}
