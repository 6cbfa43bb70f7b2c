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

mod demand;
mod fabric;
mod faults;
mod hosts;
mod kept;
mod moving;
pub mod needs;
mod orphans;
mod outcome;
mod parking;
mod pulse;
mod shares;
mod state;
mod streams;
mod tally;
mod timers;
pub mod untold;
mod watching;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use twinrack_control::controller::Controller;
use twinrack_control::fabric::Notice;
use twinrack_control::migration::precondition::Surroundings;
use twinrack_scenario::record::{Event, EventRecord, Figure, RunRecord};
use twinrack_scenario::spec::expect::Backend;
use twinrack_scenario::units::{Ratio, SimDuration, SimTime};
use twinrack_scenario::{HostId, MigrationId, NetworkId, Scenario, VmId};

use crate::lab::client::Client;
use crate::lab::handle::{Handle, Heard, Starter};
use crate::lab::protocol::{Ask, Closing, Kept, Word};
use crate::migrate::wire::Secret;
use crate::probe::Capabilities;
use demand::Demands;
use kept::Scratch;
use moving::Move;
use orphans::Mourned;
use outcome::Meters;
use parking::Parked;
use pulse::Clocks;
use state::{Host, Vm};
use streams::Lane;
use timers::{Due, Timers};
use untold::Untold;
use watching::Watching;

/// How a run is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// The seed of the brain's random draws.
    pub seed: u64,
    /// How the agent of each host is started; one alone serves for all of them.
    pub agents: Vec<Starter>,
    /// What the hosts can do.
    pub hosts: Capabilities,
    /// Figures of the simulated body that stand in for what the hosts can't do or tell. Without them a scenario that needs
    /// such a thing is refused.
    pub modelled: Option<BTreeMap<String, Figure>>,
    /// How long an agent may be silent before its host counts as dead; at least several of its [beats](crate::lab::protocol::BEAT).
    pub silence: Duration,
}

impl Options {
    /// The usual patience with an agent.
    pub const SILENCE: Duration = Duration::from_secs(10);
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
    /// There is no room for the guests' disks.
    #[error("storage for the guests' disks: {0}; TMPDIR says where it is made")]
    Storage(io::Error),
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
    demands: Demands<'a>,
    /// Streams of guests' traffic, by their numbers.
    lanes: Vec<Lane>,
    /// What is left of the links that faults have slowed down.
    slowed: BTreeMap<(NetworkId, HostId), Ratio>,
    surroundings: Surroundings,
    timers: Timers,
    notices: VecDeque<Notice>,
    /// A word that was heard while something earlier was due.
    held: Option<(HostId, Word)>,
    events: Vec<EventRecord>,
    meters: Meters,
    clocks: Clocks,
    /// Files of guests that were saved and stay so.
    saved: BTreeMap<VmId, Kept>,
    watching: Watching,
    /// Clients of guests that were moved, by migration.
    clients: BTreeMap<MigrationId, Client>,
    pending: BTreeMap<(HostId, u64), Pending>,
    after_hand_over: Vec<(VmId, SimDuration, HostId)>,
    closings: BTreeMap<VmId, Closing>,
    scratch: Scratch,
    mourned: Vec<Mourned>,
    failure: Option<RunError>,
    /// Whether hosts have processors to park.
    parks: bool,
    /// Nothing is written any more.
    closed: bool,
    heard: Receiver<(HostId, Heard)>,
    /// Kept so that agents can be given it.
    words: Sender<(HostId, Heard)>,
}

/// What an answer is waited for.
#[derive(Debug, Clone, Copy)]
enum Pending {
    /// The agent has the scenario and answers clients.
    Configure,
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
    /// The host has so many processors awake.
    Park(Parked),
    /// A sink was opened or closed.
    Stream(u32),
    /// The agent tells the time.
    Time(Instant),
    /// The guests that are left at the end.
    List,
}

/// Runs a scenario. `progress` is called now and then; `ControlFlow::Break` ends the run without a record.
pub fn run(
    scenario: &Scenario,
    options: &Options,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<RunRecord, RunError> {
    let untold = Untold::of(scenario, &options.hosts);
    let missing = needs::missing(scenario, &untold, options.modelled.is_some());
    if !missing.is_empty() {
        return Err(RunError::Unavailable(missing));
    }
    let end = SimTime::ZERO + scenario.spec.duration.value;
    let mut body = Body::new(scenario, untold.parks(), options);
    body.start_agents(&options.agents)?;
    body.first_demands();
    body.start_placed()?;
    let draws = draws(options.seed);
    let mut brain = Controller::new(&scenario.spec.policies, &body, draws);
    body.notices.push_back(Notice::Started);
    body.schedule_timeline();
    loop {
        body.tell_load(&brain);
        while let Some(notice) = body.notices.pop_front() {
            brain.on(body.now, notice, &mut body);
            body.tell_load(&brain);
        }
        body.look_after_agents();
        body.route_streams();
        body.share_links();
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
    Ok(outcome::record(body, options, &untold, end))
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
    fn new(scenario: &'a Scenario, parks: bool, options: &Options) -> Self {
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
            demands: Demands::new(scenario, options.seed),
            lanes: Lane::all(scenario),
            slowed: BTreeMap::new(),
            surroundings: Surroundings::new(scenario),
            timers: Timers::default(),
            notices: VecDeque::new(),
            held: None,
            events: Vec::new(),
            clocks: Clocks::new(options.silence),
            saved: BTreeMap::new(),
            watching: Watching::default(),
            clients: BTreeMap::new(),
            pending: BTreeMap::new(),
            after_hand_over: Vec::new(),
            closings: BTreeMap::new(),
            scratch: Scratch::default(),
            mourned: Vec::new(),
            failure: None,
            parks,
            closed: false,
            heard,
            words,
        }
    }

    /// An agent for each host, each with the scenario.
    fn start_agents(&mut self, starters: &[Starter]) -> Result<(), RunError> {
        for host in (0..self.scenario.hosts.len()).map(HostId) {
            let failed = |source| RunError::Agent {
                host: self.scenario.hosts.name(host.0),
                source,
            };
            let starter = match starters {
                [one] => one,
                several => several.get(host.index()).ok_or_else(|| {
                    let why = format!("the lab has {} hosts, the scenario more", several.len());
                    failed(io::Error::other(why))
                })?,
            };
            let handle = Handle::start(starter, host, &self.words, &self.heard).map_err(failed)?;
            self.hosts[host.index()].address = Some(starter.address);
            self.hosts[host.index()].agent = Some(handle);
        }
        let storage = self.storage()?;
        let secret = Secret::new().map_err(RunError::Storage)?.0;
        for host in (0..self.scenario.hosts.len()).map(HostId) {
            let configure = Ask::Configure {
                yaml: self.scenario.yaml.clone(),
                scaled: self.scenario.body == Backend::Kvm,
                storage: storage.clone(),
                secret,
            };
            self.ask(host, configure, Pending::Configure);
        }
        Ok(())
    }

    /// Time since the run began.
    fn clock(&self) -> SimTime {
        SimTime::from_nanos(u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// When a host's agent said something, by our clock.
    fn time_of(&self, host: HostId, word: &Word) -> SimTime {
        let agent = self.hosts[host.index()].agent.as_ref();
        let at = agent.map_or_else(Instant::now, |agent| agent.instant(word));
        let since = at.saturating_duration_since(self.began).as_nanos();
        SimTime::from_nanos(u64::try_from(since).unwrap_or(u64::MAX))
    }

    /// Something is told of `at`: the present is then, but never before what was told already, nor in the future.
    fn advance(&mut self, at: SimTime) {
        self.now = at.min(self.clock()).max(self.now);
    }

    /// Waits for a word or for what is due next, and takes one of them: the earlier, so that the brain hears of everything
    /// at its own time.
    fn wait(&mut self, end: SimTime) {
        if self.held.is_none() {
            self.listen(end);
        }
        let word_at = self.held.as_ref().map(|(host, word)| self.time_of(*host, word));
        if let Some((at, due)) = self.timers.due(word_at.unwrap_or_else(|| self.clock())) {
            self.now = at.max(self.now);
            self.happen(due);
        } else if let Some((host, word)) = self.held.take() {
            self.hear(host, word);
        }
    }

    /// Waits for a word, no longer than until something is due.
    fn listen(&mut self, end: SimTime) {
        let until = self.timers.next().map_or(end, |due| due.min(end));
        let wait = Duration::from_nanos(until.since(self.clock()).as_nanos()).min(TICK);
        match self.heard.recv_timeout(wait) {
            Ok((host, Heard::Word(word))) => self.held = Some((host, word)),
            Ok((host, Heard::Ended)) => {
                self.advance(self.clock());
                self.crash(host);
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Action(index) => self.action(index),
            Due::Fault(index) => self.fault(index),
            Due::Demand(index) => self.demand_changes(index, self.now),
            Due::Burst(at) => self.burst_changes(at, self.now),
            Due::FaultOver(index) => self.fault_over(index),
            Due::Crash(host) => self.crash(host),
            Due::Wake(wake) => self.notices.push_back(Notice::Woken(wake)),
        }
    }

    fn write(&mut self, event: Event) {
        if self.closed {
            return;
        }
        self.events.push(EventRecord {
            t_ns: self.now.as_nanos(),
            event,
        });
    }
}
