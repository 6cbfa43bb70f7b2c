//! The KVM body: a scenario's datacenter in real time, on agents, and the brain that runs it.
//!
//! # How a run goes
//!
//! 1. What the scenario needs and this body has not is refused before anything is started ([`needs`]).
//! 2. An agent is started for each host, the VMs with a host are started there, and then the clock begins.
//! 3. One thread waits for what the agents say and for what is due: actions, faults, wake-ups of the brain. Each becomes a
//!    notice to the [brain](twinrack_control::controller::Controller), whose orders go out to the agents.
//! 4. At the end of the duration all guests are stopped and every page of their memory is looked at: a lost one fails the run.
//!
//! Times are those of the agents' clocks, brought to the controller's. What a product's steps are said to take is not imitated:
//! each takes what it takes.

mod fabric;
mod hosts;
mod kept;
mod moving;
pub mod needs;
mod orphans;
mod outcome;
mod state;
mod timers;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use twinrack_control::controller::Controller;
use twinrack_control::fabric::Notice;
use twinrack_control::migration::precondition::Surroundings;
use twinrack_scenario::record::{Digest, Event, EventRecord, RunRecord};
use twinrack_scenario::units::{SimDuration, SimTime};
use twinrack_scenario::{HostId, MigrationId, Scenario, VmId};

use crate::lab::handle::{Handle, Heard, Starter};
use crate::lab::protocol::Closing;
use kept::Scratch;
use moving::Move;
use orphans::Mourned;
use outcome::Meters;
use state::{Host, Vm};
use timers::{Due, Timers};

/// How a run is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// The seed of the brain's random draws.
    pub seed: u64,
    /// How an agent is started.
    pub agent: Starter,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The present instant.
    pub now: SimTime,
    /// The end of the run.
    pub end: SimTime,
}

/// Why a run gave no record.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The scenario needs what this body has not.
    #[error("{}", .0.join("\n"))]
    Unavailable(Vec<String>),
    /// An agent could not be started.
    #[error("the agent of host {host}: {source}")]
    Agent {
        /// The host.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// A guest was harmed: a bug of this body.
    #[error("guest {vm}: {why}; this is a bug of the KVM body, not of the scenario")]
    Harmed {
        /// The guest.
        vm: String,
        /// How.
        why: String,
    },
    /// The caller asked to stop.
    #[error("interrupted at {0}")]
    Interrupted(SimTime),
}

/// Longest wait before progress is shown and an interruption noticed.
const TICK: Duration = Duration::from_millis(100);

/// Everything there is.
pub struct Body<'a> {
    scenario: &'a Scenario,
    began: Instant,
    /// The latest instant anything was told of: times never go back.
    now: SimTime,
    hosts: Vec<Host>,
    vms: Vec<Vm>,
    moves: BTreeMap<MigrationId, Move>,
    surroundings: Surroundings,
    timers: Timers,
    notices: VecDeque<Notice>,
    events: Vec<EventRecord>,
    digest: Digest,
    meters: Meters,
    pending: BTreeMap<(HostId, u64), Pending>,
    after_hand_over: Vec<(VmId, SimDuration, HostId)>,
    closings: BTreeMap<VmId, Closing>,
    scratch: Scratch,
    mourned: Vec<Mourned>,
    failure: Option<RunError>,
    /// Nothing is written any more.
    closed: bool,
    heard: Receiver<(HostId, Heard)>,
    /// Kept so that agents can be given it.
    words: Sender<(HostId, Heard)>,
}

/// What an answer is waited for.
#[derive(Debug, Clone, Copy)]
enum Pending {
    /// The guest runs.
    Start(VmId),
    /// The guest was stopped.
    Stop(VmId),
    /// The target waits at a port.
    Receive(MigrationId),
    /// The source is connected.
    Send(MigrationId),
    /// It is settled who has the guest.
    Settle(MigrationId),
    /// The guests that are left at the end.
    List,
}

/// Runs a scenario. `progress` is called now and then; `ControlFlow::Break` ends the run without a record.
pub fn run(
    scenario: &Scenario,
    options: &Options,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<RunRecord, RunError> {
    let missing = needs::missing(scenario);
    if !missing.is_empty() {
        return Err(RunError::Unavailable(missing));
    }
    let end = SimTime::ZERO + scenario.spec.duration.value;
    let mut body = Body::new(scenario);
    body.start_agents(&options.agent)?;
    body.start_placed()?;
    let draws = draws(options.seed);
    let mut brain = Controller::new(&scenario.spec.policies, &body, draws);
    body.notices.push_back(Notice::Started);
    body.schedule_timeline();
    loop {
        while let Some(notice) = body.notices.pop_front() {
            brain.on(body.now, notice, &mut body);
        }
        if let Some(failure) = body.failure.take() {
            return Err(failure);
        }
        let now = body.clock();
        if progress(Progress { now, end }).is_break() {
            return Err(RunError::Interrupted(now));
        }
        if now >= end {
            break;
        }
        body.wait(end);
    }
    body.close(end)?;
    Ok(outcome::record(body, options.seed, end))
}

/// Random bits for the policies that want them (`SplitMix64`, Steele, Lea and Flood, OOPSLA'14).
fn draws(seed: u64) -> Box<dyn FnMut() -> u64> {
    let mut state = seed;
    Box::new(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    })
}

impl<'a> Body<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        let (words, heard) = channel();
        let hosts: Vec<Host> = (0..scenario.hosts.len()).map(|_| Host::default()).collect();
        Self {
            scenario,
            began: Instant::now(),
            now: SimTime::ZERO,
            meters: Meters::new(hosts.len()),
            hosts,
            vms: (0..scenario.vms.len())
                .map(|vm| Vm::new(scenario, VmId(vm)))
                .collect(),
            moves: BTreeMap::new(),
            surroundings: Surroundings::new(scenario),
            timers: Timers::default(),
            notices: VecDeque::new(),
            events: Vec::new(),
            digest: Digest::default(),
            pending: BTreeMap::new(),
            after_hand_over: Vec::new(),
            closings: BTreeMap::new(),
            scratch: Scratch::default(),
            mourned: Vec::new(),
            failure: None,
            closed: false,
            heard,
            words,
        }
    }

    /// An agent for each host, each with the scenario.
    fn start_agents(&mut self, starter: &Starter) -> Result<(), RunError> {
        for host in (0..self.scenario.hosts.len()).map(HostId) {
            let failed = |source| RunError::Agent {
                host: self.scenario.hosts.name(host.0),
                source,
            };
            let handle = Handle::start(starter, host, &self.words, &self.heard).map_err(failed)?;
            self.hosts[host.index()].agent = Some(handle);
        }
        for host in (0..self.scenario.hosts.len()).map(HostId) {
            let yaml = self.scenario.yaml.clone();
            self.order(host, crate::lab::protocol::Ask::Configure { yaml });
        }
        Ok(())
    }

    /// Time since the run began.
    fn clock(&self) -> SimTime {
        SimTime::from_nanos(u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// Something is told of `at`: the present is then, but never before what was told already, nor in the future.
    fn advance(&mut self, at: Instant) {
        let since = at.saturating_duration_since(self.began).as_nanos();
        let at = SimTime::from_nanos(u64::try_from(since).unwrap_or(u64::MAX));
        self.now = at.min(self.clock()).max(self.now);
    }

    /// Waits for a word or for what is due next, and takes it.
    fn wait(&mut self, end: SimTime) {
        let until = self.timers.next().map_or(end, |due| due.min(end));
        let wait = Duration::from_nanos(until.since(self.clock()).as_nanos()).min(TICK);
        match self.heard.recv_timeout(wait) {
            Ok((host, Heard::Word(word))) => self.hear(host, word),
            Ok((host, Heard::Ended)) => {
                self.advance(Instant::now());
                self.crash(host);
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        while let Some((at, due)) = self.timers.due(self.clock()) {
            self.now = at.max(self.now);
            self.happen(due);
        }
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Action(index) => self.action(index),
            Due::Fault(index) => self.fault(index),
            Due::Crash(host) => self.crash(host),
            Due::Wake(wake) => self.notices.push_back(Notice::Woken(wake)),
        }
    }

    fn write(&mut self, event: Event) {
        if self.closed {
            return;
        }
        let record = EventRecord {
            t_ns: self.now.as_nanos(),
            event,
        };
        self.digest.event(&record);
        self.events.push(record);
    }
}
