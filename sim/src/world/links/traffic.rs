//! The guests' own traffic: streams between VMs that run, and the processor time that receiving them takes.

use std::collections::{BTreeMap, BTreeSet};

use twinrack_control::fabric::VmState;
use twinrack_scenario::scenario::{Stream, StreamEnd};
use twinrack_scenario::units::SimTime;
use twinrack_scenario::{HostId, Scenario, VmId};

use super::super::kinds::Kinds;
use super::super::state::State;
use super::{Network, Owner};
use crate::model::network::goodput::{Receiver, packets_per_second, receive_seconds, single_processor_limit};
use crate::model::network::{FlowId, Size};

/// A stream and the flow that carries it.
#[derive(Debug, Clone)]
struct Carried {
    stream: Stream,
    flow: Option<(FlowId, HostId)>,
    /// Cycles a second that receiving it takes now.
    cycles: f64,
}

impl Carried {
    const fn idle(stream: Stream) -> Self {
        Self {
            stream,
            flow: None,
            cycles: 0.0,
        }
    }
}

/// All traffic of guests.
#[derive(Debug)]
pub struct Traffic {
    all: Vec<Carried>,
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
        let streams = scenario.streams();
        let mut of_vm: BTreeMap<VmId, Vec<usize>> = BTreeMap::new();
        for (at, stream) in streams.iter().enumerate() {
            of_vm.entry(stream.from).or_default().push(at);
            match stream.to {
                StreamEnd::Vm(vm) if vm != stream.from => of_vm.entry(vm).or_default().push(at),
                _ => {}
            }
        }
        let all = streams.into_iter();
        Self {
            all: all.map(Carried::idle).collect(),
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
            let Carried {
                stream,
                flow: carried,
                ..
            } = &mut self.all[at];
            let network = &mut networks[stream.network];
            if let Some((flow, to)) = carried.take() {
                network.stop(now, flow);
                self.into.entry(to).or_default().remove(&at);
                self.concerned.insert(to);
            }
            let runs = |vm: VmId| {
                let entry = &state.vms[vm.index()];
                entry.host.filter(|_| entry.state == VmState::Running)
            };
            let to = match stream.to {
                StreamEnd::Vm(vm) => runs(vm),
                StreamEnd::Host(host) => Some(host),
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
            *carried = Some((flow, to));
            self.into.entry(to).or_default().insert(at);
        }
    }

    /// A stream has another rate, or none.
    pub fn rate_changed(&mut self, networks: &mut [Network], now: SimTime, stream: usize) {
        let carried = &mut self.all[stream];
        let network = &mut networks[carried.stream.network];
        let cycles = carried.flow.map_or(0.0, |(flow, host)| {
            let receiver = self.receivers[self.host_group[host.index()] as usize];
            network.fluid.rate(flow).as_f64() / 8.0 * receiver.cycles_per_byte(network.mtu)
        });
        network.cycles.replace(now, carried.cycles, cycles);
        carried.cycles = cycles;
        self.concerned.extend(carried.flow.map(|(_, host)| host));
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
            let Carried { stream, flow, .. } = &self.all[*at];
            let network = &networks[stream.network];
            let rate = flow.map_or(0.0, |(flow, _)| network.fluid.rate(flow).as_f64());
            let (parent, _) = receive_seconds(network.mtu.as_f64() - 40.0, receiver.offloads);
            packets_per_second(rate, network.mtu) * parent
        });
        work.sum()
    }
}
