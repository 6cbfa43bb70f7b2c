//! Textbook cases, and random networks against a filling that looks at everything.

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
        .map(|r| sharing.add(&route(r), 1.0, None))
        .collect();
    sharing.settle();
    assert_eq!(rates(&sharing, &flows), [45, 45, 45, 45]);
}

#[test]
fn the_textbook_network() {
    // Bertsekas and Gallager, section 6.5: links of 1; flows 1-3 share the first, 3 and 4 the second, 4 alone
    // takes what is left.
    let mut sharing = Sharing::new([mbps(300), mbps(300)]);
    let flows = [&[0][..], &[0], &[0, 1], &[1]].map(|r| sharing.add(&route(r), 1.0, None));
    sharing.settle();
    assert_eq!(rates(&sharing, &flows), [100, 100, 100, 200]);
}

#[test]
fn weights_and_caps() {
    let mut sharing = Sharing::new([mbps(100)]);
    let flows = [
        sharing.add(&route(&[0]), 1.0, None),
        sharing.add(&route(&[0]), 3.0, None),
        sharing.add(&route(&[0]), 6.0, Some(mbps(20))),
    ];
    sharing.settle();
    // 20 is capped; 80 is shared 1:3.
    assert_eq!(rates(&sharing, &flows), [20, 60, 20]);
    sharing.remove(flows[1]);
    assert_eq!(sharing.settle(), [flows[0]]);
    assert_eq!(rates(&sharing, &flows), [80, 0, 20]);
}

#[test]
fn a_chain_of_bottlenecks() {
    // Links of 10, 20 and 60. A over all three, B over the first and C over the second, D and E over the last.
    // The first is full at 5: A and B. The second has 15 left for C. The last has 55 left for D and E.
    let mut sharing = Sharing::new([mbps(10), mbps(20), mbps(60)]);
    let flows = [&[0, 1, 2][..], &[0], &[1], &[2], &[2]].map(|r| sharing.add(&route(r), 1.0, None));
    sharing.settle();
    assert_eq!(rates(&sharing, &flows), [5, 5, 15, 27, 27]);
    // Without B all of the first is A's, so C keeps 10, and D and E have 50: every level moves.
    sharing.remove(flows[1]);
    assert_eq!(sharing.settle().len(), 4);
    assert_eq!(rates(&sharing, &flows), [10, 0, 10, 25, 25]);
    // The second link at 16 holds A up at 8.
    sharing.set_capacity(Channel(1), mbps(16));
    sharing.settle();
    assert_eq!(rates(&sharing, &flows), [8, 0, 8, 26, 26]);
}

#[test]
fn a_flow_within_one_host_is_held_up_by_its_cap_alone() {
    let mut sharing = Sharing::new([mbps(10)]);
    let flows = [sharing.add(&[], 1.0, Some(mbps(70))), sharing.add(&[], 1.0, None)];
    assert_eq!(sharing.settle(), flows);
    assert_eq!(sharing.rate(flows[0]), mbps(70));
    assert!(sharing.rate(flows[1]) > mbps(1_000_000));
}

#[test]
fn what_is_not_a_whole_bit_is_not_given_out() {
    let mut sharing = Sharing::new([BitsPerSecond(100)]);
    let flows = [1.0, 1.0, 1.0].map(|weight| sharing.add(&route(&[0]), weight, None));
    sharing.settle();
    assert_eq!(flows.map(|flow| sharing.rate(flow).0), [33; 3]);
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
        numbers[at] = sharing.add(&route(channels), f64::from(*weight), cap.map(mbps));
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
        let own: Vec<FlowIndex> = case.1.iter().map(|(r, weight, cap)| sharing.add(&route(r), f64::from(*weight), cap.map(mbps))).collect();
        sharing.settle();
        let others: Vec<FlowIndex> = extra.1.iter()
            .map(|(r, weight, cap)| {
                let mut inside: Vec<u32> = r.iter().map(|link| link % links).collect();
                inside.sort_unstable();
                inside.dedup();
                sharing.add(&route(&inside), f64::from(*weight), cap.map(mbps))
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

    /// Whatever comes, goes and changes: a wave, a filling from the level where a wave broke, and a filling of all
    /// give the same rates to the bit, and they are those of a filling with fractions to a part in 10^9.
    #[test]
    fn every_way_gives_the_same_rates(links in 2..8usize, changes in prop::collection::vec(change(), 1..40)) {
        let mut sharing = Sharing::new(vec![Change::LARGE; links]);
        let mut capacities = vec![Change::LARGE.as_f64(); links];
        let mut flows: Vec<(FlowIndex, Plain)> = Vec::new();
        for change in changes {
            change.make(&mut sharing, &mut capacities, &mut flows);
            let before: Vec<u64> = flows.iter().map(|(flow, _)| sharing.rate(*flow).0).collect();
            let (changed, _) = sharing.settle_within(change.budget);
            let after: Vec<u64> = flows.iter().map(|(flow, _)| sharing.rate(*flow).0).collect();
            for ((flow, _), (before, after)) in flows.iter().zip(before.iter().zip(&after)) {
                prop_assert_eq!(changed.contains(flow), before != after);
            }
            let mut anew = sharing.clone();
            prop_assert!(anew.resettle().is_empty(), "a filling of all changes something");
            for ((plain, rate), (flow, _)) in fill(&capacities, &flows).iter().zip(&after).zip(&flows) {
                prop_assert!((plain - *rate as f64).abs() <= plain * 1e-9, "flow {flow}: {rate}, not {plain}");
            }
        }
    }
}

/// A flow as the plain filling sees it: channels, weight, cap.
type Plain = (Vec<u32>, f64, f64);

/// What happens to a network of at least two links.
#[derive(Debug, Clone)]
struct Change {
    kind: u8,
    at: usize,
    channels: Vec<u32>,
    weight: u8,
    /// In parts of 1000 of [`Change::LARGE`].
    parts: u64,
    budget: usize,
}

fn change() -> impl Strategy<Value = Change> {
    let channels = prop::collection::btree_set(0..8u32, 1..5).prop_map(|set| set.into_iter().collect());
    let budget = prop_oneof![Just(0), 1..60usize, Just(usize::MAX)];
    (0..10u8, 0..100usize, channels, 1..5u8, 1..1000u64, budget).prop_map(
        |(kind, at, channels, weight, parts, budget)| Change {
            kind,
            at,
            channels,
            weight,
            parts,
            budget,
        },
    )
}

impl Change {
    /// So much that whole bits are far below a part in 10^9.
    const LARGE: BitsPerSecond = BitsPerSecond(1_000_000_000_000_000);

    fn make(&self, sharing: &mut Sharing, capacities: &mut [f64], flows: &mut Vec<(FlowIndex, Plain)>) {
        let rate = BitsPerSecond(Self::LARGE.0 / 1000 * self.parts);
        let cap = (!self.at.is_multiple_of(3)).then_some(rate);
        let plain_cap = cap.map_or(f64::INFINITY, BitsPerSecond::as_f64);
        match self.kind {
            0..5 => {
                let links = capacities.len() as u32;
                let mut channels: Vec<u32> = self.channels.iter().map(|channel| channel % links).collect();
                channels.sort_unstable();
                channels.dedup();
                let flow = sharing.add(&route(&channels), f64::from(self.weight), cap);
                flows.push((flow, (channels, f64::from(self.weight), plain_cap)));
            }
            5..8 if !flows.is_empty() => {
                let (flow, _) = flows.swap_remove(self.at % flows.len());
                sharing.remove(flow);
            }
            8 if !flows.is_empty() => {
                let at = self.at % flows.len();
                sharing.set_cap(flows[at].0, cap);
                flows[at].1.2 = plain_cap;
            }
            9 => {
                let at = self.at % capacities.len();
                sharing.set_capacity(Channel(at as u32), rate);
                capacities[at] = rate.as_f64();
            }
            _ => {}
        }
    }
}

/// Progressive filling as the textbook has it, in fractions: find the lowest level at which anything stops, stop it, again.
fn fill(capacities: &[f64], flows: &[(FlowIndex, Plain)]) -> Vec<f64> {
    let mut levels: Vec<Option<f64>> = vec![None; flows.len()];
    while levels.contains(&None) {
        let full = |link: usize| {
            let (mut left, mut weight) = (capacities[link], 0.0);
            for ((_, (route, own, _)), level) in flows.iter().zip(&levels) {
                if route.contains(&(link as u32)) {
                    match level {
                        Some(level) => left -= level * own,
                        None => weight += own,
                    }
                }
            }
            if weight > 0.0 {
                left / weight
            } else {
                f64::INFINITY
            }
        };
        let links: Vec<f64> = (0..capacities.len()).map(full).collect();
        let stops = flows.iter().map(|(_, (route, weight, cap))| {
            let links = route.iter().map(|link| links[*link as usize]);
            links.fold(cap / weight, f64::min)
        });
        let stops: Vec<f64> = stops.collect();
        let open = || (0..flows.len()).filter(|at| levels[*at].is_none());
        let lowest = open().map(|at| stops[at]).fold(f64::INFINITY, f64::min);
        let stopped: Vec<usize> = open().filter(|at| stops[*at] <= lowest).collect();
        for at in stopped {
            levels[at] = Some(lowest);
        }
    }
    let of = |(level, (_, (_, weight, _))): (Option<f64>, &(FlowIndex, Plain))| level.unwrap_or(0.0) * weight;
    levels.into_iter().zip(flows).map(of).collect()
}

#[test]
fn a_busy_fat_tree_keeps_its_rates_right() {
    // 128 hosts, 512 flows: waves that end and waves that break, 200 changes, each against a filling of all.
    let tree = super::super::Topology::fat_tree(128, mbps(10_000));
    let mut rng = crate::engine::Streams::new(5).stream("test", "flows");
    let mut pick = |below: u64| (rng.bits() % below) as u32;
    let mut sharing = Sharing::new(tree.capacities());
    let mut flows: Vec<FlowIndex> = Vec::new();
    let (mut waves, mut fillings) = (0, 0);
    for turn in 0..712 {
        if turn >= 512 && turn % 2 == 0 {
            let gone = pick(flows.len() as u64) as usize;
            sharing.remove(flows.swap_remove(gone));
        } else {
            let route = tree.route(pick(128), pick(128));
            let cap = (turn % 4 == 0).then(|| mbps(u64::from(pick(3_000))));
            flows.push(sharing.add(&route, f64::from(1 + turn % 3), cap));
        }
        if turn >= 511 {
            let (_, wave) = sharing.settle_within(1_000);
            *(if wave { &mut waves } else { &mut fillings }) += 1;
            assert!(sharing.clone().resettle().is_empty(), "turn {turn}");
        }
    }
    assert!(waves > 20 && fillings > 20, "{waves} waves, {fillings} fillings");
}
