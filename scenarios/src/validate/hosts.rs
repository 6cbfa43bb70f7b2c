//! Hosts and networks: numbers of one item that must agree with each other.

use super::Checker;
use crate::fault::{Echo, Fault};
use crate::spec::host::HostSpec;
use crate::units::Hertz;

/// Points of a power curve: active idle and 10, 20, …, 100 % load.
const CURVE_POINTS: usize = 11;

impl Checker<'_> {
    /// Notes hosts and networks that can't exist.
    pub(super) fn all_hosts(&mut self) {
        let spec = self.spec;
        for (index, host) in spec.hosts.iter().enumerate() {
            if self.is_full() {
                return;
            }
            self.curve(index, host);
            self.parts(index, host);
            self.idle_states(index, host);
            self.clocks(index, host);
            self.generation(index, host);
            if host.memory.value <= host.reserve {
                let what = format!(
                    "`{}` keeps {} of its {} for itself",
                    host.name.value, host.reserve, host.memory.value
                );
                let fault = Fault::new(host.memory.span, what, "expected memory above the reserve");
                let fault = fault.help("raise `memory` or lower `reserve`");
                self.note(format!("hosts[{index}].memory"), fault);
            }
        }
        for (index, network) in spec.networks.iter().enumerate() {
            if let Some(goodput) = network.goodput.filter(|goodput| *goodput > network.speed) {
                let what = format!(
                    "`{}` carries {goodput} of payload over links of {}",
                    network.name.value, network.speed
                );
                let fault = Fault::new(network.name.span, what, "expected goodput <= speed");
                let fault = fault.help("1 Gb/s is 125 MB/s: check bits against bytes");
                self.note(format!("networks[{index}].goodput"), fault);
            }
        }
    }

    fn host_fault(&mut self, index: usize, key: &str, what: String, expected: &str, help: &str) {
        if let Some(host) = self.spec.hosts.get(index) {
            let fault = Fault::new(host.name.span, what, expected).help(help);
            self.note(format!("hosts[{index}].{key}"), fault.echoes(Echo::None));
        }
    }

    fn curve(&mut self, index: usize, host: &HostSpec) {
        let (name, curve) = (&host.name.value, &host.power.curve);
        if !matches!(curve.len(), 0 | CURVE_POINTS) {
            self.host_fault(
                index,
                "power.curve",
                format!("the power curve of `{name}` has {} points", curve.len()),
                "expected 11: active idle and 10, 20, … 100 % load",
                "take the published SPECpower_ssj2008 result, or leave the curve out",
            );
        } else if curve
            .first()
            .zip(curve.last())
            .is_some_and(|(idle, full)| idle.0 > full.0)
        {
            self.host_fault(
                index,
                "power.curve",
                format!("`{name}` draws more when idle than at full load"),
                "expected the curve from active idle up to 100 % load",
                "turn the order round: active idle first, 100 % last",
            );
        } else if curve.windows(2).any(|pair| pair[1].0 < pair[0].0) {
            self.host_fault(
                index,
                "power.curve",
                format!("the power curve of `{name}` falls"),
                "expected watts that do not fall with load",
                "check the order and the digits: active idle first, 100 % last",
            );
        }
    }

    /// The parts of the power model: each deeper state draws no more.
    fn parts(&mut self, index: usize, host: &HostSpec) {
        let power = &host.power;
        let pairs = [
            ("core_halt", power.core_halt, "core_active", power.core_active),
            ("core_parked", power.core_parked, "core_halt", power.core_halt),
            (
                "package_asleep",
                power.package_asleep,
                "package_awake",
                power.package_awake,
            ),
        ];
        for (deep, less, shallow, more) in pairs {
            if let Some((less, more)) = less.zip(more).filter(|(less, more)| less.0 > more.0) {
                let what = format!(
                    "`{deep}` of `{}` draws {less}, but `{shallow}` only {more}",
                    host.name.value
                );
                let expected = format!("expected {deep} <= {shallow}");
                self.host_fault(index, &format!("power.{deep}"), what, &expected, "swap the two");
            }
        }
    }

    fn generation(&mut self, index: usize, host: &HostSpec) {
        let Some(generation) = host.generation.filter(|own| own.vendor() != host.vendor) else {
            return;
        };
        let (name, made, by) = (&host.name.value, generation.vendor(), host.vendor);
        self.host_fault(
            index,
            "generation",
            format!("the processors of `{name}` are of generation `{generation}` and of vendor `{by}`"),
            "expected a generation of its vendor",
            &format!("`{generation}` is of `vendor: {made}`"),
        );
    }

    fn clocks(&mut self, index: usize, host: &HostSpec) {
        let wrong = |clock: &Hertz| *clock == Hertz(0) || *clock >= host.clock;
        let found = host.p_states.iter().map(|state| state.clock).enumerate();
        for (at, clock) in found.filter(|(_, clock)| wrong(clock)) {
            let what = format!(
                "`{}` has a performance state of {clock}, its nominal clock is {}",
                host.name.value, host.clock
            );
            let key = format!("p_states[{at}].clock");
            let help = "the nominal clock is always one of its states; turbo is not modelled";
            self.host_fault(index, &key, what, "expected a clock below the nominal one", help);
        }
    }

    fn idle_states(&mut self, index: usize, host: &HostSpec) {
        let out_of_order = host.c_states.windows(2).enumerate().find(|(_, pair)| {
            pair[1].exit_latency < pair[0].exit_latency || pair[1].target_residency < pair[0].target_residency
        });
        if let Some((at, [shallow, deep])) = out_of_order {
            let what = format!(
                "the idle states of `{}` are out of order: `{}` after `{}`",
                host.name.value, deep.name, shallow.name
            );
            let help = "order them by `exit_latency` and `target_residency`, which rise together";
            self.host_fault(
                index,
                &format!("c_states[{}]", at + 1),
                what,
                "expected shallowest first",
                help,
            );
        }
    }
}
