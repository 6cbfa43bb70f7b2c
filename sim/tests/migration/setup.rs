//! Plans and guests of the worked examples, a line each.

use twinrack_control::migration::plan::Subject;
use twinrack_control::migration::{Plan, Policy};
use twinrack_scenario::spec::cluster::VolumeKind;
use twinrack_scenario::spec::guest::{PageClassSpec, WritePattern};
use twinrack_scenario::spec::migration::MigrationPolicySpec;
use twinrack_scenario::units::{Bytes, PerSecond};
use twinrack_sim::model::dirtying::{DirtyModel, Log};

use super::support::decoded;

/// 1 Gb/s as the product used it: 110 MB/s.
pub(crate) const GIGABIT: f64 = 110e6;

/// A policy as a scenario writes it.
pub(crate) fn policy(yaml: &str) -> MigrationPolicySpec {
    decoded(yaml)
}

/// A VM of such memory on a volume of such kind.
pub(crate) fn subject(memory: Bytes, volume: VolumeKind) -> Subject {
    Subject {
        volume,
        ..Subject::of_size(memory)
    }
}

/// A live migration from a Cluster Shared Volume.
pub(crate) fn live(yaml: &str, memory: Bytes) -> Plan {
    Plan::live(&policy(yaml), subject(memory, VolumeKind::Csv))
}

/// A page class of `size` bytes with `rate` writes a second.
pub(crate) fn class(size: Bytes, rate: f64, pattern: WritePattern) -> PageClassSpec {
    PageClassSpec {
        size: Some(size),
        rate: PerSecond(rate),
        pattern,
    }
}

/// The guest that a plan's dirty log sees.
pub(crate) fn guest(plan: &Plan, classes: &[PageClassSpec]) -> DirtyModel {
    if let Policy::SimGrid(simgrid) = &plan.policy {
        return DirtyModel::simgrid(plan.memory, simgrid.speed, simgrid.intensity, simgrid.working_set);
    }
    DirtyModel::new(classes, plan.memory, Log::from(plan.dirty_log))
}
