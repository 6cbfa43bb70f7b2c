//! The guests' own traffic: streams between VMs that run, and the processor time that receiving them takes.

use std::collections::{BTreeMap, BTreeSet};

use twinrack_control::fabric::VmState;
use twinrack_scenario::units::{BitsPerSecond, SimTime};
use twinrack_scenario::{HostId, Scenario, VmId};

use super::super::kinds::Kinds;
use super::super::state::State;
use super::{Network, Owner};
use crate::model::network::goodput::{
    Receiver, packets_per_second, receive_seconds, single_processor_limit,
};
use crate::model::network::{FlowId, Size};

/// Traffic that a VM sends all the time.
#[derive(Debug, Clone)]
struct Stream {
    from: VmId,
    to: End,
    network: usize,
    rate: BitsPerSecond,
    weight: u32,
    flow: Option<(FlowId, HostId)>,
    /// Cycles a second that receiving it takes now.
    cycles: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Vm(VmId),
    Host(HostId),
}

/// All traffic of guests.
#[derive(Debug)]
pub struct Traffic {
    all: Vec<Stream>,
    /// The streams that a VM sends or receives.
    of_vm: BTreeMap<VmId, Vec<usize>>,
    /// The streams that a host receives now.
    into: BTreeMap<HostId, BTreeSet<usize>>,
    /// Hosts that may receive at another rate now.
    concerned: BTreeSet<HostId>,
    /// What each item of `hosts` receives with.
    receivers: Vec<Receiver>,
    host_group: Vec<u32>,
}

impl Traffic {
    /// The streams of a scenario; none flows yet.
    pub fn new(scenario: &Scenario, state: &State, kinds: &Kinds) -> Self {
        let all = streams(scenario);
        let mut of_vm: BTreeMap<VmId, Vec<usize>> = BTreeMap::new();
        for (at, stream) in all.iter().enumerate() {
            of_vm.entry(stream.from).or_default().push(at);
            match stream.to {
                End::Vm(vm) if vm != stream.from => of_vm.entry(vm).or_default().push(at),
                _ => {}
            }
        }
        Self {
            all,
            of_vm,
            into: BTreeMap::new(),
            concerned: BTreeSet::new(),
            receivers: kinds.hosts.iter().map(|kind| kind.receiver).collect(),
            host_group: state.hosts.iter().map(|host| host.group).collect(),
        }
    }

    /// Starts, moves and ends the traffic of a VM that runs, moved or halted.
    pub fn refresh(&mut self, networks: &mut [Network], now: SimTime, vm: VmId, state: &State) {
        let Some(streams) = self.of_vm.get(&vm) else {
            return;
        };
        for &at in streams {
            let stream = &mut self.all[at];
            let network = &mut networks[stream.network];
            if let Some((flow, to)) = stream.flow.take() {
                network.stop(now, flow);
                self.into.entry(to).or_default().remove(&at);
                self.concerned.insert(to);
            }
            let runs = |vm: VmId| {
                let entry = &state.vms[vm.index()];
                entry.host.filter(|_| entry.state == VmState::Running)
            };
            let to = match stream.to {
                End::Vm(vm) => runs(vm),
                End::Host(host) => Some(host),
            };
            let Some((from, to)) = runs(stream.from).zip(to) else {
                continue;
            };
            let receiver = self.receivers[self.host_group[to.index()] as usize];
            // Without VMQ a single processor of the receiving parent does all the work.
            let limit = if receiver.offloads.vmq {
                stream.rate
            } else {
                stream.rate.min(single_processor_limit(network.mtu))
            };
            let (owner, weight) = (Owner::Stream(at), stream.weight);
            let flow = network.start(now, owner, (from, to), Size::Stream, weight, Some(limit));
            stream.flow = Some((flow, to));
            self.into.entry(to).or_default().insert(at);
        }
    }

    /// A stream has another rate, or none.
    pub fn rate_changed(&mut self, networks: &mut [Network], now: SimTime, stream: usize) {
        let stream = &mut self.all[stream];
        let network = &mut networks[stream.network];
        let cycles = stream.flow.map_or(0.0, |(flow, host)| {
            let receiver = self.receivers[self.host_group[host.index()] as usize];
            network.fluid.rate(flow).as_f64() / 8.0 * receiver.cycles_per_byte(network.mtu)
        });
        network.cycles.replace(now, stream.cycles, cycles);
        stream.cycles = cycles;
        self.concerned.extend(stream.flow.map(|(_, host)| host));
    }

    /// The hosts that may receive at another rate than last time, and the processors that receiving keeps busy there.
    pub fn take_concerned(&mut self, networks: &[Network]) -> Vec<(HostId, f64)> {
        let concerned = std::mem::take(&mut self.concerned);
        concerned
            .into_iter()
            .map(|host| (host, self.receive_work(networks, host)))
            .collect()
    }

    fn receive_work(&self, networks: &[Network], host: HostId) -> f64 {
        let receiver = self.receivers[self.host_group[host.index()] as usize];
        let streams = self.into.get(&host).into_iter().flatten();
        let work = streams.map(|at| {
            let stream = &self.all[*at];
            let network = &networks[stream.network];
            let rate = stream
                .flow
                .map_or(0.0, |(flow, _)| network.fluid.rate(flow).as_f64());
            let (parent, _) = receive_seconds(network.mtu.as_f64() - 40.0, receiver.offloads);
            packets_per_second(rate, network.mtu) * parent
        });
        work.sum()
    }
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
                        weight: traffic.weight,
                        flow: None,
                        cycles: 0.0,
                    });
                }
            }
        }
    }
    streams
}
