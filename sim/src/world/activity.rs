//! What a VM's demand drives besides processors: how fast it writes to memory, and how much memory it has touched.

use twinrack_scenario::VmId;
use twinrack_scenario::spec::workload::DirtyingCourse;
use twinrack_scenario::units::{Bytes, Ratio};

use super::body::Body;

impl Body<'_> {
    /// The share of its stated dirty rates at which a VM writes: what it gets of the processor time that it asks for, and,
    /// where its workload says so, what it asks for of its processors.
    pub(super) fn writing(&self, vm: VmId) -> Ratio {
        Ratio(self.state.supplies[vm.index()].service() * self.asked_to_write(vm))
    }

    /// The share of its stated dirty rates at which a VM writes when it gets all the processor time that it asks for.
    pub(super) fn asked_to_write(&self, vm: VmId) -> f64 {
        let entry = &self.state.vms[vm.index()];
        match self.kinds.vms[entry.group as usize].dirtying {
            DirtyingCourse::Steady => 1.0,
            DirtyingCourse::FollowsDemand => entry.demand,
        }
    }

    /// Memory that a VM has never written to.
    pub(super) fn untouched(&self, vm: VmId) -> Bytes {
        let group = self.state.vms[vm.index()].group as usize;
        let kind = &self.kinds.vms[group];
        match &kind.touches {
            None => self.scenario.spec.vms[group].untouched,
            Some(course) => {
                let demand_max = self.state.supplies[vm.index()].demand_max;
                let touched = course.idle.0 + (course.busy.0 - course.idle.0) * demand_max;
                kind.memory
                    .saturating_sub(Bytes((kind.memory.as_f64() * touched) as u64))
            }
        }
    }
}
