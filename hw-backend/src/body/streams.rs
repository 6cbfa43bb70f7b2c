//! Streams of guests' traffic: each is received where its receiver is, and sent from wherever its sender is.
//!
//! A receiver that moves takes with it how far its streams have come: the sink at the host that it left is closed and says so, one is opened where
//! it is now, and every agent is told. A sender that moves needs nothing of that: its agents know where the stream goes. What was lost
//! with a receiver's host begins anew.

use std::net::SocketAddr;

use twinrack_control::fabric::{HostState, VmState};
use twinrack_scenario::scenario::{Stream, StreamEnd};
use twinrack_scenario::units::{BitsPerSecond, SimTime};
use twinrack_scenario::{HostId, NetworkId, Scenario, VmId};

use super::tally::Tally;
use super::{Body, Pending};
use crate::lab::protocol::{Answer, Ask, StreamAsk};

/// Where a stream is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sink {
    /// Nowhere; it has come so far.
    Nowhere(u64),
    /// It will be there.
    Opening(HostId),
    /// There.
    Open(HostId),
    /// No longer there; how far it has come is asked.
    Closing(HostId),
}

/// A stream and what is known of it.
#[derive(Debug)]
pub struct Lane {
    stream: Stream,
    sink: Sink,
    /// What it was granted last, and at which host.
    granted: Option<(HostId, BitsPerSecond)>,
    /// Bytes that have come.
    came: Tally<1>,
}

impl Lane {
    /// The streams of a scenario; none is received yet.
    pub fn all(scenario: &Scenario) -> Vec<Self> {
        let lane = |stream| Self {
            stream,
            sink: Sink::Nowhere(0),
            granted: None,
            came: Tally::default(),
        };
        scenario.streams().into_iter().map(lane).collect()
    }

    /// What its network is called by a migration that takes it too.
    pub fn network(&self, scenario: &Scenario) -> Option<NetworkId> {
        let is_there = self.stream.network < scenario.spec.networks.len();
        is_there.then_some(NetworkId(self.stream.network as u32))
    }

    /// What it asks for.
    pub const fn rate(&self) -> BitsPerSecond {
        self.stream.rate
    }
}

impl Body<'_> {
    fn runs_at(&self, vm: VmId) -> Option<HostId> {
        let entry = self.vms[vm.index()];
        entry
            .host
            .filter(|_| matches!(entry.state, VmState::Running | VmState::Paused))
    }

    /// Opens and closes sinks, so that each stream is received where its receiver is.
    pub(super) fn route_streams(&mut self) {
        for number in 0..self.lanes.len() {
            let lane = &self.lanes[number];
            let to = match lane.stream.to {
                StreamEnd::Vm(vm) => self.runs_at(vm),
                StreamEnd::Host(host) => Some(host),
            };
            let to = to.filter(|host| self.hosts[host.index()].state == HostState::Up);
            match (lane.sink, to) {
                (Sink::Nowhere(position), Some(host)) => {
                    self.lanes[number].sink = Sink::Opening(host);
                    self.ask_of_stream(host, number, StreamAsk::Receive(position));
                }
                (Sink::Open(host), _) if to != Some(host) => {
                    self.lanes[number].sink = Sink::Closing(host);
                    self.ask_of_stream(host, number, StreamAsk::Leave);
                }
                _ => {}
            }
        }
    }

    fn ask_of_stream(&mut self, host: HostId, number: usize, ask: StreamAsk) {
        let stream = number as u32;
        self.ask(host, Ask::Stream { stream, ask }, Pending::Stream(stream));
    }

    /// An agent opened a sink, or closed it and says how far the stream has come.
    pub(super) fn stream_answered(&mut self, stream: u32, answer: Result<Answer, String>) {
        let Some(lane) = self.lanes.get_mut(stream as usize) else {
            return;
        };
        match (lane.sink, answer) {
            (Sink::Opening(host), Ok(_)) => {
                lane.sink = Sink::Open(host);
                if let Some(to) = self.hosts[host.index()].streams {
                    self.route(stream, to);
                }
            }
            (Sink::Closing(_), Ok(Answer::Position(position))) => {
                lane.came.saw([position], false);
                lane.sink = Sink::Nowhere(position);
            }
            (_, Ok(_)) => {}
            (_, Err(why)) => {
                let from = lane.stream.from;
                self.harmed(from, why);
            }
        }
    }

    fn route(&mut self, stream: u32, to: SocketAddr) {
        for host in (0..self.scenario.hosts.len()).map(HostId) {
            let ask = StreamAsk::Route(to);
            self.order(host, Ask::Stream { stream, ask });
        }
    }

    /// A host has died, and with it what its sinks knew.
    pub(super) fn forget_sinks(&mut self, dead: HostId) {
        for lane in &mut self.lanes {
            let (Sink::Opening(host) | Sink::Open(host) | Sink::Closing(host)) = lane.sink else {
                continue;
            };
            if host == dead {
                lane.sink = Sink::Nowhere(0);
                lane.came.begin_anew();
            }
        }
    }

    /// The run ends: every sink says how far its stream has come, and whether all of it was right.
    pub(super) fn close_sinks(&mut self) {
        for number in 0..self.lanes.len() {
            if let Sink::Open(host) = self.lanes[number].sink {
                self.lanes[number].sink = Sink::Closing(host);
                self.ask_of_stream(host, number, StreamAsk::Leave);
            }
        }
    }

    /// How far streams have come, as an agent tells now and then.
    pub(super) fn streams_came(&mut self, host: HostId, streams: &[(u32, u64)], first_report: bool) {
        for (stream, position) in streams {
            if let Some(lane) = self.lanes.get_mut(*stream as usize)
                && lane.sink == Sink::Open(host)
            {
                lane.came.saw([*position], first_report);
            }
        }
    }

    /// From where to where each stream flows that takes a link now; one between VMs of one host takes none.
    pub(super) fn flowing(&self) -> Vec<(usize, HostId, HostId)> {
        let flowing = self.lanes.iter().enumerate().filter_map(|(number, lane)| {
            let Sink::Open(to) = lane.sink else { return None };
            let from = self.runs_at(lane.stream.from)?;
            (from != to).then_some((number, from, to))
        });
        flowing.collect()
    }

    /// Grants a stream its share, where that or its sender's host has changed.
    pub(super) fn grant_stream(&mut self, number: usize, from: HostId, rate: BitsPerSecond) {
        if self.lanes[number].granted.replace((from, rate)) != Some((from, rate)) {
            let stream = number as u32;
            let ask = StreamAsk::Grant(rate);
            self.order(from, Ask::Stream { stream, ask });
        }
    }

    /// Bytes each second that each network carried, of streams and of migrations, over the run.
    pub(super) fn carried(&self, end: SimTime) -> Vec<f64> {
        let mut bytes = vec![0.0; self.scenario.spec.networks.len().max(1)];
        for lane in &self.lanes {
            let [came] = lane.came.since_the_start();
            if let Some(sum) = bytes.get_mut(lane.stream.network) {
                *sum += came as f64;
            }
        }
        for (network, sent) in &self.meters.migrated {
            if let Some(sum) = bytes.get_mut(network.map_or(0, NetworkId::index)) {
                *sum += *sent as f64;
            }
        }
        bytes.iter().map(|bytes| bytes / end.as_secs_f64()).collect()
    }
}
