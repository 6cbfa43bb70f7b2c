//! Watts of a host from its load: the measured curve where there is one, its parts where those are known.
//!
//! **Curve.** With all processors awake the curve is met exactly. What is known about its parts is the drop at active
//! idle ([`PowerCurve::idle_drop`]): it appears when packages sleep. A package whose every core is parked saves its part
//! of that drop while the rest of the host works; parking a core alone saves nothing that the curve does not contain,
//! for an idle core is in its deepest state already when the curve is measured. Consolidation, which empties whole hosts,
//! therefore saves more than parking.
//!
//! **Parts.** For each processor `P = u P_C0 + (1-u) P_C1` when awake and `P_C6` when parked, for each package
//! its awake or asleep power, and the base of the host.

use twinrack_scenario::spec::host::HostSpec;

use super::PowerCurve;

/// Load up to which the curve itself contains partly sleeping packages.
const PARTLY_ASLEEP: f64 = 0.1;

/// What a host does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HostLoad {
    /// Logical processors busy, in sum.
    pub busy: f64,
    /// Logical processors awake; the others are parked.
    pub awake: u32,
}

/// The power of hosts of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct HostPower {
    processors: u32,
    per_package: u32,
    source: Source,
}

#[derive(Debug, Clone, PartialEq)]
enum Source {
    Curve(PowerCurve),
    Parts {
        active: f64,
        halt: f64,
        parked: f64,
        package_awake: f64,
        package_asleep: f64,
        base: f64,
    },
}

impl HostPower {
    /// From the scenario's host. A host with neither curve nor parts draws what a host of 2009 did: 10 W a running
    /// processor, 4 W halted, 0.5 W parked, 20 W a package (5 W asleep), all assumed.
    pub fn new(spec: &HostSpec) -> Self {
        let per_package = spec.cores.saturating_mul(spec.threads).max(1);
        let watts = |given: Option<twinrack_scenario::units::Watts>, assumed: f64| {
            given.map_or(assumed, |watts| watts.0)
        };
        let power = &spec.power;
        let source = match PowerCurve::new(&power.curve) {
            Some(curve) if power.core_active.is_none() => Source::Curve(curve),
            _ => Source::Parts {
                active: watts(power.core_active, 10.0),
                halt: watts(power.core_halt, 4.0),
                parked: watts(power.core_parked, 0.5),
                package_awake: watts(power.package_awake, 20.0),
                package_asleep: watts(power.package_asleep, 5.0),
                base: watts(power.base, 0.0),
            },
        };
        Self {
            processors: per_package.saturating_mul(spec.sockets).max(1),
            per_package,
            source,
        }
    }

    /// Watts under a load.
    pub fn watts(&self, load: HostLoad) -> f64 {
        let busy = load.busy.clamp(0.0, f64::from(self.processors));
        // Work beyond the awake processors spills over: parking is a hint to the scheduler, no wall.
        let awake = load.awake.max(libm::ceil(busy) as u32).max(1);
        let parked = self.processors.saturating_sub(awake);
        let packages = self.processors / self.per_package;
        let asleep = parked / self.per_package;
        match &self.source {
            Source::Curve(curve) => {
                let utilisation = busy / f64::from(self.processors);
                let share = f64::from(asleep) / f64::from(packages);
                let saved = curve.idle_drop() * share * (utilisation / PARTLY_ASLEEP).min(1.0);
                (curve.at(utilisation) - saved).max(curve.at(0.0))
            }
            Source::Parts {
                active,
                halt,
                parked: deep,
                package_awake,
                package_asleep,
                base,
            } => {
                let halted = f64::from(awake.min(self.processors)) - busy;
                let packages =
                    f64::from(packages - asleep) * package_awake + f64::from(asleep) * package_asleep;
                base + packages + busy * active + halted * halt + f64::from(parked) * deep
            }
        }
    }

    /// Watts at full load.
    pub fn peak(&self) -> f64 {
        self.watts(HostLoad {
            busy: f64::from(self.processors),
            awake: self.processors,
        })
    }

    /// Logical processors.
    pub const fn processors(&self) -> u32 {
        self.processors
    }
}

#[cfg(test)]
mod tests {
    use twinrack_scenario::decode::{Decoder, Field};
    use twinrack_scenario::fault::SourceId;
    use twinrack_scenario::yaml::parse;

    use super::*;

    fn host(power: &str) -> HostPower {
        let text = format!("{{name: n, memory: 32GiB, sockets: 2, cores: 4, threads: 2, power: {power}}}");
        let (node, _) = parse(&text, SourceId(0)).expect("valid YAML");
        HostPower::new(&HostSpec::decode(&node, &mut Decoder::default()).expect("a host"))
    }

    #[test]
    fn the_worked_example_of_core_parking() {
        let host = host(
            "{core_active: 10W, core_halt: 4W, core_parked: 0.5W, package_awake: 0W, package_asleep: 0W}",
        );
        // 3.2 of 16 processors: spread out 16 * (0.2*10 + 0.8*4), packed on four 4 * (0.8*10 + 0.2*4) + 12 * 0.5.
        assert!((host.watts(HostLoad { busy: 3.2, awake: 16 }) - 83.2).abs() < 1e-9);
        assert!((host.watts(HostLoad { busy: 3.2, awake: 4 }) - 41.2).abs() < 1e-9);
    }

    #[test]
    fn the_curve_is_met_when_all_are_awake() {
        // Dell PowerEdge R710, Xeon X5570 (SPECpower_ssj2008, June 2009, spec.org).
        let host = host("{curve: [65W, 96.8W, 111W, 121W, 131W, 141W, 153W, 170W, 186W, 204W, 220W]}");
        assert!((host.watts(HostLoad { busy: 3.2, awake: 16 }) - 111.0).abs() < 1e-9);
        assert!((host.watts(HostLoad { busy: 0.0, awake: 16 }) - 65.0).abs() < 1e-9);
        // One package of two asleep: half of the drop, 2*96.8 - 111 - 65 = 17.6 W.
        assert!((host.watts(HostLoad { busy: 3.2, awake: 8 }) - (111.0 - 8.8)).abs() < 1e-9);
        // Work that spills over wakes the package again, though the policy left it parked.
        assert!((host.watts(HostLoad { busy: 8.8, awake: 8 }) - 147.0).abs() < 1e-9);
        // Seven parked processors are no package.
        assert!((host.watts(HostLoad { busy: 3.2, awake: 9 }) - 111.0).abs() < 1e-9);
    }
}
