//! Core parking: how many logical processors stay awake, decided from their load at fixed checks.
//!
//! The power manager of Windows Server 2008 R2 looks every check interval at the mean load since the last check:
//!
//! ```text
//! ideal = clamp(ceil(load / increase_threshold), n_min, n_max)
//! more awake:   ideal > awake for `increase_checks` checks in a row  -> awake = ideal
//! fewer awake:  ideal < awake and load / awake < decrease_threshold for `decrease_checks` in a row -> awake = ideal
//! ```
//!
//! Checks are at whole multiples of the interval. While the load is flat and nothing is about to change no check can
//! change anything, so none is asked for: [`Parking::next_check`] gives `None` until [`Parking::on_load`] is called.

use twinrack_scenario::spec::parking::ParkingSpec;
use twinrack_scenario::units::{SimDuration, SimTime};

/// The parking of one host.
#[derive(Debug, Clone)]
pub struct Parking {
    interval: u64,
    least: u32,
    most: u32,
    increase_threshold: f64,
    decrease_threshold: f64,
    increase_checks: u32,
    decrease_checks: u32,
    awake: u32,
    load: f64,
    /// Start of the present check interval, and load times nanoseconds gathered in it before `since`.
    start: u64,
    since: u64,
    gathered: f64,
    /// Checks in a row that wanted more, and fewer.
    wanted_more: u32,
    wanted_fewer: u32,
}

impl Parking {
    /// The parking of a host with `processors` logical processors, all awake at first.
    pub fn new(spec: &ParkingSpec, processors: u32) -> Self {
        let share = |ratio: f64| ratio * f64::from(processors);
        let least = (libm::ceil(share(spec.min_cores.0)) as u32).clamp(1, processors.max(1));
        let most = (libm::floor(share(spec.max_cores.0)) as u32).min(processors);
        // The setting's own rule: parking is off when the most is not above the least.
        let off = !spec.enabled || most <= least;
        Self {
            interval: spec.check_interval.as_nanos().max(1),
            least: if off { processors } else { least },
            most: if off { processors } else { most },
            increase_threshold: spec.increase_threshold.0.max(f64::MIN_POSITIVE),
            decrease_threshold: spec.decrease_threshold.0,
            increase_checks: spec.increase_checks.max(1),
            decrease_checks: spec.decrease_checks.max(1),
            awake: processors,
            load: 0.0,
            start: 0,
            since: 0,
            gathered: 0.0,
            wanted_more: 0,
            wanted_fewer: 0,
        }
    }

    /// Logical processors awake.
    pub const fn awake(&self) -> u32 {
        self.awake
    }

    /// The load changed, in logical processors.
    pub fn on_load(&mut self, now: SimTime, load: f64) {
        self.gather(now.as_nanos());
        self.load = load;
    }

    /// When the next check that may change something comes.
    pub fn next_check(&self) -> Option<SimTime> {
        let flat = self.gathered == self.load * (self.since - self.start) as f64;
        let settled =
            self.wanted(self.load) == Wanted::Same && self.wanted_more == 0 && self.wanted_fewer == 0;
        (!flat || !settled).then(|| SimTime::from_nanos(self.start.saturating_add(self.interval)))
    }

    /// A check that [`next_check`](Self::next_check) asked for; gives the number awake when it changes.
    pub fn check(&mut self, now: SimTime) -> Option<u32> {
        let now = now.as_nanos();
        let full = self.gathered + self.load * now.saturating_sub(self.since) as f64;
        let mean = full / now.saturating_sub(self.start).max(1) as f64;
        (self.start, self.since, self.gathered) = (now, now, 0.0);
        let wanted = self.wanted(mean);
        self.wanted_more = if matches!(wanted, Wanted::More(_)) {
            self.wanted_more + 1
        } else {
            0
        };
        self.wanted_fewer = if matches!(wanted, Wanted::Fewer(_)) {
            self.wanted_fewer + 1
        } else {
            0
        };
        match wanted {
            Wanted::More(ideal) if self.wanted_more >= self.increase_checks => Some(self.change(ideal)),
            Wanted::Fewer(ideal) if self.wanted_fewer >= self.decrease_checks => Some(self.change(ideal)),
            _ => None,
        }
    }

    /// Adds the load since the last change; intervals that passed without a check were flat.
    fn gather(&mut self, now: u64) {
        let start = now / self.interval * self.interval;
        if start > self.start {
            (self.start, self.since, self.gathered) = (start, start, 0.0);
        }
        self.gathered += self.load * now.saturating_sub(self.since) as f64;
        self.since = now;
    }

    fn change(&mut self, awake: u32) -> u32 {
        (self.wanted_more, self.wanted_fewer) = (0, 0);
        self.awake = awake;
        awake
    }

    fn wanted(&self, load: f64) -> Wanted {
        // A load of 3.2 at a threshold of 0.8 needs four: the quotient must not be a hair above 4 by rounding.
        let ideal = libm::ceil(load / self.increase_threshold - 1e-9).max(0.0) as u32;
        let ideal = ideal.clamp(self.least, self.most.max(self.least));
        if ideal > self.awake {
            Wanted::More(ideal)
        } else if ideal < self.awake && load / f64::from(self.awake) < self.decrease_threshold {
            Wanted::Fewer(ideal)
        } else {
            Wanted::Same
        }
    }

    /// The check interval.
    pub const fn interval(&self) -> SimDuration {
        SimDuration::from_nanos(self.interval)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    More(u32),
    Fewer(u32),
    Same,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use twinrack_scenario::decode::{Decoder, Field};
    use twinrack_scenario::fault::{SourceId, Span};
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

    #[test]
    fn off_peak_twelve_of_sixteen_are_parked_after_a_second() {
        let mut parking = Parking::new(&spec(), 16);
        parking.on_load(SimTime::ZERO, 3.2);
        assert_eq!(
            run(&mut parking, SimTime::from_secs(60)),
            [(SimTime::from_secs(1), 4)]
        );
        assert_eq!(parking.next_check(), None, "flat: nothing to check");
    }

    #[test]
    fn an_idle_host_keeps_two() {
        let mut parking = Parking::new(&spec(), 16);
        parking.on_load(SimTime::ZERO, 0.1);
        assert_eq!(
            run(&mut parking, SimTime::from_secs(60)),
            [(SimTime::from_secs(1), 2)]
        );
    }

    #[test]
    fn a_burst_has_its_processors_within_two_checks() {
        let mut parking = Parking::new(&spec(), 16);
        parking.on_load(SimTime::ZERO, 3.2);
        run(&mut parking, SimTime::from_secs(30));
        parking.on_load(SimTime::from_millis(30_050), 12.0);
        let changes = run(&mut parking, SimTime::from_secs(31));
        // Half an interval of each load: (3.2 + 12) / 2 / 0.8 = 9.5; then 12 / 0.8 = 15.
        assert_eq!(
            changes,
            [
                (SimTime::from_millis(30_100), 10),
                (SimTime::from_millis(30_200), 15)
            ]
        );
    }

    #[test]
    fn parking_is_off_when_the_most_is_not_above_the_least() {
        let mut parking = Parking::new(
            &ParkingSpec {
                max_cores: spec().min_cores,
                ..spec()
            },
            16,
        );
        parking.on_load(SimTime::ZERO, 0.0);
        assert_eq!((parking.next_check(), parking.awake()), (None, 16));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Checking only when asked for gives what checking every 100 ms gives.
        #[test]
        fn skipping_checks_changes_nothing(steps in prop::collection::vec((0..4000u64, 0..1600u32), 1..20)) {
            let (mut asked, mut ticking) = (Parking::new(&spec(), 16), Parking::new(&spec(), 16));
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
                asked.on_load(at, f64::from(load) / 100.0);
                ticking.on_load(at, f64::from(load) / 100.0);
            }
            prop_assert_eq!(changes, reference);
        }
    }
}
