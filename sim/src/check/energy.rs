//! The energy that the run reports is the integral of the power it showed.

use twinrack_scenario::record::{Event, EventRecord};
use twinrack_scenario::units::SimTime;

use super::{Checker, Told, Violation};

/// Integrates the power of every host on its own, by plain floating-point sums, apart from the meter it checks.
#[derive(Debug, Default)]
pub struct EnergyIsIntegral {
    /// Since when each host draws what.
    hosts: Vec<(SimTime, f64)>,
    joules: f64,
}

impl Checker<EventRecord> for EnergyIsIntegral {
    fn name(&self) -> &'static str {
        "energy-is-integral"
    }

    fn see(&mut self, at: SimTime, record: &EventRecord) -> Result<(), Violation> {
        if let Event::HostPower { host, watts } = record.event {
            if self.hosts.len() <= host.index() {
                self.hosts.resize(host.index() + 1, (SimTime::ZERO, 0.0));
            }
            let (since, before) = std::mem::replace(&mut self.hosts[host.index()], (at, watts));
            self.joules += before * at.since(since).as_secs_f64();
            if !(watts.is_finite() && watts >= 0.0) {
                let what = format!("host {} draws {watts} W", host.0);
                return Err(Violation::new(self.name(), at, what, "a power of 0 W or more"));
            }
        }
        Ok(())
    }

    /// The two may differ by rounding only, one part in a million.
    fn finish(&mut self, at: SimTime, told: &Told) -> Result<(), Violation> {
        let open: f64 = self
            .hosts
            .iter()
            .map(|(since, watts)| watts * at.since(*since).as_secs_f64())
            .sum();
        let integral = self.joules + open;
        let allowed = 1e-6 * integral.max(1.0);
        if (integral - told.joules).abs() <= allowed {
            return Ok(());
        }
        Err(Violation::new(
            self.name(),
            at,
            format!(
                "{} J are reported, the integral of power is {integral} J",
                told.joules
            ),
            "energy equal to the integral of power",
        ))
    }
}
