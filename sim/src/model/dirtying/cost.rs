//! What a dirty log costs the guest: the first write to a page in each round is a fault into the hypervisor.
//!
//! ```text
//! L(s) = F(s) c / T          processors, for F first writes of c seconds each in a time T
//! a s + L(s) = v             the service s of a guest that its v virtual processors bound, asking for a of them
//! ```
//!
//! F grows with the service that the guest gets, so that the second has one solution, which is found by halving; a guest with
//! processors to spare has its faults beside its work. Under shadow paging the fault is that of a write-protected entry,
//! under SLAT a violation of the second-level table. Where the processor logs by itself (page-modification logging) one
//! exit stands for 512 of them.

use twinrack_scenario::spec::host::PagingMode;
use twinrack_scenario::spec::migration::MigrationPolicySpec;

use crate::model::paging::PagingCosts;

/// Seconds of a first write: what the scenario says, or its policy was measured with; else what its paging costs take for the
/// same exit, a fill under shadow paging or a violation under SLAT. Nothing for SimGrid's plugin.
pub fn dirty_fault(policy: &MigrationPolicySpec, paging: &PagingCosts, mode: PagingMode) -> f64 {
    match (policy.cost.dirty_fault_of(policy.policy.as_ref()), mode) {
        (Some(fault), _) => fault.as_secs_f64(),
        (None, PagingMode::Shadow) => paging.fill,
        (None, PagingMode::Slat) => paging.slat_violation,
    }
}

/// A guest whose memory is logged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guest {
    /// Logical processors that it asks for, its paging included.
    pub asks: f64,
    /// Virtual processors.
    pub processors: f64,
    /// The part of what it asks for that it gets at present.
    pub service: f64,
    /// The share of its stated rates at which it writes when it gets all.
    pub writing: f64,
}

/// Halvings of the interval that the service lies in: 2^-40 is far below a fault.
const HALVINGS: u32 = 40;

/// Logical processors that its faults take, when at a service `s` they take `faults(s)`. A guest that asks for no processor
/// writes by none, and pays nothing.
pub fn fault_load(guest: &Guest, faults: impl Fn(f64) -> f64) -> f64 {
    if guest.asks <= 0.0 {
        return 0.0;
    }
    if guest.asks + faults(1.0) <= guest.processors {
        return faults(guest.service);
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if guest.asks * middle + faults(middle) > guest.processors {
            high = middle;
        } else {
            low = middle;
        }
    }
    // Of what the halving leaves open the work gets the rest: both together are what there is.
    (guest.processors - guest.asks * low).clamp(0.0, guest.processors)
}

#[cfg(test)]
mod tests {
    use twinrack_scenario::decode::{Decoder, Field};
    use twinrack_scenario::fault::SourceId;
    use twinrack_scenario::spec::paging::PagingPolicySpec;
    use twinrack_scenario::units::Hertz;

    use super::*;

    fn decoded<T: Field>(yaml: &str) -> T {
        let (node, _) = twinrack_scenario::yaml::parse(yaml, SourceId(0)).expect("valid YAML");
        T::decode(&node, &mut Decoder::default()).expect("no faults")
    }

    fn seconds(policy: &str, preset: &str) -> [f64; 2] {
        let paging: PagingPolicySpec = decoded(&format!("{{preset: {preset}}}"));
        let costs = PagingCosts::new(&paging, Hertz(3_000_000_000));
        let policy = decoded(policy);
        [PagingMode::Shadow, PagingMode::Slat].map(|mode| dirty_fault(&policy, &costs, mode))
    }

    #[test]
    fn a_first_write_costs_what_its_exit_costs() {
        // 5,000 and 6,000 cycles at 3 GHz.
        let [shadow, slat] = seconds("{}", "x5570");
        assert!((shadow - 5e-6 / 3.0).abs() < 1e-15 && (slat - 2e-6).abs() < 1e-15);
        assert_eq!(
            seconds("{}", "deck"),
            [2.5e-6, 0.0],
            "the deck knows no exit under SLAT"
        );
        assert_eq!(seconds("{policy: {qemu: {}}}", "deck"), [1.2e-6; 2], "measured");
        assert_eq!(seconds("{policy: {simgrid: {}}}", "x5570"), [0.0; 2]);
        assert_eq!(seconds("{cost: {dirty_fault: 20ns}}", "x5570"), [2e-8; 2]);
    }

    /// A guest on one virtual processor.
    fn guest(asks: f64) -> Guest {
        Guest {
            asks,
            processors: 1.0,
            service: 1.0,
            writing: 1.0,
        }
    }

    #[test]
    fn faults_come_beside_the_work_where_there_is_room_and_instead_of_it_where_not() {
        // 200,000 pages in 7.447 s at 1.2 us: 0.24 s of 7.447 s, however slow the guest.
        let all = |_| 0.24 / 7.447;
        assert!((fault_load(&guest(0.5), all) - 0.24 / 7.447).abs() < 1e-9);
        assert!((fault_load(&guest(1.0), all) - 0.24 / 7.447).abs() < 1e-9);
        // Half a processor of faults at full service, in proportion: s + s/2 = 1.
        assert!((fault_load(&guest(1.0), |service| service / 2.0) - 1.0 / 3.0).abs() < 1e-9);
        // More than there is, as soon as it runs at all: nothing is left for its work.
        assert!(
            (fault_load(&guest(1.0), |service| if service > 0.0 { 3.0 } else { 0.0 }) - 1.0).abs() < 1e-9
        );
        assert_eq!(fault_load(&guest(0.0), all), 0.0);
    }
}
