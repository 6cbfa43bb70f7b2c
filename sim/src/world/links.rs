//! Links: the networks of a scenario, who sends on them, and what follows when their links are shared anew.

mod traffic;

use twinrack_scenario::record::Level;
use twinrack_scenario::spec::network::{FramingSpec, NetworkSpec, TopologySpec};
use twinrack_scenario::units::{BitsPerSecond, Bytes, SimDuration, SimTime};
use twinrack_scenario::{HostId, MigrationId, Scenario, VmId};

use super::body::{Body, Happening};
use super::kinds::Kinds;
use super::state::State;
use crate::engine::Handle;
use crate::model::network::goodput::{efficiency, payload_rate, single_processor_limit};
use crate::model::network::{FlowId, FluidNetwork, Size, Topology};
use traffic::Traffic;

/// What a flow belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A migration.
    Migration(MigrationId),
    /// A stream of guests' traffic, by its number.
    Stream(usize),
}

/// One network.
#[derive(Debug)]
pub struct Network {
    /// Its flows.
    pub fluid: FluidNetwork,
    /// What one transfer can reach at most.
    pub goodput: Option<BitsPerSecond>,
    /// Largest packet.
    pub mtu: Bytes,
    framing: FramingSpec,
    /// What each host's link carries of payload, and the slowest of them.
    link: Vec<BitsPerSecond>,
    slowest: BitsPerSecond,
    /// What each host's processors can receive, where its adapter bounds them.
    receive: Vec<Option<BitsPerSecond>>,
    /// What it carries.
    pub carried: Level,
    /// Processor cycles a second that receiving all of it takes.
    pub cycles: Level,
    /// Who each flow belongs to.
    owners: Vec<Option<Owner>>,
    /// Whose flows ended since links were last shared.
    ended: Vec<Owner>,
    touched: bool,
    armed: Option<(SimTime, Handle)>,
}

/// All networks.
#[derive(Debug)]
pub struct Links {
    /// The networks, in the order of the scenario; at least one.
    pub networks: Vec<Network>,
    traffic: Traffic,
}

impl Links {
    /// Connects the hosts. A scenario without networks has one of 1 Gb/s.
    pub fn new(scenario: &Scenario, state: &State, kinds: &Kinds) -> Self {
        let mut networks: Vec<Network> = (0..scenario.spec.networks.len())
            .map(|index| Network::of(scenario, index))
            .collect();
        if networks.is_empty() {
            networks.push(Network::plain(scenario));
        }
        Self {
            networks,
            traffic: Traffic::new(scenario, state, kinds),
        }
    }

    /// Marks a network whose links must be shared anew.
    pub fn touch(&mut self, network: usize) {
        self.networks[network].touched = true;
    }

    /// Whether some network must be shared anew.
    pub fn touched(&self) -> bool {
        self.networks.iter().any(|network| network.touched)
    }

    /// Starts, moves and ends the traffic of a VM that runs, moved or halted.
    pub fn refresh(&mut self, now: SimTime, vm: VmId, state: &State) {
        self.traffic.refresh(&mut self.networks, now, vm, state);
    }
}

/// The share of what a link could carry that streams reach.
pub fn reached(scenario: &Scenario) -> f64 {
    let share = scenario.spec.policies.migration.efficiency;
    share.map_or(1.0, |share| share.0)
}

impl Network {
    fn of(scenario: &Scenario, index: usize) -> Self {
        let spec = &scenario.spec.networks[index];
        let hosts = scenario.hosts.len();
        let nic = |host: u32| {
            let nics = &scenario.spec.hosts[scenario.hosts.group_of(host)].nics;
            nics.get(index).or(nics.last())
        };
        let efficiency = reached(scenario);
        let mtu = connected(scenario, spec)
            .into_iter()
            .filter_map(nic)
            .map(|nic| nic.mtu)
            .fold(spec.mtu, Bytes::min);
        let payload = |speed| match spec.framing {
            FramingSpec::Ethernet => payload_rate(speed, mtu).times(efficiency),
            FramingSpec::None => speed.times(efficiency),
        };
        let port = |host| payload(nic(host).map_or(spec.speed, |nic| nic.speed.min(spec.speed)));
        let queues = |host| {
            let queues = nic(host)?.receive_queues?;
            Some(BitsPerSecond(
                single_processor_limit(mtu).0.saturating_mul(u64::from(queues)),
            ))
        };
        let link: Vec<BitsPerSecond> = (0..hosts).map(port).collect();
        let receive: Vec<Option<BitsPerSecond>> = (0..hosts).map(queues).collect();
        let bounded = receive.iter().any(Option::is_some);
        let topology = match spec.topology {
            TopologySpec::Star => Topology::star(link.iter().copied()),
            TopologySpec::FatTree => Topology::fat_tree(hosts, payload(spec.speed)),
        };
        let mut network = Self {
            fluid: FluidNetwork::new(topology, spec.latency),
            receive,
            goodput: spec.goodput,
            mtu,
            framing: spec.framing,
            slowest: slowest(&link),
            link,
            carried: Level::new(SimTime::ZERO, 0.0),
            cycles: Level::new(SimTime::ZERO, 0.0),
            owners: Vec::new(),
            ended: Vec::new(),
            touched: false,
            armed: None,
        };
        if bounded || spec.topology == TopologySpec::FatTree {
            for host in (0..hosts).map(HostId) {
                network.set_link(host, 1.0);
            }
        }
        network
    }

    /// Leaves so much of the speed of a host's link; gives what it carries now.
    pub fn set_link(&mut self, host: HostId, remains: f64) -> BitsPerSecond {
        let whole = self.link.get(host.index()).copied().unwrap_or_default();
        let capacity = BitsPerSecond((whole.as_f64() * remains) as u64);
        let receive = self.receive.get(host.index()).copied().flatten();
        let into = receive.map_or(capacity, |bound| bound.min(capacity));
        self.fluid.set_link(host.0, [capacity, into]);
        capacity
    }

    /// What the slowest of its links carries of payload.
    pub const fn link_rate(&self) -> BitsPerSecond {
        self.slowest
    }

    fn plain(scenario: &Scenario) -> Self {
        let mtu = Bytes(1500);
        let efficiency = reached(scenario);
        let rate = payload_rate(BitsPerSecond(1_000_000_000), mtu).times(efficiency);
        let link = vec![rate; scenario.hosts.len() as usize];
        Self {
            fluid: FluidNetwork::new(
                Topology::star(link.iter().copied()),
                SimDuration::from_nanos(5_000),
            ),
            goodput: None,
            mtu,
            framing: FramingSpec::Ethernet,
            receive: vec![None; link.len()],
            slowest: slowest(&link),
            link,
            carried: Level::new(SimTime::ZERO, 0.0),
            cycles: Level::new(SimTime::ZERO, 0.0),
            owners: Vec::new(),
            ended: Vec::new(),
            touched: false,
            armed: None,
        }
    }

    /// Starts a flow between two hosts.
    pub fn start(
        &mut self,
        now: SimTime,
        owner: Owner,
        (from, to): (HostId, HostId),
        size: Size,
        weight: u32,
        cap: Option<BitsPerSecond>,
    ) -> FlowId {
        self.touched = true;
        let flow = self
            .fluid
            .start(now, (from.0, to.0), size, f64::from(weight), cap);
        if self.owners.len() <= flow.index() {
            self.owners.resize(flow.index() + 1, None);
        }
        self.owners[flow.index()] = Some(owner);
        flow
    }

    /// Ends a flow; gives the bytes it has sent.
    pub fn stop(&mut self, now: SimTime, flow: FlowId) -> Bytes {
        self.touched = true;
        self.ended
            .extend(self.owners.get_mut(flow.index()).and_then(Option::take));
        self.fluid.stop(now, flow)
    }

    /// Whose a flow is.
    pub fn owner(&self, flow: FlowId) -> Option<Owner> {
        self.owners.get(flow.index()).copied().flatten()
    }

    /// Shares the links anew; gives those in order whose flow ended or has another rate.
    fn settle(&mut self, now: SimTime) -> Vec<Owner> {
        let mut concerned = std::mem::take(&mut self.ended);
        for flow in self.fluid.settle(now) {
            concerned.extend(self.owner(flow));
        }
        concerned.sort_unstable();
        concerned.dedup();
        self.carried.set(now, self.fluid.carried());
        concerned
    }

    /// Payload over wire time.
    pub fn efficiency(&self) -> f64 {
        match self.framing {
            FramingSpec::Ethernet => efficiency(self.mtu),
            FramingSpec::None => 1.0,
        }
    }
}

fn slowest(links: &[BitsPerSecond]) -> BitsPerSecond {
    links.iter().copied().min().unwrap_or_default()
}

/// The hosts that a network connects: all, when it names none.
fn connected(scenario: &Scenario, spec: &NetworkSpec) -> Vec<u32> {
    if spec.hosts.is_empty() {
        return (0..scenario.hosts.len()).collect();
    }
    let named = spec
        .hosts
        .iter()
        .filter_map(|name| scenario.hosts.find(&name.value));
    named.flatten().collect()
}

impl Body<'_> {
    /// Whether some network must be shared anew.
    pub(super) fn links_touched(&self) -> bool {
        self.links.touched()
    }

    /// Shares touched networks anew, and sees to what follows from it.
    pub(super) fn settle_links(&mut self) {
        if !self.links.touched() {
            return;
        }
        let now = self.engine.now();
        for index in 0..self.links.networks.len() {
            let network = &mut self.links.networks[index];
            if std::mem::take(&mut network.touched) {
                let concerned = network.settle(now);
                self.arm(index);
                for owner in concerned {
                    match owner {
                        Owner::Migration(id) => self.rate_changed(now, id),
                        Owner::Stream(at) => {
                            let Links { networks, traffic } = &mut self.links;
                            traffic.rate_changed(networks, now, at);
                        }
                    }
                }
            }
        }
        for (host, work) in self.links.traffic.take_concerned(&self.links.networks) {
            if (self.state.hosts[host.index()].receive_work - work).abs() > 1e-12 {
                self.touch(host);
                self.state.hosts[host.index()].receive_work = work;
            }
        }
    }

    /// Schedules the next end of a transfer.
    fn arm(&mut self, index: usize) {
        let network = &mut self.links.networks[index];
        let next = network.fluid.next_end();
        if network.armed.map(|(at, _)| at) == next {
            return;
        }
        if let Some((_, handle)) = network.armed.take() {
            self.engine.cancel(handle);
        }
        let Some(at) = next else { return };
        match self.engine.schedule_at(at, 3, Happening::Sent(index)) {
            Ok(handle) => self.links.networks[index].armed = Some((at, handle)),
            Err(error) => {
                self.failure.get_or_insert(error);
            }
        }
    }

    /// Transfers of a network have sent their last byte.
    pub(super) fn sent(&mut self, now: SimTime, index: usize) {
        self.links.networks[index].armed = None;
        for flow in self.links.networks[index].fluid.take_ended(now) {
            self.transfer_ended(index, flow);
        }
        self.links.touch(index);
    }
}
