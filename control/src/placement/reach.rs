//! Reach: which hosts the product's checks let a VM move to at all, whatever their load; asked once for all that are alike.

use std::collections::BTreeMap;

use twinrack_scenario::{HostId, VmId};

use crate::fabric::Fabric;
use crate::migration::precondition;

/// The standing of a VM, the setting of its host and that of the target.
type Way = (u64, u32, u32);

/// The answers of one decision.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    known: BTreeMap<Way, bool>,
    /// What was asked last: VMs of a host that are alike come one after another.
    last: Option<(Way, bool)>,
}

impl Reach {
    /// Whether a VM may be moved to a host.
    pub fn admits(&mut self, vm: VmId, to: HostId, fabric: &impl Fabric) -> bool {
        let Some(from) = fabric.vm(vm).host else {
            return false;
        };
        let way = (fabric.standing(vm), fabric.setting(from), fabric.setting(to));
        if let Some((_, admits)) = self.last.filter(|(last, _)| *last == way) {
            return admits;
        }
        let possible = || precondition::possible(&fabric.facts(vm, from, to)).is_ok();
        let admits = *self.known.entry(way).or_insert_with(possible);
        self.last = Some((way, admits));
        admits
    }

    /// Whether it may be moved anywhere: what speaks against every host speaks against the one where it is.
    pub fn leaves(&mut self, vm: VmId, fabric: &impl Fabric) -> bool {
        fabric
            .vm(vm)
            .host
            .is_some_and(|host| self.admits(vm, host, fabric))
    }
}
