//! Clocks of cores (P-states): which one a governor picks, how fast work goes at it, and what it draws.
//!
//! Of the work a share `b` follows the clock (`clock_bound`), the rest waits for memory, so that at clock `f` work goes at
//!
//! ```text
//! speed(f) = 1 / (b f0/f + 1 - b)
//! ```
//!
//! of its nominal speed, and a running core draws, beyond what it does halted, `(f/f0) (V/V0)^2` of its nominal power
//! (dynamic power of CMOS). `ondemand` takes the lowest clock at which processors are not busier than its target, seen over
//! times that are long against its interval of 10 to 100 ms; so it has no memory, and what a change of clock takes (0.36
//! to 1.4 ms on an EPYC 7502) is left out.

use twinrack_scenario::spec::host::HostSpec;
use twinrack_scenario::spec::processor::{ClockGovernor, ProcessorSpec};
use twinrack_scenario::units::Hertz;

/// How much the voltage falls when the clock does, when it is not given: both as shares of the nominal.
const VOLTAGE_SLOPE: f64 = 0.4;

/// A clock and what it means.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Clock {
    /// The clock in hertz.
    pub hertz: f64,
    /// Speed of work, as a share of that at the nominal clock.
    pub speed: f64,
    /// Power of a running core beyond a halted one, as a share of that at the nominal clock.
    pub power: f64,
}

/// The clocks of one kind of host under a governor.
#[derive(Debug, Clone, PartialEq)]
pub struct Clocks {
    /// Slowest first; the nominal one is the last.
    steps: Vec<Clock>,
    governor: ClockGovernor,
    target: f64,
}

impl Clocks {
    /// The clocks of a host; those above the nominal one are left out.
    pub fn new(host: &HostSpec, policy: &ProcessorSpec) -> Self {
        let nominal = host.clock.as_f64();
        let bound = policy.clock_bound.0;
        let clock = |hertz: Hertz, voltage: Option<f64>| {
            let ratio = hertz.as_f64() / nominal;
            let voltage = voltage.unwrap_or(1.0 - VOLTAGE_SLOPE * (1.0 - ratio));
            Clock {
                hertz: hertz.as_f64(),
                speed: 1.0 / (bound / ratio + 1.0 - bound),
                power: ratio * voltage * voltage,
            }
        };
        let mut steps: Vec<Clock> = host
            .p_states
            .iter()
            .filter(|state| state.clock < host.clock && state.clock > Hertz(0))
            .map(|state| clock(state.clock, state.voltage.map(|ratio| ratio.0)))
            .collect();
        steps.push(clock(host.clock, Some(1.0)));
        steps.sort_by(|a, b| a.hertz.total_cmp(&b.hertz));
        Self {
            steps,
            governor: policy.clock,
            target: policy.clock_target.0,
        }
    }

    /// Whether there is more than the nominal clock.
    pub fn is_known(&self) -> bool {
        self.steps.len() > 1
    }

    /// The clock under a load: the work for each processor awake, 1 when it is busy all the time at the nominal clock.
    pub fn at(&self, load: f64) -> Clock {
        let [slowest, .., nominal] = self.steps.as_slice() else {
            return self.nominal();
        };
        match self.governor {
            ClockGovernor::Performance => *nominal,
            ClockGovernor::Powersave => *slowest,
            ClockGovernor::Ondemand => {
                let enough = |clock: &&Clock| load <= self.target * clock.speed;
                *self.steps.iter().find(enough).unwrap_or(nominal)
            }
        }
    }

    /// Work that can be done at most, as a share of that at the nominal clock.
    pub fn capacity(&self) -> f64 {
        self.at(1.0).speed
    }

    fn nominal(&self) -> Clock {
        let full = Clock {
            hertz: 0.0,
            speed: 1.0,
            power: 1.0,
        };
        self.steps.last().copied().unwrap_or(full)
    }
}
