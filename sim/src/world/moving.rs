//! Migrations as the simulated body carries them out: orders of the brain, each with the step that it leads to.

mod arrival;
mod facts;
mod flow;
mod framing;
mod logging;
mod stall;
mod thread;
mod waiting;

use twinrack_control::fabric::{Notice, Route, VmState};
use twinrack_control::limits::no_memory;
use twinrack_control::migration::plan::Plan;
use twinrack_control::migration::policy::Policy;
use twinrack_control::migration::{Command, Input, Refusal, Until};
use twinrack_scenario::record::{Event, Outcome};
use twinrack_scenario::units::{BitsPerSecond, Bytes, Ratio, SimDuration, SimTime};
use twinrack_scenario::{HostId, MigrationId, NetworkId, VmId};

use super::body::{Body, Happening};
use crate::model::dirtying::{DirtyModel, DirtyTracker, Log};
use crate::model::network::retransmission::Retransmission;
use arrival::Arrival;
use flow::Flow;
use logging::Logging;
use stall::Stall;
use waiting::Waiting;

/// What a step leads to when it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Checks were passed.
    Validated,
    /// The log of written pages has started: the first round is sent.
    LogStarted,
    /// The target is ready.
    Prepared,
    /// A round was cut short: what is left fits the pause.
    RoundCut,
    /// The last byte of a round has arrived.
    RoundArrived,
    /// The virtual processors stand.
    Paused,
    /// The state has arrived.
    StateArrived,
    /// Memory is on storage.
    Saved,
    /// The target has the storage.
    StorageTaken,
    /// Memory is back from storage.
    Restored,
    /// The virtual processors run.
    Resumed,
    /// The pages that followed have arrived.
    Fetched,
    /// Switches know the new port.
    Announced,
    /// The source is clean.
    CleanedUp,
    /// The source has everything back.
    RolledBack,
}

/// A migration under way.
#[derive(Debug)]
pub struct Move {
    pub(super) vm: VmId,
    pub(super) from: HostId,
    pub(super) to: HostId,
    network: usize,
    /// From the last byte of a round until the next.
    turn: SimDuration,
    /// What starting the log of written pages takes.
    log_start: SimDuration,
    /// Memory that the full copy sends as zeros.
    zero: Bytes,
    /// The first round, while the log starts: its bytes, its limit, and when it is over.
    first: Option<(Bytes, Option<BitsPerSecond>, Until)>,
    pub(super) tracker: Option<DirtyTracker>,
    /// The share of its stated rates at which the VM writes, as the tracker has it.
    share: Ratio,
    flow: Option<Flow>,
    /// When its connection sends again what was not acknowledged.
    retransmission: Retransmission,
    /// Since nothing comes through.
    stall: Option<Stall>,
    /// What the first writes of its rounds cost the guest.
    logging: Logging,
    /// What the guest waits for, while its pages follow it.
    waiting: Option<Waiting>,
    /// Raised with each order: what was ordered before no longer counts.
    epoch: u32,
    reserved: Bytes,
    sent: u64,
    arrival: Arrival,
    /// Processor work that its present rate causes at both ends.
    work: f64,
    /// Cycles a second that receiving it takes at present.
    cycles: f64,
}

impl Body<'_> {
    pub(super) fn begin_move(&mut self, id: MigrationId, route: Route, plan: &Plan) {
        let Route {
            vm,
            from,
            to,
            network,
        } = route;
        let spec = &self.scenario.spec.vms[self.state.vms[vm.index()].group as usize];
        let model = if let Policy::SimGrid(policy) = &plan.policy {
            DirtyModel::simgrid(plan.memory, policy.speed, policy.intensity, policy.working_set)
        } else {
            DirtyModel::new(&spec.dirtying, plan.memory, Log::from(plan.dirty_log))
        };
        let policy = &self.scenario.spec.policies.migration;
        let now = self.engine.now();
        let mut tracker = DirtyTracker::new(model, now);
        let share = self.writing(vm);
        tracker.set_share(now, share);
        let entry = Move {
            vm,
            from,
            to,
            network: network.map_or(0, NetworkId::index),
            turn: plan.timings.round,
            log_start: SimDuration::from_secs_f64(
                plan.timings.log_start.as_secs_f64() * plan.memory.as_f64() / Bytes::GIB.as_f64(),
            ),
            zero: plan.wire.zero,
            first: None,
            tracker: Some(tracker),
            share,
            flow: None,
            retransmission: Retransmission::new(&policy.connection.filled(policy.policy.as_ref())),
            stall: None,
            logging: Logging::default(),
            waiting: None,
            epoch: 0,
            reserved: Bytes::ZERO,
            sent: 0,
            arrival: Arrival::default(),
            work: 0.0,
            cycles: 0.0,
        };
        self.moves.insert(id, entry);
        for host in [from, to] {
            self.touch(host);
            self.state.hosts[host.index()].threads += 1;
        }
        self.moving.insert(vm, id);
        self.meters.moves(now, 1.0);
    }

    /// Carries out an order of the brain.
    pub(super) fn order(&mut self, id: MigrationId, command: &Command) {
        let now = self.engine.now();
        let Some(entry) = self.moves.get_mut(&id) else {
            return;
        };
        // A refusal leaves what is under way as it is.
        if !matches!(command, Command::Refuse(_)) {
            entry.epoch += 1;
        }
        let (vm, to) = (entry.vm, entry.to);
        let framing = &self.scenario.spec.policies.migration.wire;
        match command {
            Command::Validate { takes } => self.after(id, *takes, Done::Validated),
            Command::Prepare { reserve, takes } => {
                let reserve = self.takes(vm, to).min(*reserve);
                self.prepare(id, to, reserve, *takes);
            }
            Command::SendRound {
                round,
                wire,
                rate_limit,
                throttle,
                until,
                ..
            } => {
                let zero = if *round == 1 { entry.zero } else { Bytes::ZERO };
                let wire = wire.saturating_add(entry.headers(framing, zero));
                self.throttle(now, id, *throttle);
                if *round == 1 {
                    self.start_log(id, (wire, *rate_limit, *until));
                } else {
                    self.send(id, wire, *rate_limit, Done::RoundArrived, *until);
                }
            }
            Command::PauseVm { takes, .. } => {
                self.halt_vm(vm, VmState::Paused);
                self.after(id, *takes, Done::Paused);
            }
            Command::SendState {
                left,
                wire,
                rate_limit,
                ..
            } => {
                // Pages that follow the guest have their headers when they do.
                let headers = if *left == Bytes::ZERO {
                    Bytes::ZERO
                } else {
                    entry.headers(framing, Bytes::ZERO)
                };
                let wire = wire.saturating_add(headers);
                self.send(id, wire, *rate_limit, Done::StateArrived, Until::MapSent);
            }
            Command::SaveVm { takes, .. } => {
                self.halt_vm(vm, VmState::Paused);
                self.after(id, *takes, Done::Saved);
            }
            Command::HandOverStorage { takes } => self.after(id, *takes, Done::StorageTaken),
            Command::RestoreVm { takes, .. } => self.after(id, *takes, Done::Restored),
            Command::Resume { takes } => self.after(id, *takes, Done::Resumed),
            Command::FetchPages {
                wire,
                rate_limit,
                fault_latency,
                ..
            } => {
                let wire = wire.saturating_add(entry.headers(framing, Bytes::ZERO));
                entry.waiting = Some(Waiting::new(now, *fault_latency));
                self.send(id, wire, *rate_limit, Done::Fetched, Until::MapSent);
            }
            Command::Announce { takes } => self.after(id, *takes, Done::Announced),
            Command::CleanUp { takes } => self.after(id, *takes, Done::CleanedUp),
            Command::RollBack { takes } => {
                self.drop_flow(now, id);
                self.after(id, *takes, Done::RolledBack);
            }
            Command::Abort => {
                self.drop_flow(now, id);
                self.throttle(now, id, Ratio::ZERO);
                self.resume_at_source(vm);
            }
            Command::Refuse(_) => {}
        }
    }

    fn after(&mut self, id: MigrationId, takes: SimDuration, done: Done) {
        let Some(epoch) = self.moves.get(&id).map(|entry| entry.epoch) else {
            return;
        };
        let at = self.engine.now() + takes;
        self.schedule(at, Happening::Step(id, epoch, done));
    }

    fn tell(&mut self, id: MigrationId, input: Input) {
        self.notices.push_back(Notice::Migration(id, input));
    }

    fn prepare(&mut self, id: MigrationId, to: HostId, reserve: Bytes, takes: SimDuration) {
        if self.memory_free(to) < reserve {
            let why = Refusal {
                code: "LM_NO_MEMORY",
                message: no_memory(reserve),
            };
            return self.tell(id, Input::PrepareFailed(why));
        }
        let host = &mut self.state.hosts[to.index()];
        host.memory_used = host.memory_used.saturating_add(reserve);
        if let Some(entry) = self.moves.get_mut(&id) {
            entry.reserved = reserve;
        }
        self.after(id, takes, Done::Prepared);
    }

    fn throttle(&mut self, now: SimTime, id: MigrationId, throttle: Ratio) {
        let Some(entry) = self.moves.get_mut(&id) else {
            return;
        };
        let vm = entry.vm;
        self.note_progress(now, id);
        if let Some(tracker) = self.moves.get_mut(&id).and_then(|entry| entry.tracker.as_mut()) {
            tracker.set_throttle(now, throttle);
        }
        if self.state.supplies[vm.index()].throttle.to_bits() != throttle.0.to_bits() {
            if let Some(host) = self.host_of(vm) {
                self.touch(host);
            }
            self.state.supplies[vm.index()].throttle = throttle.0;
        }
    }

    /// A step is done, unless another order came since.
    pub(super) fn step_done(&mut self, now: SimTime, id: MigrationId, epoch: u32, done: Done) {
        let Some(entry) = self.moves.get(&id).filter(|entry| entry.epoch == epoch) else {
            return;
        };
        let (vm, to) = (entry.vm, entry.to);
        let input = match done {
            Done::LogStarted => return self.send_first(id),
            Done::Validated => Input::Validated(Ok(())),
            Done::Prepared => Input::Prepared,
            Done::RoundArrived | Done::RoundCut => self.round_done(now, id),
            Done::Paused => Input::Paused { dirtied: Bytes::ZERO },
            Done::StateArrived => Input::StateSent {
                sent: self.close_flow(now, id),
            },
            Done::Saved => Input::Saved,
            Done::StorageTaken => {
                self.handed_over(now, vm);
                Input::StorageTaken
            }
            Done::Restored => {
                self.relocate(vm, to);
                Input::Restored
            }
            Done::Resumed => {
                self.relocate(vm, to);
                Input::Resumed
            }
            Done::Fetched => {
                self.pages_came(now, id);
                Input::PagesFetched {
                    sent: self.close_flow(now, id),
                }
            }
            Done::Announced => Input::Announced,
            Done::CleanedUp => Input::CleanedUp,
            Done::RolledBack => {
                self.resume_at_source(vm);
                Input::RolledBack
            }
        };
        self.tell(id, input);
    }

    fn round_done(&mut self, now: SimTime, id: MigrationId) -> Input {
        let wire = self
            .moves
            .get(&id)
            .and_then(|entry| entry.flow)
            .map_or(Bytes::ZERO, |flow| flow.wire);
        let sent = self.close_flow(now, id);
        let fraction = if wire.0 == 0 {
            1.0
        } else {
            sent.as_f64() / wire.as_f64()
        };
        let Some(tracker) = self.moves.get_mut(&id).and_then(|entry| entry.tracker.as_mut()) else {
            return Input::LinkLost;
        };
        let map = tracker.to_send();
        let collected = tracker.collect(now, fraction);
        self.round_logged(id, collected.dirtied.pages());
        let copied = Bytes((map.as_f64() * fraction) as u64);
        Input::RoundSent {
            sent,
            copied,
            dirtied: collected.dirtied,
            left: collected.left,
        }
    }

    fn relocate(&mut self, vm: VmId, to: HostId) {
        if let Some(host) = self.host_of(vm) {
            self.touch(host);
        }
        self.touch(to);
        self.state.take(vm);
        self.state.put(vm, to);
        self.run_vm(vm);
    }

    fn resume_at_source(&mut self, vm: VmId) {
        let source_is_up = self.host_of(vm).is_some_and(|host| self.is_up(host));
        if self.state.vms[vm.index()].state == VmState::Paused && source_is_up {
            self.run_vm(vm);
        }
    }

    /// A migration has ended: gives back what it held.
    pub(super) fn end_move(&mut self, id: MigrationId, outcome: Outcome) {
        let now = self.engine.now();
        self.drop_flow(now, id);
        self.throttle(now, id, Ratio::ZERO);
        self.pages_logged(now, id, 0.0);
        let Some(entry) = self.moves.remove(&id) else {
            return;
        };
        self.links.networks[entry.network]
            .cycles
            .replace(now, entry.cycles, 0.0);
        self.meters.dirty_faults(entry.logging.seconds);
        self.moving.remove(&entry.vm);
        self.meters.moves(now, -1.0);
        for host in [entry.from, entry.to] {
            self.touch(host);
            self.state.hosts[host.index()].threads -= 1;
            self.state.hosts[host.index()].migration_work =
                (self.state.hosts[host.index()].migration_work - entry.work).max(0.0);
        }
        let moved = self.host_of(entry.vm) == Some(entry.to);
        let (host, release) = if moved {
            (entry.from, self.takes(entry.vm, entry.from))
        } else {
            (entry.to, entry.reserved)
        };
        let used = &mut self.state.hosts[host.index()].memory_used;
        *used = used.saturating_sub(release);
        self.write(Event::Transferred {
            migration: id,
            sent: entry.sent,
            received: entry.arrival.bytes(),
        });
        match outcome {
            Outcome::VmLost => self.lose_vm(entry.vm),
            Outcome::LeftSaved => {
                self.vacate(entry.vm, VmState::Saved);
                self.write(Event::VmStopped {
                    vm: entry.vm,
                    host: entry.from,
                });
            }
            _ => {}
        }
    }
}
