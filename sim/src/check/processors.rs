//! Processors are not given twice: what VMs get of a host is never more than it has left for them.

use twinrack_scenario::HostId;
use twinrack_scenario::units::SimTime;

use super::Violation;

/// Knows what each host has; looks each time that a host's processors are shared anew.
#[derive(Debug, Default)]
pub struct ProcessorsFit {
    capacity: Vec<f64>,
    violation: Option<Violation>,
}

impl ProcessorsFit {
    /// A checker of hosts that can do such work at once, in logical processors.
    pub const fn new(capacity: Vec<f64>) -> Self {
        Self {
            capacity,
            violation: None,
        }
    }

    /// The VMs of a host get `vms` logical processors beside the `others` of its migrations and its receiving.
    pub fn look(&mut self, at: SimTime, host: HostId, vms: f64, others: f64) {
        let capacity = self.capacity.get(host.index()).copied().unwrap_or(0.0);
        let room = (capacity - others).max(0.0);
        let fits = (0.0..=room * (1.0 + 1e-9) + 1e-9).contains(&vms);
        if fits || self.violation.is_some() {
            return;
        }
        let what = format!(
            "the VMs on host {} get {vms} of {room} logical processors",
            host.0
        );
        self.violation = Some(Violation::new(
            "processors-fit",
            at,
            what,
            "no more processors in use than there are",
        ));
    }

    /// What it found.
    ///
    /// # Errors
    /// The first time that more was given than there was.
    pub fn found(self) -> Result<(), Violation> {
        self.violation.map_or(Ok(()), Err)
    }
}
