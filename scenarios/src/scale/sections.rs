//! The factors on what is there and what happens to it: hosts, networks, VMs, workloads, timeline.

use super::Factors;
use crate::spec::ScenarioSpec;
use crate::spec::guest::VmSpec;
use crate::spec::host::HostSpec;
use crate::spec::network::NetworkSpec;
use crate::spec::timeline::{ActionSpec, FaultSpec};
use crate::spec::workload::WorkloadKind;
use crate::units::SimDuration;

impl Factors {
    pub(super) fn sections(&self, spec: &mut ScenarioSpec) {
        self.span(&mut spec.duration.value);
        spec.sampling.iter_mut().for_each(|interval| self.span(interval));
        spec.hosts.iter_mut().for_each(|host| self.host(host));
        spec.networks.iter_mut().for_each(|network| self.network(network));
        for volume in &mut spec.storage {
            self.speed(&mut volume.throughput);
        }
        spec.vms.iter_mut().for_each(|vm| self.vm(vm));
        for workload in &mut spec.workloads {
            self.demand(&mut workload.demand);
        }
        for action in &mut spec.timeline {
            self.span(moment(action));
        }
        spec.faults.iter_mut().for_each(|fault| self.fault(fault));
    }

    fn host(&self, host: &mut HostSpec) {
        self.pages(&mut host.memory.value);
        self.pages(&mut host.reserve);
        self.span(&mut host.boot);
        for nic in &mut host.nics {
            self.speed(&mut nic.speed);
        }
    }

    fn network(&self, network: &mut NetworkSpec) {
        self.speed(&mut network.speed);
        network.goodput.iter_mut().for_each(|goodput| self.speed(goodput));
        self.span(&mut network.latency);
    }

    fn vm(&self, vm: &mut VmSpec) {
        self.pages(&mut vm.memory.value);
        self.pages(&mut vm.untouched);
        self.pages(&mut vm.paging.mapped);
        for class in &mut vm.dirtying {
            class.size.iter_mut().for_each(|size| self.pages(size));
            self.page_rate(&mut class.rate);
        }
        vm.disk.iter_mut().for_each(|disk| self.pages(&mut disk.size));
        for traffic in &mut vm.traffic {
            self.speed(&mut traffic.rate);
        }
    }

    fn demand(&self, demand: &mut WorkloadKind) {
        match demand {
            WorkloadKind::Constant(_) => {}
            WorkloadKind::Steps(steps) => steps.steps.iter_mut().for_each(|step| self.span(&mut step.at)),
            WorkloadKind::Diurnal(wave) => {
                self.span(&mut wave.period);
                self.span(&mut wave.peak);
                self.span(&mut wave.interval);
            }
            WorkloadKind::Bursty(bursty) => {
                bursty
                    .states
                    .iter_mut()
                    .for_each(|state| self.span(&mut state.stay));
            }
            WorkloadKind::Trace(trace) => self.span(&mut trace.interval),
        }
    }

    fn fault(&self, fault: &mut FaultSpec) {
        match fault {
            FaultSpec::HostCrash(crash) => self.span(&mut crash.at),
            FaultSpec::RackLoss(loss) => self.span(&mut loss.at),
            FaultSpec::FeedLoss(loss) => self.span(&mut loss.at),
            FaultSpec::HostCrashAfterHandOver(crash) => self.span(&mut crash.delay),
            FaultSpec::Link(link) => {
                self.span(&mut link.at);
                link.lasts.iter_mut().for_each(|lasts| self.span(lasts));
            }
        }
    }
}

fn moment(action: &mut ActionSpec) -> &mut SimDuration {
    match action {
        ActionSpec::LiveMigrate(action) => &mut action.at,
        ActionSpec::QuickMigrate(action) => &mut action.at,
        ActionSpec::CancelMigration(action) | ActionSpec::Start(action) | ActionSpec::Stop(action) => {
            &mut action.at
        }
        ActionSpec::SetCpu(action) => &mut action.at,
        ActionSpec::StartMaintenance(action) | ActionSpec::StopMaintenance(action) => &mut action.at,
    }
}
