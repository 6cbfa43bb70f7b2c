//! Demand: what VMs ask for, and when it changes.

use twinrack_scenario::demand::{drawn, followers};
use twinrack_scenario::spec::workload::{BurstySpec, WorkloadKind};
use twinrack_scenario::units::SimTime;
use twinrack_scenario::{Scenario, VmId};

use super::body::{Body, Happening};
use crate::engine::Streams;
use crate::model::workload::{Burst, Shared};

/// The workloads of a scenario and who follows them.
#[derive(Debug)]
pub struct Demands<'a> {
    /// For each workload: its shared course, if it has one, and the groups of VMs that follow it.
    workloads: Vec<Followers<'a>>,
    streams: Streams,
    bursts: Vec<(VmId, usize, Burst)>,
}

#[derive(Debug)]
struct Followers<'a> {
    kind: &'a WorkloadKind,
    shared: Option<Shared<'a>>,
    groups: Vec<usize>,
    /// The row of the trace that each follower drew; empty where rows are dealt.
    drawn: Vec<u32>,
}

impl<'a> Demands<'a> {
    /// Finds out who follows what.
    pub fn new(scenario: &'a Scenario, seed: u64) -> Self {
        let streams = Streams::new(seed);
        let workloads = scenario.spec.workloads.iter().map(|spec| {
            let groups = followers(scenario, &spec.name);
            Followers {
                kind: &spec.demand,
                shared: Shared::new(&spec.demand, scenario.trace.as_ref()),
                drawn: drawn(scenario, &spec.demand, &groups, streams),
                groups,
            }
        });
        Self {
            workloads: workloads.collect(),
            streams,
            bursts: Vec::new(),
        }
    }
}

impl Body<'_> {
    /// Gives every VM its first demand and schedules the changes.
    pub(super) fn schedule_demands(&mut self) {
        for (group, spec) in self.scenario.spec.vms.iter().enumerate() {
            let constant = spec.cpu.as_ref().map_or(0.0, |cpu| cpu.0);
            for vm in self.scenario.vms.members(group) {
                self.state.vms[vm as usize].demand = constant;
            }
        }
        for index in 0..self.demands.workloads.len() {
            match self.demands.workloads[index].kind {
                WorkloadKind::Bursty(spec) => self.schedule_bursts(index, spec),
                _ => self.demand_changes(SimTime::ZERO, index),
            }
        }
    }

    /// A shared workload has a new level: all its followers ask for it.
    pub(super) fn demand_changes(&mut self, now: SimTime, index: usize) {
        let Some(shared) = self.demands.workloads[index].shared else {
            return;
        };
        let mut member = 0;
        for at in 0..self.demands.workloads[index].groups.len() {
            let group = self.demands.workloads[index].groups[at];
            for vm in self.scenario.vms.members(group).map(VmId) {
                let drawn = self.demands.workloads[index].drawn.get(member);
                let row = drawn.copied().unwrap_or(member as u32);
                self.ask_for(vm, shared.level(now, row));
                member += 1;
            }
        }
        if let Some(at) = shared.next_change(now) {
            self.schedule(at, Happening::Demand(index));
        }
    }

    /// A VM asks for another share of its processors.
    pub(super) fn ask_for(&mut self, vm: VmId, level: f64) {
        let entry = &self.state.vms[vm.index()];
        if entry.demand.to_bits() == level.to_bits() {
            return;
        }
        if let Some(host) = entry.host {
            // Nothing that its account counts changes before the host is computed: it is counted then, in one go.
            self.state.touch(host);
        }
        self.state.vms[vm.index()].demand = level;
    }

    fn schedule_bursts(&mut self, index: usize, spec: &BurstySpec) {
        for at in 0..self.demands.workloads[index].groups.len() {
            let group = self.demands.workloads[index].groups[at];
            for vm in self.scenario.vms.members(group).map(VmId) {
                let rng = self
                    .demands
                    .streams
                    .stream(&format!("vm:{}", self.scenario.vms.name(vm.0)), "burst");
                self.demands.bursts.push((vm, index, Burst::new(spec, rng)));
                self.arm_burst(SimTime::ZERO, self.demands.bursts.len() - 1);
            }
        }
        self.demands.bursts.sort_by_key(|(vm, ..)| *vm);
    }

    /// A bursty VM changes its state.
    pub(super) fn burst(&mut self, now: SimTime, vm: VmId) {
        let Ok(at) = self.demands.bursts.binary_search_by_key(&vm, |(vm, ..)| *vm) else {
            return;
        };
        let (_, index, burst) = &mut self.demands.bursts[at];
        if let WorkloadKind::Bursty(spec) = self.demands.workloads[*index].kind {
            burst.change(spec);
        }
        self.arm_burst(now, at);
    }

    fn arm_burst(&mut self, now: SimTime, at: usize) {
        let (vm, index, burst) = &mut self.demands.bursts[at];
        let WorkloadKind::Bursty(spec) = self.demands.workloads[*index].kind else {
            return;
        };
        let (vm, level, stay) = (*vm, burst.level(spec), burst.stay(spec));
        self.ask_for(vm, level);
        if let Some(stay) = stay {
            self.schedule(now + stay, Happening::Burst(vm));
        }
    }
}
