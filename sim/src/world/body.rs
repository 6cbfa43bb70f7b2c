//! The body: everything there is in a run, and what can happen to it.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use twinrack_control::fabric::{HostState, Notice, VmState, Wake};
use twinrack_control::migration::precondition::Surroundings;
use twinrack_scenario::record::{Event, EventRecord, Series};
use twinrack_scenario::spec::Edition;
use twinrack_scenario::units::{Bytes, SimDuration, SimTime};
use twinrack_scenario::{HostId, MigrationId, Scenario, VmId};

use super::demand::Demands;
use super::kinds::Kinds;
use super::links::Links;
use super::meters::Meters;
use super::moving::{Done, Move};
use super::sampling::Sampler;
use super::state::{Host, State, Vm};
use crate::check::Checker;
use crate::check::answered::Answered;
use crate::check::bytes::BytesArrive;
use crate::check::capacity::MemoryFits;
use crate::check::counts::CountsAgree;
use crate::check::energy::EnergyIsIntegral;
use crate::check::one_host::OneHost;
use crate::check::processors::ProcessorsFit;
use crate::check::time_forward::TimeForward;
use crate::engine::{Bounds, Engine, EngineError, Journal, Priority};
use crate::model::cpu::Divider;

/// What can happen.
#[derive(Debug, Clone, Copy)]
pub enum Happening {
    /// A fault of the scenario, by its index.
    Fault(usize),
    /// A link fault ends.
    FaultOver(usize),
    /// A host loses power.
    Crash(HostId),
    /// An action of the timeline, by its index.
    Action(usize),
    /// The demand of a shared workload changes.
    Demand(usize),
    /// The demand of one bursty VM changes.
    Burst(VmId),
    /// A transfer on a network has sent its last byte.
    Sent(usize),
    /// A step of a migration is done, unless the migration has gone another way since.
    Step(MigrationId, u32, Done),
    /// The connection of a migration sends again what was not acknowledged, or gives up.
    Retransmission(MigrationId),
    /// A host has started.
    HostReady(HostId),
    /// A VM that was booted or read back on a host serves.
    Serves(VmId, HostId),
    /// A VM that a host was saving is on its volume.
    Saved(VmId, HostId),
    /// The brain wants to be woken.
    Wake(Wake),
    /// The series are sampled.
    Sample,
}

impl Happening {
    /// What goes first when several happen in one instant: what breaks, then what is asked for, then what is done, then
    /// the brain, and the sampler last.
    const fn priority(&self) -> Priority {
        match self {
            Self::Fault(_) | Self::FaultOver(_) | Self::Crash(_) => 0,
            Self::Action(_) => 1,
            Self::Demand(_) | Self::Burst(_) => 2,
            Self::Sent(_)
            | Self::Step(..)
            | Self::Retransmission(_)
            | Self::HostReady(_)
            | Self::Serves(..)
            | Self::Saved(..) => 3,
            Self::Wake(_) => 8,
            Self::Sample => 15,
        }
    }
}

/// Everything there is.
#[derive(Debug)]
pub struct Body<'a> {
    /// What is run.
    pub scenario: &'a Scenario,
    /// The clock and what is to come.
    pub engine: Engine<Happening>,
    /// Hosts and VMs.
    pub(super) state: State,
    pub(super) kinds: Kinds,
    pub(super) links: Links,
    pub(super) demands: Demands<'a>,
    pub(super) moves: BTreeMap<MigrationId, Move>,
    pub(super) moving: BTreeMap<VmId, MigrationId>,
    pub(super) surroundings: Surroundings,
    pub(super) meters: Meters,
    pub(super) journal: Journal,
    /// Looks on when the processors of a host are shared.
    pub(super) processors: ProcessorsFit,
    pub(super) sampler: Sampler,
    pub(super) series: Series,
    /// What the brain is to be told.
    pub notices: VecDeque<Notice>,
    /// Why the run must end, if it must.
    pub failure: Option<EngineError>,
    pub(super) divider: Divider,
    pub(super) watches_load: bool,
    pub(super) sample_due: bool,
    pub(super) crash_after_hand_over: Vec<(VmId, SimDuration, HostId)>,
}

impl<'a> Body<'a> {
    /// A datacenter at time zero.
    pub fn new(scenario: &'a Scenario, seed: u64) -> Self {
        let kinds = Kinds::new(scenario);
        let state = State::new(scenario);
        let checkers = checkers(&kinds, &state);
        let group = |host: &Host| &kinds.hosts[host.group as usize];
        let processors = state.hosts.iter().map(|host| group(host).capacity).collect();
        Self {
            scenario,
            engine: Engine::new(Bounds::default()),
            links: Links::new(scenario, &state, &kinds),
            demands: Demands::new(scenario, seed),
            moves: BTreeMap::new(),
            moving: BTreeMap::new(),
            surroundings: Surroundings::new(scenario),
            meters: Meters::new(&state, &kinds, wake_latency(scenario)),
            journal: Journal::new(checkers),
            processors: ProcessorsFit::new(processors),
            sampler: Sampler::new(scenario),
            series: Series::default(),
            notices: VecDeque::new(),
            failure: None,
            divider: Divider::default(),
            watches_load: false,
            sample_due: false,
            crash_after_hand_over: Vec::new(),
            kinds,
            state,
        }
    }

    /// Puts everything in place and schedules what is known to come.
    pub fn begin(&mut self, watches_load: bool) {
        self.watches_load = watches_load;
        for host in (0..self.scenario.hosts.len()).map(HostId) {
            self.touch(host);
        }
        self.start_placed_vms();
        self.schedule_demands();
        self.schedule_timeline();
        self.schedule(SimTime::ZERO, Happening::Sample);
        self.notices.push_back(Notice::Started);
    }

    /// Something happens.
    pub fn happen(&mut self, now: SimTime, happening: Happening) {
        match happening {
            Happening::Fault(index) => self.fault(now, index),
            Happening::FaultOver(index) => self.fault_over(index),
            Happening::Crash(host) => self.crash(host),
            Happening::Action(index) => self.action(index),
            Happening::Demand(workload) => self.demand_changes(now, workload),
            Happening::Burst(vm) => self.burst(now, vm),
            Happening::Sent(network) => self.sent(now, network),
            Happening::Step(id, epoch, done) => self.step_done(now, id, epoch, done),
            Happening::Retransmission(id) => self.retransmit(now, id),
            Happening::HostReady(host) => self.host_ready(now, host),
            Happening::Serves(vm, host) => self.serves(vm, host),
            Happening::Saved(vm, host) => self.saved(vm, host),
            Happening::Wake(wake) => self.notices.push_back(Notice::Woken(wake)),
            Happening::Sample => self.sample_due = true,
        }
    }

    /// Schedules something; what can't be scheduled ends the run.
    pub(super) fn schedule(&mut self, at: SimTime, happening: Happening) {
        let priority = happening.priority();
        if let Err(error) = self.engine.schedule_at(at, priority, happening) {
            self.failure.get_or_insert(error);
        }
    }

    /// Writes into the journal.
    pub(super) fn write(&mut self, event: Event) {
        let now = self.engine.now();
        self.journal.write(now, event);
        let bound = self.engine.bounds().records_max;
        if self.journal.len() > bound {
            self.failure
                .get_or_insert(EngineError::TooManyRecords { bound, now });
        }
    }

    /// Marks a host, after counting what its VMs got and missed up to now: something of that is about to change before it is
    /// computed anew.
    pub(super) fn touch(&mut self, host: HostId) {
        self.account(host, self.engine.now());
        self.state.touch(host);
    }

    /// The host a VM is on.
    pub(super) fn host_of(&self, vm: VmId) -> Option<HostId> {
        self.state.vms[vm.index()].host
    }

    /// The VM runs from now on.
    pub(super) fn run_vm(&mut self, vm: VmId) {
        if let Some(host) = self.host_of(vm) {
            self.touch(host);
        }
        self.state.vms[vm.index()].state = VmState::Running;
        self.meters.vms_running(self.engine.now(), 1.0);
        self.links.refresh(self.engine.now(), vm, &self.state);
    }

    /// The VM stands still from now on, in the given state.
    pub(super) fn halt_vm(&mut self, vm: VmId, state: VmState) {
        if let Some(host) = self.host_of(vm) {
            self.touch(host);
        }
        let entry = &mut self.state.vms[vm.index()];
        if entry.state == VmState::Running {
            self.meters.vms_running(self.engine.now(), -1.0);
        }
        entry.state = state;
        let supply = &mut self.state.supplies[vm.index()];
        (supply.wanted, supply.granted, supply.waiting) = (0.0, 0.0, 0.0);
        self.links.refresh(self.engine.now(), vm, &self.state);
    }

    /// Whether a host can run VMs.
    pub(super) fn is_up(&self, host: HostId) -> bool {
        self.state.hosts[host.index()].state == HostState::Up
    }
}

/// Time for a parked processor to wake; nothing where none is parked.
fn wake_latency(scenario: &Scenario) -> SimDuration {
    let parking = scenario.spec.policies.parking.as_ref();
    parking.map_or(SimDuration::ZERO, |spec| spec.wake_latency)
}

fn checkers(kinds: &Kinds, state: &State) -> Vec<Box<dyn Checker<EventRecord>>> {
    let count = state.hosts.len() as u32;
    let of_host = |host: &Host| {
        let kind = &kinds.hosts[host.group as usize];
        (kind.memory, kind.edition == Edition::HyperV2008)
    };
    let of_vm = |vm: &Vm| {
        let kind = &kinds.vms[vm.group as usize];
        [kind.memory, kind.footprint]
    };
    let hosts: Rc<[_]> = state.hosts.iter().map(of_host).collect();
    let vms: Vec<[Bytes; 2]> = state.vms.iter().map(of_vm).collect();
    let host_memory = {
        let hosts = Rc::clone(&hosts);
        move |host: HostId| hosts.get(host.index()).map_or(Bytes::ZERO, |(memory, _)| *memory)
    };
    let takes = move |vm: VmId, host: HostId| {
        let [own, with_overhead] = vms.get(vm.index()).copied().unwrap_or_default();
        let plain = hosts.get(host.index()).is_some_and(|(_, plain)| *plain);
        if plain { own } else { with_overhead }
    };
    let memory = MemoryFits::new(Box::new(host_memory), Box::new(takes));
    vec![
        Box::new(TimeForward::default()),
        Box::new(OneHost::default()),
        Box::new(BytesArrive::default()),
        Box::new(Answered::default()),
        Box::new(EnergyIsIntegral::default()),
        Box::new(CountsAgree::new(count)),
        Box::new(memory),
    ]
}
