//! Links: the networks of a scenario, the guests' traffic on them, and what receiving costs hosts.

use twinrack_control::fabric::VmState;
use twinrack_scenario::spec::network::{FramingSpec, NetworkSpec, TopologySpec};
use twinrack_scenario::units::{BitsPerSecond, Bytes, SimDuration, SimTime};
use twinrack_scenario::{HostId, Scenario, VmId};

use super::body::{Body, Happening};
use super::kinds::Kinds;
use super::state::State;
use crate::engine::Handle;
use crate::measure::Level;
use crate::model::network::goodput::{
    Offloads, efficiency, packets_per_second, payload_rate, receive_seconds, single_processor_limit,
};
use crate::model::network::{FlowId, FluidNetwork, Topology};

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
    /// What each host's link carries of payload.
    pub link: Vec<BitsPerSecond>,
    /// What it carries.
    pub carried: Level,
    touched: bool,
    armed: Option<(SimTime, Handle)>,
}

/// Traffic that a VM sends all the time.
#[derive(Debug, Clone)]
struct Stream {
    from: VmId,
    to: End,
    network: usize,
    rate: BitsPerSecond,
    flow: Option<(FlowId, HostId)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Vm(VmId),
    Host(HostId),
}

/// All networks.
#[derive(Debug)]
pub struct Links {
    /// The networks, in the order of the scenario; at least one.
    pub networks: Vec<Network>,
    /// The one that migrations take.
    pub migration: usize,
    streams: Vec<Stream>,
    offloads: Vec<Offloads>,
    host_group: Vec<u32>,
}

impl Links {
    /// Connects the hosts. A scenario without networks has one of 1 Gb/s.
    pub fn new(scenario: &Scenario, state: &State, kinds: &Kinds) -> Self {
        let mut networks: Vec<Network> = (0..scenario.spec.networks.len())
            .map(|index| Network::of(scenario, index))
            .collect();
        if networks.is_empty() {
            networks.push(Network::plain(scenario.hosts.len()));
        }
        Self {
            networks,
            migration: migration_network(scenario),
            streams: streams(scenario),
            offloads: kinds
                .hosts
                .iter()
                .map(|kind| Offloads {
                    vmq: kind.vmq,
                    chimney: kind.chimney,
                })
                .collect(),
            host_group: state.hosts.iter().map(|host| host.group).collect(),
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
        if self.streams.is_empty() {
            return;
        }
        for at in 0..self.streams.len() {
            if self.streams[at].from != vm && self.streams[at].to != End::Vm(vm) {
                continue;
            }
            let stream = self.streams[at].clone();
            if let Some((flow, _)) = stream.flow {
                self.networks[stream.network].fluid.stop(now, flow);
                self.touch(stream.network);
            }
            let runs = |vm: VmId| {
                let entry = &state.vms[vm.index()];
                entry.host.filter(|_| entry.state == VmState::Running)
            };
            let to = match stream.to {
                End::Vm(vm) => runs(vm),
                End::Host(host) => Some(host),
            };
            self.streams[at].flow = runs(stream.from).zip(to).map(|(from, to)| {
                let network = &mut self.networks[stream.network];
                let offloads = self.offloads[self.host_group[to.index()] as usize];
                // Without VMQ a single processor of the receiving parent does all the work.
                let limit = if offloads.vmq {
                    stream.rate
                } else {
                    stream.rate.min(single_processor_limit(network.mtu))
                };
                network.touched = true;
                (
                    network.fluid.start(
                        now,
                        (from.0, to.0),
                        crate::model::network::Size::Stream,
                        1.0,
                        Some(limit),
                    ),
                    to,
                )
            });
        }
    }

    /// Processor time that receiving takes at each host, by guests' traffic.
    fn receive_work(&self) -> Vec<(HostId, f64)> {
        let mut work: Vec<(HostId, f64)> = Vec::new();
        for stream in &self.streams {
            let Some((flow, to)) = stream.flow else { continue };
            let network = &self.networks[stream.network];
            let packets = packets_per_second(network.fluid.rate(flow).as_f64(), network.mtu);
            let payload = network.mtu.as_f64() - 40.0;
            let (parent, _) = receive_seconds(payload, self.offloads[self.host_group[to.index()] as usize]);
            match work.iter_mut().find(|(host, _)| *host == to) {
                Some((_, sum)) => *sum += packets * parent,
                None => work.push((to, packets * parent)),
            }
        }
        work
    }
}

impl Network {
    fn of(scenario: &Scenario, index: usize) -> Self {
        let spec = &scenario.spec.networks[index];
        let hosts = scenario.hosts.len();
        let port = |host: u32| {
            let nics = &scenario.spec.hosts[scenario.hosts.group_of(host)].nics;
            let speed = nics
                .get(index)
                .or(nics.last())
                .map_or(spec.speed, |nic| nic.speed.min(spec.speed));
            payload(spec, speed)
        };
        let link: Vec<BitsPerSecond> = (0..hosts).map(port).collect();
        let topology = match spec.topology {
            TopologySpec::Star => Topology::star(link.iter().copied()),
            TopologySpec::FatTree => Topology::fat_tree(hosts, payload(spec, spec.speed)),
        };
        Self {
            fluid: FluidNetwork::new(topology, spec.latency),
            goodput: spec.goodput,
            mtu: spec.mtu,
            framing: spec.framing,
            link,
            carried: Level::new(SimTime::ZERO, 0.0),
            touched: false,
            armed: None,
        }
    }

    fn plain(hosts: u32) -> Self {
        let mtu = Bytes(1500);
        let link = vec![payload_rate(BitsPerSecond(1_000_000_000), mtu); hosts as usize];
        Self {
            fluid: FluidNetwork::new(
                Topology::star(link.iter().copied()),
                SimDuration::from_nanos(5_000),
            ),
            goodput: None,
            mtu,
            framing: FramingSpec::Ethernet,
            link,
            carried: Level::new(SimTime::ZERO, 0.0),
            touched: false,
            armed: None,
        }
    }

    /// Payload over wire time.
    pub fn efficiency(&self) -> f64 {
        match self.framing {
            FramingSpec::Ethernet => efficiency(self.mtu),
            FramingSpec::None => 1.0,
        }
    }
}

/// What a link of that speed carries of payload.
fn payload(spec: &NetworkSpec, speed: BitsPerSecond) -> BitsPerSecond {
    match spec.framing {
        FramingSpec::Ethernet => payload_rate(speed, spec.mtu),
        FramingSpec::None => speed,
    }
}

/// The lowest metric carries cluster and CSV traffic, the second lowest live migrations; with one network, that.
fn migration_network(scenario: &Scenario) -> usize {
    let mut order: Vec<(u32, usize)> = scenario
        .spec
        .networks
        .iter()
        .enumerate()
        .map(|(index, network)| (network.metric, index))
        .collect();
    order.sort_unstable();
    order.get(1).or(order.first()).map_or(0, |(_, index)| *index)
}

fn streams(scenario: &Scenario) -> Vec<Stream> {
    let default = scenario
        .spec
        .networks
        .iter()
        .enumerate()
        .max_by_key(|(_, network)| network.metric)
        .map_or(0, |(index, _)| index);
    let mut streams = Vec::new();
    for (group, spec) in scenario.spec.vms.iter().enumerate() {
        for traffic in &spec.traffic {
            let named = traffic.network.as_ref().and_then(|name| {
                scenario
                    .spec
                    .networks
                    .iter()
                    .position(|network| network.name.value == name.value)
            });
            for (at, from) in scenario.vms.members(group).enumerate() {
                // To a group of VMs the senders are dealt round.
                let pick = |range: std::ops::Range<u32>| range.start + at as u32 % range.len().max(1) as u32;
                let vm = scenario
                    .vms
                    .find(&traffic.to)
                    .map(|range| End::Vm(VmId(pick(range))));
                let host = || {
                    scenario
                        .hosts
                        .find(&traffic.to)
                        .map(|range| End::Host(HostId(pick(range))))
                };
                if let Some(to) = vm.or_else(host) {
                    let network = named.unwrap_or(default);
                    streams.push(Stream {
                        from: VmId(from),
                        to,
                        network,
                        rate: traffic.rate,
                        flow: None,
                    });
                }
            }
        }
    }
    streams
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
                network.fluid.settle(now);
                let carried = network.fluid.carried();
                network.carried.set(now, carried);
                self.arm(index);
                self.rates_changed(now, index);
            }
        }
        self.receive();
    }

    fn receive(&mut self) {
        for (host, work) in self.links.receive_work() {
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
            self.transfer_ended(now, index, flow);
        }
        self.links.touch(index);
    }
}
