//! Hosts and their VMs: orders and answers, starting and stopping, actions of the timeline, faults.

use std::time::{Duration, Instant};

use twinrack_control::fabric::{HostState, Notice, Request, VmState};
use twinrack_control::migration::plan::footprint;
use twinrack_control::start::{Offer, admit, start_refused, stop_refused};
use twinrack_scenario::record::Event;
use twinrack_scenario::spec::timeline::{ActionSpec, FaultSpec};
use twinrack_scenario::units::SimTime;
use twinrack_scenario::{HostId, VmId};

use super::state::spec;
use super::timers::Due;
use super::{Body, Pending, RunError, TICK};
use crate::lab::handle::Heard;
use crate::lab::protocol::{Answer, Ask, Said, Word};

/// How long agents may take to start or stop all guests.
const PATIENCE: Duration = Duration::from_secs(120);

impl Body<'_> {
    /// Gives an order to a host's agent; one to a dead agent goes nowhere. Says its number.
    pub(super) fn order(&mut self, host: HostId, ask: Ask) -> Option<u64> {
        let agent = self.hosts[host.index()].agent.as_mut()?;
        agent.order(ask).ok()
    }

    /// Gives an order whose answer matters.
    pub(super) fn ask(&mut self, host: HostId, ask: Ask, pending: Pending) {
        if let Some(id) = self.order(host, ask) {
            self.pending.insert((host, id), pending);
        }
    }

    /// An agent said something.
    pub(super) fn hear(&mut self, host: HostId, word: Word) {
        self.heard_of(host);
        self.advance(self.time_of(host, &word));
        match word.said {
            Said::Alive => {}
            Said::Answer { id, answer } => match self.pending.remove(&(host, id)) {
                Some(Pending::Time(asked)) => {
                    self.time_told(host, asked, Duration::from_nanos(word.at_ns));
                }
                Some(pending) => self.answered(host, pending, answer),
                None => {}
            },
            Said::Happened { migration, input } => self.happened(migration, input),
            Said::Left {
                migration,
                sent,
                pause,
            } => self.left(migration, sent, pause),
            Said::Used(usage) => self.used(host, usage),
            Said::Arrived { migration, received } => self.arrived(migration, received),
            Said::Followed {
                migration,
                pages,
                stalled_ns,
            } => self.write(Event::MigrationFaulted {
                migration,
                pages,
                stalled_nanos: stalled_ns,
            }),
            Said::WhoHas { migration } => self.who_has(migration),
            Said::InDoubt { migration } => self.in_doubt(migration),
            Said::Broke { vm, why } => self.harmed(vm, why),
        }
    }

    fn answered(&mut self, host: HostId, pending: Pending, answer: Result<Answer, String>) {
        match (pending, answer) {
            (Pending::Configure, Ok(Answer::Ports { clients, streams })) => {
                let entry = &mut self.hosts[host.index()];
                let at = |port| entry.address.map(|address| (address, port).into());
                (entry.clients, entry.streams) = (at(clients), at(streams));
            }
            (Pending::Configure, answer) => {
                let why = format!("{answer:?} where a port was due");
                let host = self.scenario.hosts.name(host.0);
                let source = std::io::Error::other(answer.err().unwrap_or(why));
                self.failure.get_or_insert(RunError::Agent { host, source });
            }
            (Pending::Start(vm), Ok(_)) => self.started(vm, host),
            (Pending::Start(vm), Err(reason)) => {
                self.vacate(vm, VmState::Off);
                self.write(Event::VmRefused { vm, reason });
            }
            (Pending::Stop(vm), Ok(Answer::Stopped(closing))) => {
                self.watching.stopped(vm, closing.disk.done);
                self.closings.insert(vm, closing);
            }
            (Pending::Stop(vm), Err(why)) => self.harmed(vm, why),
            (Pending::Receive(id), answer) => self.target_waits(id, answer),
            (Pending::Send(id), answer) => self.source_connected(id, answer),
            (Pending::Settle(id), answer) => self.settled(id, answer),
            (Pending::Stream(stream), answer) => self.stream_answered(stream, answer),
            (Pending::Park(parked), answer) => self.parked(host, parked, answer.err()),
            (Pending::List, Ok(Answer::Guests(guests))) => self.left_over(host, &guests),
            (Pending::Stop(_) | Pending::List | Pending::Time(_), _) => {}
        }
    }

    pub(super) fn harmed(&mut self, vm: VmId, why: String) {
        let vm = self.scenario.vms.name(vm.0);
        self.failure.get_or_insert(RunError::Harmed { vm, why });
    }

    /// Starts the VMs that the scenario gives a host, and begins the clock when they run.
    pub(super) fn start_placed(&mut self) -> Result<(), RunError> {
        for vm in (0..self.scenario.vms.len()).map(VmId) {
            let host = self.scenario.home(vm).filter(|_| spec(self.scenario, vm).running);
            if let Some(host) = host {
                self.start_vm(vm, host);
            }
        }
        self.settle_pending()?;
        self.ask_for_reports();
        self.began = std::time::Instant::now();
        self.now = SimTime::ZERO;
        for record in &mut self.events {
            record.t_ns = 0;
        }
        self.meters.restart(&self.vms);
        Ok(())
    }

    /// Hears agents until every answer has come. One that falls silent meanwhile is dead, and answers no more.
    pub(super) fn settle_pending(&mut self) -> Result<(), RunError> {
        let until = Instant::now() + PATIENCE;
        while !self.pending.is_empty() {
            match self.heard.recv_timeout(TICK) {
                Ok((host, Heard::Word(word))) => self.hear(host, word),
                Ok((host, Heard::Ended)) => self.crash(host),
                Err(_) if Instant::now() > until => {
                    self.failure.get_or_insert(RunError::Agent {
                        host: "(any)".to_owned(),
                        source: std::io::ErrorKind::TimedOut.into(),
                    });
                }
                Err(_) => self.look_after_agents(),
            }
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Starts a VM, or reads it back, within the limits of the product and the memory of the host.
    pub(super) fn start_vm(&mut self, vm: VmId, host: HostId) {
        let state = self.vms[vm.index()].state;
        if !matches!(state, VmState::Off | VmState::Saved) {
            return;
        }
        if let Err(reason) = self.admitted(vm, host) {
            return self.write(Event::VmRefused { vm, reason });
        }
        if state == VmState::Saved {
            return self.read_back(vm, host);
        }
        self.occupy(vm, host, VmState::Restarting);
        self.surroundings.starts(self.scenario, vm, host);
        let cpu = self.vms[vm.index()].demand;
        self.vms[vm.index()].told = true;
        self.ask(host, Ask::Start { vm, cpu }, Pending::Start(vm));
    }

    pub(super) fn started(&mut self, vm: VmId, host: HostId) {
        if self.vms[vm.index()].state == VmState::Restarting {
            self.watching.started(vm);
            self.write(Event::VmStarted { vm, host });
            self.run_vm(vm);
            self.tell_demand(vm);
        }
    }

    fn admitted(&self, vm: VmId, host: HostId) -> Result<(), String> {
        let offer = Offer {
            up: self.hosts[host.index()].state == HostState::Up,
            edition: self.edition(host),
            holds: self.running_on(host),
            free: self.free(host),
            takes: footprint(self.scenario, spec(self.scenario, vm)),
        };
        admit(&offer, self.newcomer(vm))
    }

    pub(super) fn occupy(&mut self, vm: VmId, host: HostId, state: VmState) {
        let entry = &mut self.hosts[host.index()];
        entry.memory_used = entry
            .memory_used
            .saturating_add(footprint(self.scenario, spec(self.scenario, vm)));
        entry.vms.push(vm);
        self.vms[vm.index()].host = Some(host);
        self.vms[vm.index()].state = state;
    }

    pub(super) fn run_vm(&mut self, vm: VmId) {
        if self.vms[vm.index()].state == VmState::Running {
            return;
        }
        self.vms[vm.index()].state = VmState::Running;
        self.meters.running(self.now, 1.0);
    }

    pub(super) fn halt_vm(&mut self, vm: VmId, state: VmState) {
        if self.vms[vm.index()].state == VmState::Running {
            self.meters.running(self.now, -1.0);
        }
        self.vms[vm.index()].state = state;
    }

    /// Takes a VM off its host, memory and all.
    pub(super) fn vacate(&mut self, vm: VmId, state: VmState) {
        self.halt_vm(vm, state);
        if let Some(host) = self.vms[vm.index()].host {
            let entry = &mut self.hosts[host.index()];
            entry.vms.retain(|other| *other != vm);
            entry.memory_used = entry
                .memory_used
                .saturating_sub(footprint(self.scenario, spec(self.scenario, vm)));
        }
    }

    pub(super) fn lose_vm(&mut self, vm: VmId) {
        let Some(host) = self.vms[vm.index()].host else {
            return;
        };
        if self.vms[vm.index()].state != VmState::Off {
            self.vacate(vm, VmState::Off);
            self.write(Event::VmLost { vm, host });
        }
    }

    /// A host loses power: its agent is killed, or was found dead.
    pub(super) fn crash(&mut self, host: HostId) {
        if self.hosts[host.index()].state == HostState::Dead {
            return;
        }
        if let Some(agent) = &mut self.hosts[host.index()].agent {
            agent.kill();
        }
        let before = std::mem::replace(&mut self.hosts[host.index()].state, HostState::Dead);
        self.hosts[host.index()].agent = None;
        self.pending.retain(|(of, _), _| *of != host);
        self.write(Event::HostCrashed { host });
        self.forget_sinks(host);
        if before == HostState::Up {
            self.meters.active(self.now, -1.0);
        }
        let vms = self.hosts[host.index()].vms.clone();
        // VMs in the middle of a hand-over are the migration's: it knows whether they are lost.
        let lost: Vec<VmId> = vms
            .into_iter()
            .filter(|vm| match self.vms[vm.index()].state {
                VmState::Running | VmState::Restarting => true,
                VmState::Paused => !self.moves.values().any(|entry| entry.vm == *vm),
                VmState::Off | VmState::Saved => false,
            })
            .collect();
        for vm in &lost {
            self.lose_vm(*vm);
        }
        self.mourn(host, lost);
    }

    /// Schedules actions and faults.
    pub(super) fn schedule_timeline(&mut self) {
        let scenario = self.scenario;
        for (index, action) in scenario.spec.timeline.iter().enumerate() {
            self.timers.at(SimTime::ZERO + action.at(), Due::Action(index));
        }
        for (index, fault) in scenario.spec.faults.iter().enumerate() {
            if let Some(at) = fault.at() {
                self.timers.at(SimTime::ZERO + at, Due::Fault(index));
            } else if let FaultSpec::HostCrashAfterHandOver(spec) = fault {
                let (vm, host) = (
                    scenario.vms.find_one(&spec.vm),
                    scenario.hosts.find_one(&spec.host),
                );
                if let (Some(vm), Some(host)) = (vm, host) {
                    self.after_hand_over.push((VmId(vm), spec.delay, HostId(host)));
                }
            }
        }
    }

    /// An action is due.
    pub(super) fn action(&mut self, index: usize) {
        let scenario = self.scenario;
        let named = |name: &str| scenario.vms.find_one(name).map(VmId);
        match &scenario.spec.timeline[index] {
            ActionSpec::Start(action) => {
                if let Some(vm) = named(&action.vm) {
                    self.start_asked(vm);
                }
            }
            ActionSpec::Stop(action) => {
                if let Some(vm) = named(&action.vm) {
                    self.stop_asked(vm);
                }
            }
            ActionSpec::SetCpu(action) => {
                for vm in scenario.vms.find(&action.vm).unwrap_or(0..0).map(VmId) {
                    self.ask_for(vm, action.cpu);
                }
            }
            asked => self
                .notices
                .extend(Request::of(asked, scenario).map(Notice::Asked)),
        }
    }

    /// Starts a VM where it was last, else where its author put it, else where the brain would have it.
    fn start_asked(&mut self, vm: VmId) {
        let entry = self.vms[vm.index()];
        if let Some(reason) = start_refused(entry.state) {
            return self.refuse(vm, "start", reason);
        }
        match entry.host.or_else(|| self.scenario.home(vm)) {
            Some(host) => self.start_vm(vm, host),
            None => self.notices.push_back(Notice::Asked(Request::Start { vm })),
        }
    }

    fn stop_asked(&mut self, vm: VmId) {
        let entry = self.vms[vm.index()];
        let moves = self.moves.values().any(|entry| entry.vm == vm) || self.is_read_back(vm);
        if let Some(reason) = stop_refused(entry.state, moves) {
            return self.refuse(vm, "stop", reason);
        }
        if let Some(host) = entry.host {
            self.ask(host, Ask::Stop { vm }, Pending::Stop(vm));
            self.vacate(vm, VmState::Off);
            self.write(Event::VmStopped { vm, host });
        }
    }

    fn refuse(&mut self, vm: VmId, action: &str, reason: &str) {
        self.write(Event::ActionRefused {
            vm,
            action: action.to_owned(),
            reason: reason.to_owned(),
        });
    }

    /// The end: every guest that is not on its way is stopped and its memory looked at.
    pub(super) fn close(&mut self, end: SimTime) -> Result<(), RunError> {
        self.now = end;
        for vm in (0..self.scenario.vms.len()).map(VmId) {
            let entry = self.vms[vm.index()];
            let moving = self.moves.values().any(|entry| entry.vm == vm);
            if let Some(host) = entry.host
                && entry.state == VmState::Running
                && !moving
            {
                self.ask(host, Ask::Stop { vm }, Pending::Stop(vm));
            }
        }
        for (vm, kept) in std::mem::take(&mut self.saved) {
            self.look_at_saved(vm, kept);
        }
        // What comes in from here on belongs to no instant of the run.
        self.closed = true;
        self.settle_pending()?;
        self.close_sinks();
        self.settle_pending()?;
        self.compare_clocks()?;
        // Nobody may have a guest now but on its way.
        for host in (0..self.scenario.hosts.len()).map(HostId) {
            self.ask(host, Ask::List, Pending::List);
        }
        self.settle_pending()
    }

    /// A guest that is left over where no VM is supposed to be may be another's double.
    fn left_over(&mut self, host: HostId, guests: &[VmId]) {
        for vm in guests {
            if !self.moves.values().any(|entry| entry.vm == *vm) {
                let host = self.scenario.hosts.name(host.0);
                self.harmed(*vm, format!("it runs on {host}, where nobody knows of it"));
            }
        }
    }
}
