//! Core parking: the worked examples, each policy, and checks that are skipped or come late.

use proptest::prelude::*;
use twinrack_scenario::decode::{Decoder, Field};
use twinrack_scenario::fault::{SourceId, Span};
use twinrack_scenario::units::Ratio;
use twinrack_scenario::yaml::Node;

use super::*;

fn spec() -> ParkingSpec {
    let span = Span {
        source: SourceId(0),
        start: 0,
        end: 0,
    };
    ParkingSpec::decode(&Node::empty_map(span), &mut Decoder::default()).expect("all keys have defaults")
}

/// Runs the checks asked for up to `until`; gives the changes.
fn run(parking: &mut Parking, until: SimTime) -> Vec<(SimTime, u32)> {
    let mut changes = Vec::new();
    while let Some(at) = parking.next_check().filter(|at| *at <= until) {
        changes.extend(parking.check(at).map(|awake| (at, awake)));
    }
    changes
}

fn millis(changes: &[(SimTime, u32)]) -> Vec<(u64, u32)> {
    changes
        .iter()
        .map(|(at, awake)| (at.as_nanos() / 1_000_000, *awake))
        .collect()
}

#[test]
fn off_peak_twelve_of_sixteen_are_parked_after_a_second() {
    let mut parking = Parking::new(&spec(), 16, 2);
    parking.on_load(SimTime::ZERO, 3.2);
    assert_eq!(
        run(&mut parking, SimTime::from_secs(60)),
        [(SimTime::from_secs(1), 4)]
    );
    assert_eq!(parking.next_check(), None, "flat: nothing to check");
}

#[test]
fn an_idle_host_keeps_two() {
    let mut parking = Parking::new(&spec(), 16, 2);
    parking.on_load(SimTime::ZERO, 0.1);
    assert_eq!(
        run(&mut parking, SimTime::from_secs(60)),
        [(SimTime::from_secs(1), 2)]
    );
}

#[test]
fn a_burst_has_its_processors_within_two_checks() {
    for (threads, second) in [(1, 15), (2, 16)] {
        let mut parking = Parking::new(&spec(), 16, threads);
        parking.on_load(SimTime::ZERO, 3.2);
        run(&mut parking, SimTime::from_secs(30));
        parking.on_load(SimTime::from_millis(30_050), 12.0);
        let changes = run(&mut parking, SimTime::from_secs(31));
        // Half an interval of each load: (3.2 + 12) / 2 / 0.8 = 9.5; then 12 / 0.8 = 15, which is 16 in whole cores of two.
        assert_eq!(millis(&changes), [(30_100, 10), (30_200, second)]);
    }
}

#[test]
fn a_core_is_parked_with_all_its_threads() {
    // 1.6 / 0.8 = 2 processors of 16: with four threads a core that is still a whole core.
    for (threads, awake) in [(1, 2), (2, 2), (4, 4), (8, 8)] {
        let mut parking = Parking::new(&spec(), 16, threads);
        parking.on_load(SimTime::ZERO, 1.6);
        run(&mut parking, SimTime::from_secs(60));
        assert_eq!(parking.awake(), awake, "{threads} threads");
    }
}

#[test]
fn one_core_at_a_time_takes_a_second_for_each() {
    let single = ParkingSpec {
        increase_policy: ParkingStep::Single,
        decrease_policy: ParkingStep::Single,
        ..spec()
    };
    let mut parking = Parking::new(&single, 16, 2);
    parking.on_load(SimTime::ZERO, 3.2);
    // Each decrease waits its own ten checks; 3.2 / 6 = 53 % is below 60 %, so it goes on down to the ideal of four.
    let down: Vec<(u64, u32)> = (1..=6).map(|step| (1000 * step, 16 - 2 * step as u32)).collect();
    assert_eq!(millis(&run(&mut parking, SimTime::from_secs(30))), down);
    parking.on_load(SimTime::from_secs(30), 12.0);
    let up: Vec<(u64, u32)> = (1..=6)
        .map(|step| (30_000 + 100 * step, 4 + 2 * step as u32))
        .collect();
    assert_eq!(millis(&run(&mut parking, SimTime::from_secs(60))), up);
}

#[test]
fn one_core_at_a_time_stops_where_those_awake_are_busy_enough() {
    let single = ParkingSpec {
        decrease_policy: ParkingStep::Single,
        ..spec()
    };
    let mut parking = Parking::new(&single, 16, 1);
    parking.on_load(SimTime::ZERO, 6.0);
    // Ideal is ceil(6 / 0.8) = 8, but at ten awake they are 60 % busy, no longer below the threshold of 60 %.
    run(&mut parking, SimTime::from_secs(60));
    assert_eq!(parking.awake(), 10);
}

#[test]
fn all_at_once_goes_to_the_ends() {
    let all = ParkingSpec {
        increase_policy: ParkingStep::All,
        decrease_policy: ParkingStep::All,
        max_cores: Ratio(0.75),
        ..spec()
    };
    let mut parking = Parking::new(&all, 16, 2);
    parking.on_load(SimTime::ZERO, 0.1);
    assert_eq!(millis(&run(&mut parking, SimTime::from_secs(2))), [(1000, 2)]);
    // One processor more than two can carry: all that may be are woken, 75 % of 16.
    parking.on_load(SimTime::from_secs(2), 2.0);
    assert_eq!(
        millis(&run(&mut parking, SimTime::from_millis(2_900))),
        [(2100, 12)]
    );
}

#[test]
fn parking_is_off_when_the_most_is_not_above_the_least() {
    let off = ParkingSpec {
        max_cores: spec().min_cores,
        ..spec()
    };
    let mut parking = Parking::new(&off, 16, 2);
    parking.on_load(SimTime::ZERO, 0.0);
    assert_eq!((parking.next_check(), parking.awake()), (None, 16));
}

#[test]
fn load_that_comes_before_a_due_check_does_not_lose_its_interval() {
    let mut parking = Parking::new(&spec(), 16, 1);
    parking.on_load(SimTime::ZERO, 0.1);
    run(&mut parking, SimTime::from_secs(30));
    assert_eq!(parking.awake(), 2);
    // 30.00 to 30.02 at 12, then idle: the interval's mean is 12 * 0.2 + 0.1 * 0.8 = 2.48, ideal 4. The next change
    // comes at the very instant of the check, and before it.
    parking.on_load(SimTime::from_secs(30), 12.0);
    parking.on_load(SimTime::from_millis(30_020), 0.1);
    assert_eq!(parking.on_load(SimTime::from_millis(30_100), 0.2), Some(4));
    assert_eq!(parking.awake(), 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Checking only when asked for, or only when the load changes, gives what checking every 100 ms gives.
    #[test]
    fn skipping_checks_changes_nothing(
        steps in prop::collection::vec((0..4000u64, 0..1600u32), 1..20),
        threads in 1..3u32,
        policies in (0..3usize, 0..3usize),
    ) {
        let step = [ParkingStep::Ideal, ParkingStep::Single, ParkingStep::All];
        // `All` downwards never rests: what it parks the next check wakes again.
        let down = step[policies.1.min(1)];
        let spec = ParkingSpec { increase_policy: step[policies.0], decrease_policy: down, ..spec() };
        let new = || Parking::new(&spec, 16, threads);
        let (mut asked, mut ticking, mut late) = (new(), new(), new());
        let (mut changes, mut reference) = (Vec::new(), Vec::new());
        let (mut now, mut tick) = (0, 100);
        for (wait, load) in steps {
            now += wait;
            let at = SimTime::from_millis(now);
            changes.extend(run(&mut asked, at));
            while tick <= now {
                let time = SimTime::from_millis(tick);
                reference.extend(ticking.check(time).map(|awake| (time, awake)));
                tick += 100;
            }
            let load = f64::from(load) / 100.0;
            asked.on_load(at, load);
            ticking.on_load(at, load);
            late.on_load(at, load);
            prop_assert_eq!(late.awake(), ticking.awake());
        }
        prop_assert_eq!(changes, reference);
    }
}
