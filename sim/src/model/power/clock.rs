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

#[cfg(test)]
mod tests {
    use twinrack_scenario::decode::{Decoder, Field};
    use twinrack_scenario::fault::SourceId;
    use twinrack_scenario::yaml::parse;

    use super::*;

    fn decode<T: Field>(text: &str) -> T {
        let (node, _) = parse(text, SourceId(0)).expect("valid YAML");
        T::decode(&node, &mut Decoder::default()).expect("a spec")
    }

    fn clocks(policy: &str) -> Clocks {
        let host =
            "{name: n, memory: 32GiB, clock: 2GHz, p_states: [{clock: 1.5GHz}, {clock: 1GHz, voltage: 70%}]}";
        Clocks::new(&decode(host), &decode(policy))
    }

    #[test]
    fn ondemand_takes_the_lowest_that_is_not_too_busy() {
        let clocks = clocks("{}");
        // Up to 60 % busy: 0.6 * 1/2 of the work at 1 GHz, 0.6 * 3/4 at 1.5 GHz.
        let taken = [0.0, 0.3, 0.31, 0.45, 0.46, 1.0].map(|load| clocks.at(load).hertz / 1e9);
        assert_eq!(taken, [1.0, 1.0, 1.5, 1.5, 2.0, 2.0]);
        assert_eq!(clocks.capacity(), 1.0);
    }

    #[test]
    fn power_follows_clock_and_voltage_squared() {
        let clocks = clocks("{clock_bound: 50%}");
        // 1 / (0.5 * 2 + 0.5) of the speed, 0.5 * 0.7^2 of the power; the voltage of 1.5 GHz is 1 - 0.4 * 0.25 = 0.9.
        let [slow, middle] = [0.1, 0.5].map(|load| clocks.at(load));
        assert!((slow.speed - 1.0 / 1.5).abs() < 1e-12 && (slow.power - 0.245).abs() < 1e-12);
        assert!((middle.power - 0.75 * 0.81).abs() < 1e-12);
    }

    #[test]
    fn a_host_of_one_clock_stays_at_it() {
        for policy in ["{clock: powersave}", "{clock: ondemand}"] {
            let clocks = Clocks::new(&decode("{name: n, memory: 32GiB, clock: 2GHz}"), &decode(policy));
            assert_eq!(
                (clocks.at(0.1).hertz, clocks.capacity(), clocks.is_known()),
                (2e9, 1.0, false)
            );
        }
    }
}
