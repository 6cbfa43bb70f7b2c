//! The factor on processors: fewer of them, and as much less to do.
//!
//! A VM's demand, reserve and cap are shares of its virtual processors. When `n` of them become `n * c`, rounded up to
//! whole ones, what the rounding added is taken off the shares, so that demand over capacity stays what it was.

use std::collections::BTreeMap;

use super::{Factor, Factors};
use crate::spec::ScenarioSpec;
use crate::spec::host::HostSpec;
use crate::spec::timeline::ActionSpec;
use crate::spec::workload::{WorkloadKind, WorkloadSpec};
use crate::units::Ratio;

impl Factors {
    pub(super) fn processors(&self, spec: &mut ScenarioSpec) {
        if self.cpu == Factor::ONE {
            return;
        }
        spec.hosts.iter_mut().for_each(|host| self.cores(host));
        let mut shares: BTreeMap<String, f64> = BTreeMap::new();
        let mut workloads: BTreeMap<String, WorkloadSpec> = BTreeMap::new();
        for vm in &mut spec.vms {
            let before = vm.vcpus.as_ref().map_or(1, |vcpus| vcpus.value);
            let (after, share) = self.whole_processors(before);
            if let Some(vcpus) = &mut vm.vcpus {
                vcpus.value = after;
            }
            if let Some(cpu) = &mut vm.cpu {
                cpu.value.0 *= share;
            }
            vm.reserve.0 *= share;
            vm.cap.0 *= share;
            shares.insert(vm.name.value.clone(), share);
            if let Some(name) = &mut vm.workload {
                let found = spec
                    .workloads
                    .iter()
                    .find(|workload| workload.name.value == name.value);
                if let Some(workload) = found {
                    name.value = lessened(workload, share, &mut workloads);
                }
            }
        }
        spec.workloads = workloads.into_values().collect();
        for action in &mut spec.timeline {
            if let ActionSpec::SetCpu(set) = action {
                // A member of a group is called by the group's name and a number.
                let stem = set.vm.value.trim_end_matches(|c: char| c.is_ascii_digit());
                let share = shares.get(&set.vm.value).or_else(|| shares.get(stem));
                set.cpu.0 *= share.copied().unwrap_or(1.0);
            }
        }
    }

    fn cores(&self, host: &mut HostSpec) {
        let cores = f64::from(host.cores) * self.cpu.0;
        if cores >= 1.0 && cores == f64::from(cores as u32) {
            host.cores = cores as u32;
            return;
        }
        let before = host
            .sockets
            .saturating_mul(host.cores)
            .saturating_mul(host.threads);
        (host.cores, _) = self.whole_processors(before);
        (host.sockets, host.threads) = (1, 1);
    }

    /// So many processors as a whole number, and the share of it that is really there.
    fn whole_processors(&self, before: u32) -> (u32, f64) {
        let exact = f64::from(before) * self.cpu.0;
        let floor = exact as u32;
        let after = if f64::from(floor) < exact {
            floor.saturating_add(1)
        } else {
            floor
        };
        (after.max(1), exact / f64::from(after.max(1)))
    }
}

/// The name of a workload that asks for `share` of what this one does.
fn lessened(workload: &WorkloadSpec, share: f64, made: &mut BTreeMap<String, WorkloadSpec>) -> String {
    let factor = Factor(share);
    let name = if factor == Factor::ONE {
        workload.name.value.clone()
    } else {
        format!("{} * {factor}", workload.name.value)
    };
    made.entry(name.clone()).or_insert_with(|| {
        let mut less = workload.clone();
        less.name.value.clone_from(&name);
        lessen(&mut less.demand, share);
        less
    });
    name
}

fn lessen(demand: &mut WorkloadKind, share: f64) {
    let shares: Vec<&mut Ratio> = match demand {
        WorkloadKind::Constant(constant) => vec![&mut constant.cpu],
        WorkloadKind::Steps(steps) => steps.steps.iter_mut().map(|step| &mut step.cpu).collect(),
        WorkloadKind::Diurnal(wave) => vec![&mut wave.mean, &mut wave.amplitude],
        WorkloadKind::Bursty(bursty) => bursty.states.iter_mut().map(|state| &mut state.cpu).collect(),
        WorkloadKind::Trace(trace) => vec![&mut trace.scale],
    };
    for part in shares {
        part.0 *= share;
    }
}
