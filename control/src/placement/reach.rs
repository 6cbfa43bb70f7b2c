//! Reach: which hosts the product's checks let a VM move to at all, whatever their load; asked once for all that are alike.

use std::collections::BTreeMap;

use twinrack_scenario::{HostId, VmId};

use crate::fabric::Fabric;
use crate::migration::precondition;

/// The answers of one decision.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// By the VM's standing, the setting of its host and that of the target.
    known: BTreeMap<(u64, u32, u32), bool>,
}

impl Reach {
    /// Whether a VM may be moved to a host.
    pub fn admits(&mut self, vm: VmId, to: HostId, fabric: &impl Fabric) -> bool {
        let Some(from) = fabric.vm(vm).host else {
            return false;
        };
        let key = (fabric.standing(vm), fabric.setting(from), fabric.setting(to));
        *self
            .known
            .entry(key)
            .or_insert_with(|| precondition::possible(&fabric.facts(vm, from, to)).is_ok())
    }

    /// Whether it may be moved anywhere: what speaks against every host speaks against the one where it is.
    pub fn leaves(&mut self, vm: VmId, fabric: &impl Fabric) -> bool {
        fabric
            .vm(vm)
            .host
            .is_some_and(|host| self.admits(vm, host, fabric))
    }
}
