//! Starting: whether a host takes one more VM, and the product's words when it does not.
//!
//! A start is tried on one host: the limits of its product, its memory and the reserves of its processors decide. Who looks for
//! a host looks first at what is known without trying: a VM's first host must be a node of a cluster where the VM is highly
//! available, may own it and has its networks; a node that takes it over is of the same cluster, and reaches its files and its
//! devices too.

use twinrack_scenario::spec::Edition;
use twinrack_scenario::units::Bytes;

use crate::fabric::VmState;
use crate::limits::{self, Newcomer, Running};
use crate::migration::precondition::{self, Facts};

/// A host that is asked to run a VM.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offer {
    /// Whether it is up.
    pub up: bool,
    /// The product it runs.
    pub edition: Edition,
    /// What runs on it.
    pub holds: Running,
    /// Memory free on it.
    pub free: Bytes,
    /// What the VM would take of that.
    pub takes: Bytes,
}

impl Offer {
    /// What the target of a move is asked.
    const fn of(facts: &Facts) -> Self {
        Self {
            up: facts.target.up,
            edition: facts.target.edition,
            holds: facts.target_holds,
            free: facts.target_free,
            takes: facts.reserve,
        }
    }
}

/// Whether a host starts a VM.
///
/// # Errors
/// The product's reason when it does not.
pub fn admit(offer: &Offer, newcomer: Newcomer) -> Result<(), String> {
    if !offer.up {
        return Err("the host is not up".to_owned());
    }
    limits::admit(offer.edition, offer.holds, newcomer)?;
    if offer.free < offer.takes {
        return Err(limits::no_memory(offer.takes));
    }
    limits::reserves_hold(offer.holds, newcomer)
}

/// Why an administrator's order to start a VM does nothing; it does something with one that is off or saved.
pub const fn start_refused(state: VmState) -> Option<&'static str> {
    match state {
        VmState::Off | VmState::Saved => None,
        VmState::Running => Some("the virtual machine is running already"),
        VmState::Restarting => Some("the virtual machine is starting already"),
        VmState::Paused => Some("the virtual machine is being migrated"),
    }
}

/// Why an administrator's order to stop a VM does nothing.
pub const fn stop_refused(state: VmState, moves: bool) -> Option<&'static str> {
    match state {
        _ if moves => Some("the virtual machine is being migrated"),
        VmState::Running | VmState::Restarting => None,
        VmState::Off | VmState::Saved | VmState::Paused => Some("the virtual machine is not running"),
    }
}

/// Whether a node takes over a VM of a cluster; the source of the facts is the node that had it.
///
/// # Errors
/// The first reason against it.
pub fn take_over(facts: &Facts) -> Result<(), String> {
    precondition::node(facts).map_err(|why| why.to_string())?;
    admit(&Offer::of(facts), facts.asks)
}

/// Whether a host starts a VM that has been on none; both ends of the facts are that host. `clustered` is whether a cluster
/// answers for the VM.
///
/// # Errors
/// The first reason against it.
pub fn first(facts: &Facts, clustered: bool) -> Result<(), String> {
    precondition::first(facts, clustered).map_err(|why| why.to_string())?;
    admit(&Offer::of(facts), facts.asks)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: Offer = Offer {
        up: true,
        edition: Edition::HyperVR2,
        holds: Running {
            processors: 2,
            unreserved: 0.5,
            vms: 0,
            vcpus: 0,
            memory: Bytes::ZERO,
            in_cluster: 0,
        },
        free: Bytes(2 << 30),
        takes: Bytes(1 << 30),
    };

    fn reason(offer: Offer, reserve: f64) -> String {
        let newcomer = Newcomer {
            vcpus: 1,
            memory: Bytes(1 << 30),
            reserve,
        };
        admit(&offer, newcomer).err().unwrap_or_default()
    }

    #[test]
    fn each_reason_has_its_words() {
        assert_eq!(reason(OFFER, 0.5), "");
        assert_eq!(
            reason(OFFER, 0.75),
            "not enough processor resources to reserve: the virtual machine reserves 0.75 logical processors, 0.5 are unreserved"
        );
        let small = Offer {
            free: Bytes((1 << 30) - 1),
            ..OFFER
        };
        assert_eq!(
            reason(small, 0.0),
            "Unable to allocate 1024 MB of RAM: Insufficient system resources exist to complete the requested service. \
             (0x800705AA)"
        );
        assert_eq!(reason(Offer { up: false, ..OFFER }, 0.0), "the host is not up");
    }
}
