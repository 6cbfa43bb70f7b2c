//! The factors on what must come out: a limit is scaled by the unit of its figure.

use super::Factors;
use crate::record::figure::kind_of;
use crate::spec::expect::ExpectSpec;

/// Figures of unit 1 or 1/s that count something with a size.
const PAGES: &str = "migration.pages";
const PACKETS: &str = "net.packets_per_s";
/// Figures in seconds and bytes that are costs of the hardware.
const OF_HARDWARE: [&str; 1] = ["cpu.wake_s"];

impl Factors {
    pub(super) fn expectations(&self, expectations: &mut [ExpectSpec]) {
        for expectation in expectations {
            expectation.limit *= self.of_figure(&expectation.kpi.value);
        }
    }

    /// What a figure of the scaled scenario is to that of the scenario as written, where only ratios decide.
    fn of_figure(&self, figure: &str) -> f64 {
        let Some(kind) = kind_of(figure) else {
            return 1.0;
        };
        match (kind.name, kind.unit) {
            (name, _) if OF_HARDWARE.contains(&name) => 1.0,
            (PAGES, _) => self.memory.0,
            (PACKETS, _) => self.network.0,
            ("cores.parked" | "cores.ticks_avoided_per_s", _) => self.cpu.0,
            (_, "s" | "kW·h") => self.time.0,
            (_, "B") => self.memory.0,
            (_, "b/s") => self.network.0,
            _ => 1.0,
        }
    }
}
