//! Core parking: how many logical processors stay awake, decided from their load at fixed checks.
//!
//! The power manager of Windows Server 2008 R2 looks every check interval at the mean load since the last check:
//!
//! ```text
//! ideal = clamp(ceil(load / increase_threshold), n_min, n_max)       all three in whole cores
//! more awake:   ideal > awake for `increase_checks` checks in a row
//! fewer awake:  ideal < awake and load / awake < decrease_threshold for `decrease_checks` in a row
//! ```
//!
//! and then goes to `ideal`, by one core, or to `n_max` or `n_min`, as its policies say. A core is parked with all
//! its threads; from the highest number down, so that whole packages empty; the first core never.
//!
//! Checks are at whole multiples of the interval. While the load is flat and nothing is about to change no check can
//! change anything, so none is asked for: [`Parking::next_check`] gives `None` until [`Parking::on_load`] is called.

use twinrack_scenario::spec::parking::{ParkingSpec, ParkingStep};
use twinrack_scenario::units::{SimDuration, SimTime};

/// The parking of one host. Processors are counted in logical processors, always whole cores of them.
#[derive(Debug, Clone)]
pub struct Parking {
    interval: u64,
    threads: u32,
    least: u32,
    most: u32,
    increase_threshold: f64,
    decrease_threshold: f64,
    increase_checks: u32,
    decrease_checks: u32,
    increase_policy: ParkingStep,
    decrease_policy: ParkingStep,
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
    /// The parking of a host with `processors` logical processors, `threads` to a core, all awake at first.
    pub fn new(spec: &ParkingSpec, processors: u32, threads: u32) -> Self {
        let threads = threads.clamp(1, processors.max(1));
        let share = |ratio: f64| ratio * f64::from(processors);
        let least = (libm::ceil(share(spec.min_cores.0)) as u32).clamp(1, processors.max(1));
        let most = (libm::floor(share(spec.max_cores.0)) as u32).min(processors);
        // The setting's own rule: parking is off when the most is not above the least.
        let off = !spec.enabled || most <= least;
        let least = least.next_multiple_of(threads).min(processors);
        let most = (most / threads * threads).max(least);
        Self {
            interval: spec.check_interval.as_nanos().max(1),
            threads,
            least: if off { processors } else { least },
            most: if off { processors } else { most },
            increase_threshold: spec.increase_threshold.0.max(f64::MIN_POSITIVE),
            decrease_threshold: spec.decrease_threshold.0,
            increase_checks: spec.increase_checks.max(1),
            decrease_checks: spec.decrease_checks.max(1),
            increase_policy: spec.increase_policy,
            decrease_policy: spec.decrease_policy,
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

    /// The load changed, in logical processors. Checks that were due by now and have not been made are made first,
    /// each over its own interval; gives the number awake when they change it.
    pub fn on_load(&mut self, now: SimTime, load: f64) -> Option<u32> {
        let mut changed = None;
        while let Some(due) = self.next_check().filter(|due| *due <= now) {
            changed = self.check(due).or(changed);
        }
        self.gather(now.as_nanos());
        self.load = load;
        changed
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
            Wanted::More(ideal) if self.wanted_more >= self.increase_checks => Some(self.increase(ideal)),
            Wanted::Fewer(ideal) if self.wanted_fewer >= self.decrease_checks => Some(self.decrease(ideal)),
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

    fn increase(&mut self, ideal: u32) -> u32 {
        self.change(match self.increase_policy {
            ParkingStep::Ideal => ideal,
            ParkingStep::Single => self.awake.saturating_add(self.threads).min(self.most),
            ParkingStep::All => self.most,
        })
    }

    fn decrease(&mut self, ideal: u32) -> u32 {
        self.change(match self.decrease_policy {
            ParkingStep::Ideal => ideal,
            ParkingStep::Single => self.awake.saturating_sub(self.threads).max(self.least),
            ParkingStep::All => self.least,
        })
    }

    fn change(&mut self, awake: u32) -> u32 {
        (self.wanted_more, self.wanted_fewer) = (0, 0);
        self.awake = awake;
        awake
    }

    fn wanted(&self, load: f64) -> Wanted {
        // A load of 3.2 at a threshold of 0.8 needs four: the quotient must not be a hair above 4 by rounding.
        let ideal = libm::ceil(load / self.increase_threshold - 1e-9).max(0.0) as u32;
        let ideal = ideal.min(self.most).next_multiple_of(self.threads);
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
mod tests;
