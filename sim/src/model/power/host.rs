//! Watts of a host from its load: the measured curve where there is one, its parts, and how its cores spend their time.
//!
//! **Curve.** At the loads that were measured, and on the lines between 10 and 100 %, the curve is met exactly by a host whose
//! processors are all awake and managed as published systems are. What differs from that (parked cores, idle states switched
//! off, other clocks) changes the parts by what they differ:
//!
//! ```text
//! P = rest + running * a(u)      a(u) = (curve(u) - rest_as_measured(u)) / running_as_measured(u)
//! ```
//!
//! Between active idle and 10 % nothing was measured, and the truth is no line: as soon as work comes, packages stop to sleep
//! all the time. There the activity `a` of 10 % is taken and the packages' sleep decides.
//!
//! **Parts.** A host whose parts are known draws their sum.

use twinrack_scenario::spec::host::{HostSpec, PackageSleep};
use twinrack_scenario::spec::processor::{ClockGovernor, IdleGovernor, ProcessorSpec};
use twinrack_scenario::units::{PerSecond, Ratio};

use super::calibrate::{Point, calibrate};
use super::clock::Clocks;
use super::idle::{CoreTime, Idle, TICKLESS_WAKEUPS, power};
use super::parts::{Doing, Parts, Split};
use super::{Clock, PowerCurve};

/// Load up to which a curve says nothing of packages that sleep part of the time.
const PARTLY_ASLEEP: f64 = 0.1;

/// What a host does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HostLoad {
    /// Work, in logical processors at the nominal clock.
    pub busy: f64,
    /// Logical processors awake; the others are parked.
    pub awake: u32,
}

/// What comes of a load.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draw {
    /// Watts at the wall.
    pub watts: f64,
    /// How each core that is not parked spends its time.
    pub time: CoreTime,
    /// Share of its time that a logical processor awake runs.
    pub running: f64,
    /// Logical processors parked.
    pub parked: u32,
    /// Clock of the cores.
    pub clock: Clock,
}

/// The power of hosts of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct HostPower {
    threads: u32,
    cores: u32,
    packages: u32,
    together: bool,
    /// Whether packages sleep as the line of a curve from active idle to 10 % has it: no idle state is known.
    by_line: bool,
    managed: Managed,
    parts: Parts,
    measured: Option<Measured>,
}

/// How processors are managed.
#[derive(Debug, Clone, PartialEq)]
struct Managed {
    idle: Idle,
    clocks: Clocks,
}

/// What makes parts and curve agree at a load.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Activity {
    /// Factor to what running takes.
    running: f64,
    /// Watts added to the base: where nothing runs that could be scaled.
    base: f64,
}

/// A curve, and how the processors were managed when it was measured.
#[derive(Debug, Clone, PartialEq)]
struct Measured {
    curve: PowerCurve,
    managed: Managed,
    /// Whether the scenario manages them alike.
    alike: bool,
    /// How active running cores are at the least load that was measured busy, and below it.
    low: Activity,
}

impl HostPower {
    /// The power of a host under a policy; `ticks` says whether its idle processors take the periodic tick.
    pub fn new(host: &HostSpec, policy: &ProcessorSpec, ticks: bool) -> Self {
        let given = host.power.core_active.is_some() || host.power.first_thread.is_some();
        let managed = Managed {
            idle: Idle::new(host, policy, ticks),
            clocks: Clocks::new(host, policy),
        };
        let mut power = Self {
            threads: host.threads.max(1),
            cores: host.cores.max(1),
            packages: host.sockets.max(1),
            together: host.power.packages_sleep == PackageSleep::Together,
            by_line: false,
            parts: Parts::given(host),
            managed,
            measured: None,
        };
        if let Some(curve) = PowerCurve::new(&host.power.curve).filter(|_| !given) {
            power.measure(host, curve);
        }
        power
    }

    fn measure(&mut self, host: &HostSpec, curve: PowerCurve) {
        self.by_line = !self.managed.idle.is_known();
        let policy = as_measured();
        let managed = Managed {
            idle: Idle::new(host, &policy, false),
            clocks: Clocks::new(host, &policy),
        };
        let point = |load: f64| {
            let mut draw = Draw::default();
            let all = self.logical_processors();
            let awake = self.spend(&managed, load * f64::from(all), all, &mut draw);
            Point {
                asleep: 1.0
                    - self.packages_awake(awake, load, &managed, &draw.time) / f64::from(self.packages),
                waking: draw.time.waking,
                running: 1.0 - draw.time.states.iter().sum::<f64>() - draw.time.waking,
                states: draw.time.states,
            }
        };
        self.parts = calibrate(host, &curve, &point(0.0), &point(PARTLY_ASLEEP));
        let alike = (!managed.idle.is_known() || managed.idle == self.managed.idle)
            && (!managed.clocks.is_known() || managed.clocks == self.managed.clocks);
        let low = self.activity(&curve, &managed, PARTLY_ASLEEP);
        self.measured = Some(Measured {
            curve,
            managed,
            alike,
            low,
        });
    }

    /// Logical processors.
    pub const fn logical_processors(&self) -> u32 {
        self.packages
            .saturating_mul(self.cores)
            .saturating_mul(self.threads)
    }

    /// Work that can be done at once, in logical processors at the nominal clock.
    pub fn capacity(&self) -> f64 {
        f64::from(self.logical_processors()) * self.managed.clocks.capacity()
    }

    /// Watts at full load.
    pub fn peak(&self) -> f64 {
        self.watts(HostLoad {
            busy: self.capacity(),
            awake: self.logical_processors(),
        })
    }

    /// Watts under a load.
    pub fn watts(&self, load: HostLoad) -> f64 {
        if load.awake >= self.logical_processors()
            && let Some(watts) = self.on_curve(self.utilisation(load))
        {
            return watts;
        }
        let mut draw = Draw::default();
        self.draw(load, &mut draw);
        draw.watts
    }

    /// What the curve says, where nothing was parked or managed otherwise and it was measured.
    fn on_curve(&self, utilisation: f64) -> Option<f64> {
        let measured = self.measured.as_ref().filter(|measured| measured.alike)?;
        let between = utilisation > 0.0 && utilisation < PARTLY_ASLEEP && !self.by_line;
        (!between).then(|| measured.curve.at(utilisation))
    }

    fn utilisation(&self, load: HostLoad) -> f64 {
        (load.busy / f64::from(self.logical_processors())).clamp(0.0, 1.0)
    }

    /// What comes of a load.
    pub fn draw(&self, load: HostLoad, draw: &mut Draw) {
        let utilisation = self.utilisation(load);
        let awake = self.spend(&self.managed, load.busy, load.awake, draw);
        draw.watts = self
            .on_curve(utilisation)
            .filter(|_| draw.parked == 0)
            .unwrap_or_else(|| self.split_of(awake, utilisation, draw).total());
    }

    /// Watts by component under a load.
    pub fn split(&self, load: HostLoad) -> Split {
        let mut draw = Draw::default();
        let awake = self.spend(&self.managed, load.busy, load.awake, &mut draw);
        self.split_of(awake, self.utilisation(load), &draw)
    }

    /// The split, running cores as active as the curve says.
    fn split_of(&self, awake: u32, utilisation: f64, draw: &Draw) -> Split {
        let mut split = self.parts_of(&self.managed, awake, utilisation, draw);
        if let Some(measured) = &self.measured {
            let activity = if utilisation <= PARTLY_ASLEEP {
                measured.low
            } else {
                self.activity(&measured.curve, &measured.managed, utilisation)
            };
            split.running *= activity.running;
            if utilisation > 0.0 {
                split.base += activity.base;
            }
        }
        split
    }

    /// What makes parts and curve agree at a load, every core awake and managed as when it was measured.
    fn activity(&self, curve: &PowerCurve, managed: &Managed, load: f64) -> Activity {
        let all = self.logical_processors();
        let mut draw = Draw::default();
        let awake = self.spend(managed, load * f64::from(all), all, &mut draw);
        let parts = self.parts_of(managed, awake, load, &draw);
        let running = curve.at(load) - parts.rest();
        if parts.running > 0.0 {
            Activity {
                running: running / parts.running,
                base: 0.0,
            }
        } else {
            Activity {
                running: 0.0,
                base: running,
            }
        }
    }

    fn parts_of(&self, managed: &Managed, awake: u32, utilisation: f64, draw: &Draw) -> Split {
        let cores = self.packages * self.cores;
        self.parts.split(&Doing {
            packages: f64::from(self.packages),
            packages_awake: self.packages_awake(awake, utilisation, managed, &draw.time),
            cores: f64::from(awake),
            parked: f64::from(cores.saturating_sub(awake)),
            running: draw.running * f64::from(self.threads),
            time: &draw.time,
            clock: draw.clock.power,
        })
    }

    /// How cores spend their time; gives how many are not parked.
    fn spend(&self, managed: &Managed, busy: f64, awake: u32, draw: &mut Draw) -> u32 {
        let all = self.logical_processors();
        let busy = busy.clamp(0.0, f64::from(all));
        // Work beyond the awake processors spills over: parking is a hint to the scheduler, no wall.
        let needed = libm::ceil(busy / managed.clocks.capacity() - 1e-9).max(0.0) as u32;
        let cores = awake.max(needed).clamp(1, all).div_ceil(self.threads);
        let awake = cores * self.threads;
        let load = busy / f64::from(awake);
        let clock = managed.clocks.at(load);
        draw.clock = clock;
        draw.parked = all.saturating_sub(awake);
        draw.running = (load / clock.speed).min(1.0);
        managed.idle.core(draw.running, &mut draw.time);
        cores
    }

    /// Packages awake in the mean, with `cores` not parked: the lowest numbers.
    fn packages_awake(&self, cores: u32, utilisation: f64, managed: &Managed, time: &CoreTime) -> f64 {
        let all_deep = |cores: u32| power(time.deep, cores);
        if !managed.idle.is_known() {
            let asleep = if self.by_line {
                (1.0 - utilisation / PARTLY_ASLEEP).max(0.0)
            } else {
                0.0
            };
            return f64::from(cores.div_ceil(self.cores)) * (1.0 - asleep);
        }
        if self.together {
            return f64::from(self.packages) * (1.0 - all_deep(cores));
        }
        let (full, rest) = (cores / self.cores, cores % self.cores);
        f64::from(full) * (1.0 - all_deep(self.cores)) + (1.0 - all_deep(rest))
    }
}

/// How processors of published systems are taken to be managed: what a scenario gets that says nothing.
const fn as_measured() -> ProcessorSpec {
    ProcessorSpec {
        idle: IdleGovernor::Menu,
        idle_wakeups: Some(PerSecond(TICKLESS_WAKEUPS)),
        bursts: PerSecond(1000.0),
        clock: ClockGovernor::Ondemand,
        clock_target: Ratio(0.6),
        clock_bound: Ratio::ONE,
    }
}

#[cfg(test)]
mod tests;
