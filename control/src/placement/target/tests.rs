//! What each policy chooses, against a look at every host, and what is said to be impossible against all there is.

use proptest::prelude::*;

use super::search::{alignment, lower};
use super::*;

fn room(kind: u32, asked: f64, free_gib: u64) -> Room {
    Room {
        kind,
        setting: 0,
        processors: 16.0,
        asked,
        unreserved: free_gib as f64 / 4.0,
        memory: Bytes(64 << 30),
        free: Bytes(free_gib << 30),
        moves: 4,
    }
}

fn fit(policy: PlacementSpec, rooms: &[Room]) -> Fit {
    Fit::with(policy, (0..).map(HostId).zip(rooms.iter().copied()))
}

/// A host that is not in the picture.
const NONE: HostId = HostId(u32::MAX);

fn choose(fit: &Fit) -> Option<u32> {
    let need = Need {
        processors: 2.0,
        reserve: 0.5,
        memory: Bytes(4 << 30),
    };
    // Kind 0 draws 10 W a processor, kind 1 5 W.
    let watts = |host: HostId, busy: f64| {
        Watts(
            busy * if fit.get(host).is_some_and(|room| room.kind == 0) {
                10.0
            } else {
                5.0
            },
        )
    };
    fit.choose(need, 0.8, &watts, &mut |_| true).map(|host| host.0)
}

#[test]
fn each_policy_has_its_own_choice() {
    // 0: too full (15 + 2 > 12.8); 1: no memory; 2 and 3 fit, 4 is of the thriftier kind.
    let rooms = [
        room(0, 15.0, 60),
        room(0, 1.0, 2),
        room(0, 3.0, 20),
        room(0, 9.0, 60),
        room(1, 5.0, 8),
    ];
    let chosen = |policy| choose(&fit(policy, &rooms));
    assert_eq!(chosen(PlacementSpec::FirstFit), Some(2));
    assert_eq!(chosen(PlacementSpec::BestFit), Some(3));
    assert_eq!(chosen(PlacementSpec::WorstFit), Some(2));
    assert_eq!(chosen(PlacementSpec::PowerAware), Some(4));
    // 2/16 * 13/16 + 4/64 * 20/64 = 0.121; host 3: 2/16 * 7/16 + 4/64 * 60/64 = 0.113.
    assert_eq!(chosen(PlacementSpec::DotProduct), Some(2));
}

proptest! {
    /// What was said to be impossible is: whichever way VMs are put on hosts, all of them never fit.
    #[test]
    fn what_cannot_be_held_is_not_placed(
        rooms in proptest::collection::vec((0_u64..40, 0_u32..4), 1..6),
        sizes in proptest::collection::vec(1_u64..12, 1..10),
        earlier in 0_u64..12,
    ) {
        let rooms: Vec<Room> = rooms
            .into_iter()
            .map(|(free, moves)| Room { moves, ..room(0, 0.0, free) })
            .collect();
        for policy in [PlacementSpec::FirstFit, PlacementSpec::BestFit, PlacementSpec::WorstFit] {
            let mut fit = fit(policy, &rooms);
            // Slots that were asked about before are kept up to date.
            fit.might_hold(&mut [Bytes(earlier << 30)], NONE);
            let sizes: Vec<Bytes> = sizes.iter().map(|gib| Bytes(gib << 30)).collect();
            let before = fit.clone().might_hold(&mut sizes.clone(), NONE);
            let all = sizes.iter().all(|size| {
                let need = Need { processors: 0.0, reserve: 0.0, memory: *size };
                let to = fit.choose(need, 1.0, &|_, _| Watts(0.0), &mut |_| true);
                to.inspect(|to| fit.place(*to, need)).is_some()
            });
            prop_assert!(before || !all);
            let kept = fit.slots(Bytes(earlier << 30));
            let anew: u64 = fit.rooms.iter().flatten().map(|room| room.slots(Bytes(earlier << 30))).sum();
            prop_assert_eq!(kept, anew);
        }
    }
}

#[test]
fn slots_are_counted_size_by_size() {
    let mut fit = fit(PlacementSpec::BestFit, &[room(0, 0.0, 9), room(0, 0.0, 7)]);
    let gib = |sizes: &[u64]| sizes.iter().map(|gib| Bytes(gib << 30)).collect::<Vec<_>>();
    assert!(fit.might_hold(&mut gib(&[8, 4]), NONE));
    assert!(
        !fit.might_hold(&mut gib(&[8, 8]), NONE),
        "16 GiB are free, but not two times 8"
    );
    assert!(
        !fit.might_hold(&mut gib(&[4, 4, 4, 4]), NONE),
        "three of 4 GiB are the most"
    );
    assert!(!fit.might_hold(&mut gib(&[1; 9]), NONE), "four moves each");
}

#[test]
fn what_is_placed_is_gone() {
    let mut fit = fit(PlacementSpec::BestFit, &[room(0, 0.0, 8)]);
    let need = Need {
        processors: 2.0,
        reserve: 0.5,
        memory: Bytes(4 << 30),
    };
    for _ in 0..2 {
        assert_eq!(choose(&fit), Some(0));
        fit.place(HostId(0), need);
    }
    assert_eq!(choose(&fit), None);
}

const POLICIES: [PlacementSpec; 5] = [
    PlacementSpec::PowerAware,
    PlacementSpec::FirstFit,
    PlacementSpec::BestFit,
    PlacementSpec::WorstFit,
    PlacementSpec::DotProduct,
];

/// A curve with corners at the tenths, of a different bend for each kind; flat past full load.
fn bent(kind: u32, busy: f64) -> f64 {
    const WATTS: [[f64; 11]; 2] = [
        [
            50.0, 80.0, 88.0, 96.0, 106.0, 118.0, 128.0, 145.0, 170.0, 190.0, 200.0,
        ],
        [
            90.0, 92.0, 96.0, 104.0, 116.0, 130.0, 135.0, 137.0, 140.0, 160.0, 190.0,
        ],
    ];
    let (curve, load) = (WATTS[kind as usize], (busy / 16.0 * 10.0).min(10.0));
    let low = (load as usize).min(9);
    curve[low] + (load - low as f64) * (curve[low + 1] - curve[low])
}

fn cost(policy: PlacementSpec, room: &Room, need: Need) -> f64 {
    match policy {
        PlacementSpec::FirstFit => 0.0,
        PlacementSpec::PowerAware => {
            bent(room.kind, room.asked + need.processors) - bent(room.kind, room.asked)
        }
        PlacementSpec::BestFit => room.processors - room.asked,
        PlacementSpec::WorstFit => room.asked - room.processors,
        PlacementSpec::DotProduct => -alignment(room, need),
    }
}

fn any_room() -> impl Strategy<Value = Room> {
    let loads = prop_oneof![Just(-0.0), (0..16u32).prop_map(f64::from), 0.0..16.0f64];
    (0..2u32, 0..3u32, loads, 0..64u64, 0..3u32).prop_map(|(kind, setting, asked, free, moves)| Room {
        setting,
        moves,
        ..room(kind, asked, free)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Against a look at every host of a setting that is open: the same cost, and the same host unless costs are equal but for rounding.
    #[test]
    fn the_best_of_all_hosts_is_chosen(
        rooms in prop::collection::vec(any_room(), 1..400),
        needs in prop::collection::vec((0.0..6.0f64, 0..24u64), 1..12),
        policy in prop::sample::select(&POLICIES[..]),
        ceiling in 0.5..1.2f64,
        closed in 0..4u32,
    ) {
        let mut fit = fit(policy, &rooms);
        let watts = |host: HostId, busy: f64| Watts(bent(rooms[host.index()].kind, busy));
        for (processors, gib) in needs {
            let need = Need { processors, reserve: processors / 2.0, memory: Bytes(gib << 30) };
            let all = (0..rooms.len() as u32).map(HostId);
            let holding = all.filter_map(|host| fit.get(host).map(|room| (host, *room)));
            let holding = holding.filter(|(_, room)| room.setting != closed && room.holds(need, ceiling));
            let wanted = holding.map(|(host, room)| (cost(policy, &room, need), host)).reduce(lower);
            let mut open = |host: HostId| rooms[host.index()].setting != closed;
            let got = fit.choose(need, ceiling, &watts, &mut open);
            prop_assert_eq!(got.is_some(), wanted.is_some());
            if let (Some(got), Some((least, host))) = (got, wanted) {
                let room = *fit.get(got).expect("chosen of these");
                prop_assert!(room.holds(need, ceiling));
                prop_assert!(cost(policy, &room, need) <= least + 1e-9 * least.abs());
                if policy != PlacementSpec::PowerAware {
                    prop_assert_eq!(got, host);
                }
                fit.place(got, need);
            }
        }
    }
}
