//! Parts of a host's power: the base, its packages and its cores, each by what it does.
//!
//! ```text
//! P = base + packages + cores
//! package   awake or asleep
//! core      parked | idle in a state | waking | running: P_first + (n - 1) P_further with n threads
//! ```
//!
//! A running core draws what it does halted, and beyond that a dynamic part that follows the clock, `f/f0 (V/V0)^2`, and the
//! activity of what it runs.

use twinrack_scenario::spec::host::HostSpec;
use twinrack_scenario::units::Watts;

use super::idle::CoreTime;

/// What each part of a host draws in each of its states, in watts.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// Everything but packages: fans, disks, memory, losses.
    pub base: f64,
    /// A package that sleeps.
    pub package_asleep: f64,
    /// A package that is awake, without its cores.
    pub package_awake: f64,
    /// A core, all its threads idle, in each idle state, shallowest first; never empty.
    pub idle: Vec<f64>,
    /// A parked core.
    pub parked: f64,
    /// A core with one thread running at the nominal clock.
    pub first: f64,
    /// What each further running thread adds.
    pub further: f64,
    /// A core on its way out of an idle state.
    pub waking: f64,
}

/// What all parts of a host do.
#[derive(Debug, Clone, Copy)]
pub struct Doing<'a> {
    /// Packages, and how many of them are awake in the mean.
    pub packages: f64,
    /// See `packages`.
    pub packages_awake: f64,
    /// Cores that are not parked.
    pub cores: f64,
    /// Cores that are parked.
    pub parked: f64,
    /// Threads of a core that run, in the mean.
    pub running: f64,
    /// How a core that is not parked spends its time.
    pub time: &'a CoreTime,
    /// Dynamic power at the present clock, as a share of that at the nominal one.
    pub clock: f64,
}

/// Watts by component; their sum is the host's.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Split {
    /// Fans, disks, memory, losses.
    pub base: f64,
    /// Packages without their cores.
    pub packages: f64,
    /// Cores that idle, and what running ones would draw halted.
    pub idle: f64,
    /// Cores on their way out of idle states.
    pub waking: f64,
    /// What running takes beyond that.
    pub running: f64,
    /// Parked cores.
    pub parked: f64,
}

impl Split {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.rest() + self.running
    }

    /// All but what running takes.
    pub fn rest(&self) -> f64 {
        self.base + self.packages + self.idle + self.waking + self.parked
    }
}

impl Parts {
    /// The parts that a scenario gives, those of a host of 2009 where it does not: 10 W a running processor, 4 W
    /// halted, 0.5 W parked, 20 W a package (5 W asleep), all assumed.
    pub fn given(host: &HostSpec) -> Self {
        let power = &host.power;
        let watts = |given: Option<Watts>, assumed: f64| given.map_or(assumed, |watts| watts.0);
        let threads = f64::from(host.threads.max(1));
        let active = watts(power.core_active, 10.0);
        let halt = watts(power.core_halt, 4.0);
        let by_state = host.c_states.iter().any(|state| state.power.is_some());
        let mut idle: Vec<f64> = host
            .c_states
            .iter()
            .map(|state| threads * watts(state.power, halt))
            .collect();
        if idle.is_empty() {
            idle.push(threads * halt);
        }
        let first = watts(power.first_thread, active + (threads - 1.0) * halt);
        Self {
            base: watts(power.base, 0.0),
            package_asleep: watts(power.package_asleep, 5.0),
            package_awake: watts(power.package_awake, 20.0),
            parked: threads * watts(power.core_parked, 0.5),
            first,
            further: watts(power.further_thread, active - halt),
            // Without a power for each state the halted power is the mean over idle time, transitions included.
            waking: if by_state {
                first
            } else {
                idle.first().copied().unwrap_or(0.0)
            },
            idle,
        }
    }

    /// Watts by component.
    pub fn split(&self, doing: &Doing<'_>) -> Split {
        let halted = self.idle.first().copied().unwrap_or(0.0);
        let idle_time: f64 = doing.time.states.iter().sum();
        let running = (1.0 - idle_time - doing.time.waking).max(0.0);
        let idle: f64 = doing
            .time
            .states
            .iter()
            .zip(&self.idle)
            .map(|(share, watts)| share * watts)
            .sum();
        let dynamic = running * (self.first - halted) + (doing.running - running).max(0.0) * self.further;
        Split {
            base: self.base,
            packages: doing.packages * self.package_asleep
                + doing.packages_awake * (self.package_awake - self.package_asleep),
            idle: doing.cores * (idle + running * halted),
            waking: doing.cores * doing.time.waking * self.waking,
            running: doing.cores * dynamic * doing.clock,
            parked: doing.parked * self.parked,
        }
    }
}
