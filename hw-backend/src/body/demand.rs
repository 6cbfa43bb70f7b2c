//! Demand: what guests are asked to do, and when it changes; by the same courses, and the same draws, as in the simulator.

use twinrack_control::fabric::VmState;
use twinrack_scenario::demand::{Burst, Shared, drawn, followers};
use twinrack_scenario::random::Streams;
use twinrack_scenario::spec::workload::{BurstySpec, WorkloadKind};
use twinrack_scenario::units::{Ratio, SimTime};
use twinrack_scenario::{Scenario, VmId};

use super::Body;
use super::timers::Due;
use crate::lab::protocol::Ask;

/// A workload whose VMs change at the same instants.
#[derive(Debug)]
struct Together<'a> {
    shared: Shared<'a>,
    vms: Vec<VmId>,
    /// The row of the trace that each drew; empty where rows are dealt.
    drawn: Vec<u32>,
}

/// A VM with bursts of its own.
#[derive(Debug)]
struct Alone<'a> {
    vm: VmId,
    spec: &'a BurstySpec,
    burst: Burst,
}

/// Whose demand changes.
#[derive(Debug)]
pub struct Demands<'a> {
    together: Vec<Together<'a>>,
    alone: Vec<Alone<'a>>,
}

impl<'a> Demands<'a> {
    /// Of a scenario; `seed` is that of the run.
    pub fn new(scenario: &'a Scenario, seed: u64) -> Self {
        let streams = Streams::new(seed);
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        for spec in &scenario.spec.workloads {
            let groups = followers(scenario, &spec.name);
            let vms = groups
                .iter()
                .flat_map(|group| scenario.vms.members(*group))
                .map(VmId);
            match (&spec.demand, Shared::new(&spec.demand, scenario.trace.as_ref())) {
                (WorkloadKind::Bursty(spec), _) => alone.extend(vms.map(|vm| {
                    let rng = streams.stream(&format!("vm:{}", scenario.vms.name(vm.0)), "burst");
                    let burst = Burst::new(spec, rng);
                    Alone { vm, spec, burst }
                })),
                (kind, Some(shared)) => together.push(Together {
                    shared,
                    vms: vms.collect(),
                    drawn: drawn(scenario, kind, &groups, streams),
                }),
                (_, None) => {}
            }
        }
        Self { together, alone }
    }
}

impl Body<'_> {
    /// Gives every VM that follows a workload its first demand, before any starts.
    pub(super) fn first_demands(&mut self) {
        for index in 0..self.demands.together.len() {
            self.demand_changes(index, SimTime::ZERO);
        }
        for at in 0..self.demands.alone.len() {
            self.burst_lasts(at, SimTime::ZERO);
        }
    }

    /// A workload that several VMs follow has another level.
    pub(super) fn demand_changes(&mut self, index: usize, now: SimTime) {
        let Together { shared, vms, drawn } = &self.demands.together[index];
        let level = |(vm, member): (&VmId, u32)| {
            let row = drawn.get(member as usize).copied().unwrap_or(member);
            (*vm, shared.level(now, row))
        };
        let levels: Vec<(VmId, f64)> = vms.iter().zip(0..).map(level).collect();
        if let Some(at) = shared.next_change(now) {
            self.timers.at(at, Due::Demand(index));
        }
        for (vm, level) in levels {
            self.ask_for(vm, Ratio(level.clamp(0.0, 1.0)));
        }
    }

    /// A bursty VM goes to another state.
    pub(super) fn burst_changes(&mut self, at: usize, now: SimTime) {
        let Alone { spec, burst, .. } = &mut self.demands.alone[at];
        burst.change(spec);
        self.burst_lasts(at, now);
    }

    fn burst_lasts(&mut self, at: usize, now: SimTime) {
        let Alone { vm, spec, burst } = &mut self.demands.alone[at];
        let (vm, level, stay) = (*vm, burst.level(spec), burst.stay(spec));
        if let Some(stay) = stay {
            self.timers.at(now + stay, Due::Burst(at));
        }
        self.ask_for(vm, Ratio(level));
    }

    /// A VM asks for another share of its processors. One that is on its way is told when it is there.
    pub(super) fn ask_for(&mut self, vm: VmId, cpu: Ratio) {
        let moving = self.moves.values().any(|entry| entry.vm == vm);
        let entry = &mut self.vms[vm.index()];
        if entry.demand == cpu {
            return;
        }
        entry.demand = cpu;
        entry.told = false;
        if !moving {
            self.tell_demand(vm);
        }
    }

    /// Tells a guest that runs what it is to do, unless it knows.
    pub(super) fn tell_demand(&mut self, vm: VmId) {
        let entry = &mut self.vms[vm.index()];
        let running = entry
            .host
            .filter(|_| entry.state == VmState::Running && !entry.told);
        if let Some(host) = running {
            entry.told = true;
            let cpu = entry.demand;
            self.order(host, Ask::SetCpu { vm, cpu });
        }
    }
}
