//! Facts of a move, as the simulated datacenter has them; what follows from them is the brain's to say.

use twinrack_control::fabric::VmState;
use twinrack_control::limits::{Asked, Running};
use twinrack_control::migration::networks::Candidate;
use twinrack_control::migration::precondition::{Facts, HostFacts};
use twinrack_control::migration::processor::{Features, guest_visible};
use twinrack_scenario::decode::Spanned;
use twinrack_scenario::spec::cluster::VolumeKind;
use twinrack_scenario::{HostId, NetworkId, Scenario, VmId};

use crate::world::body::Body;

/// What facts need of the scenario beyond the kinds of hosts and VMs, worked out once; and what each VM has seen.
#[derive(Debug)]
pub struct Surroundings {
    /// The cluster of each host.
    cluster: Vec<Option<u32>>,
    /// Nodes of each cluster.
    nodes: Vec<u32>,
    /// Features of each item of `hosts`.
    features: Vec<Features>,
    /// For each network, whether it connects each host; all hosts where the list is empty.
    connected: Vec<Vec<bool>>,
    /// For each item of `vms`, whether it lives on a clustered LUN with other VMs.
    shares_lun: Vec<bool>,
    /// For each item of `vms`, the networks it sends on, by number.
    sends_on: Vec<Vec<usize>>,
    /// Features that each VM saw when it started.
    seen: Vec<Features>,
}

impl Surroundings {
    /// Works them out.
    pub fn new(scenario: &Scenario) -> Self {
        let spec = &scenario.spec;
        let mut cluster = vec![None; scenario.hosts.len() as usize];
        let mut nodes = Vec::new();
        for (number, own) in (0..).zip(&spec.clusters) {
            let members = hosts_of(scenario, &own.hosts);
            nodes.push(members.len() as u32);
            for host in members {
                cluster[host as usize] = Some(number);
            }
        }
        let connected = spec.networks.iter().map(|network| {
            if network.hosts.is_empty() {
                return Vec::new();
            }
            let mut connects = vec![false; scenario.hosts.len() as usize];
            for host in hosts_of(scenario, &network.hosts) {
                connects[host as usize] = true;
            }
            connects
        });
        let features = spec.hosts.iter().map(|host| {
            host.generation
                .as_ref()
                .map_or(Features::NONE, |own| Features::of_generation(host.vendor, own))
        });
        Self {
            cluster,
            nodes,
            features: features.collect(),
            connected: connected.collect(),
            shares_lun: shares_lun(scenario),
            sends_on: sends_on(scenario),
            seen: vec![Features::NONE; scenario.vms.len() as usize],
        }
    }

    fn connects(&self, network: usize, host: HostId) -> bool {
        let hosts = &self.connected[network];
        hosts.is_empty() || hosts[host.index()]
    }
}

/// The hosts that a list names; all of them when it is empty.
fn hosts_of(scenario: &Scenario, names: &[Spanned<String>]) -> Vec<u32> {
    if names.is_empty() {
        return (0..scenario.hosts.len()).collect();
    }
    let named = names.iter().filter_map(|name| scenario.hosts.find(&name.value));
    named.flatten().collect()
}

fn shares_lun(scenario: &Scenario) -> Vec<bool> {
    let volumes = &scenario.spec.storage;
    let volume_of = |group: usize| match &scenario.spec.vms[group].volume {
        Some(name) => volumes.iter().position(|volume| volume.name.value == name.value),
        None => (!volumes.is_empty()).then_some(0),
    };
    let groups = 0..scenario.spec.vms.len();
    let mut on = vec![0_u32; volumes.len()];
    for group in groups.clone() {
        if let Some(volume) = volume_of(group) {
            on[volume] += scenario.vms.members(group).len() as u32;
        }
    }
    let shares = |group| {
        volume_of(group).is_some_and(|volume| volumes[volume].kind == VolumeKind::Lun && on[volume] > 1)
    };
    groups.map(shares).collect()
}

fn sends_on(scenario: &Scenario) -> Vec<Vec<usize>> {
    let networks = &scenario.spec.networks;
    let named = |name: &Spanned<String>| {
        let mut all = networks.iter();
        all.position(|network| network.name.value == name.value)
    };
    let vms = scenario.spec.vms.iter();
    vms.map(|vm| {
        let traffic = vm.traffic.iter();
        traffic
            .filter_map(|own| own.network.as_ref().and_then(named))
            .collect()
    })
    .collect()
}

impl Body<'_> {
    /// A VM starts on a host: from now on it counts on what it sees there of the processor.
    pub(in crate::world) fn sees_processor(&mut self, vm: VmId, host: HostId) {
        let group = self.state.hosts[host.index()].group as usize;
        let compatibility =
            self.scenario.spec.vms[self.state.vms[vm.index()].group as usize].processor_compatibility;
        let has = self.surroundings.features[group];
        self.surroundings.seen[vm.index()] =
            guest_visible(self.kinds.hosts[group].vendor, has, compatibility);
    }

    /// What speaks for and against moving a VM.
    pub(in crate::world) fn facts_of(&self, vm: VmId, from: HostId, to: HostId) -> Facts {
        let around = &self.surroundings;
        let group = self.state.vms[vm.index()].group as usize;
        let (spec, kind) = (&self.scenario.spec.vms[group], &self.kinds.vms[group]);
        let owners = &spec.possible_owners;
        let target = &self.state.hosts[to.index()];
        let memory = self.kinds.hosts[target.group as usize].memory;
        let lacking = around.sends_on[group]
            .iter()
            .find(|network| !around.connects(**network, to));
        Facts {
            source: self.host_facts(from),
            target: self.host_facts(to),
            cluster_nodes: around.cluster[from.index()].map_or(0, |own| around.nodes[own as usize]),
            running: self.state.vms[vm.index()].state == VmState::Running && self.host_of(vm) == Some(from),
            highly_available: spec.highly_available,
            target_may_own: owners.is_empty() || hosts_of(self.scenario, owners).contains(&to.0),
            volume: kind.volume,
            volume_shared: around.shares_lun[group],
            guest_features: around.seen[vm.index()],
            missing_network: lacking.map(|network| self.scenario.spec.networks[*network].name.value.clone()),
            reserve: kind.footprint,
            target_free: memory.saturating_sub(target.memory_used),
            local_device: spec.local_device.clone(),
            target_holds: self.running_on(to),
            asks: Asked {
                vcpus: kind.vcpus,
                memory: kind.memory,
            },
            networks: self.connecting(from, to),
            automatic_start: spec.automatic_start,
        }
    }

    fn host_facts(&self, host: HostId) -> HostFacts {
        let group = self.state.hosts[host.index()].group as usize;
        let kind = &self.kinds.hosts[group];
        HostFacts {
            edition: kind.edition,
            cluster: self.surroundings.cluster[host.index()],
            up: self.is_up(host),
            vendor: kind.vendor,
            features: self.surroundings.features[group],
            system_drive: self.scenario.spec.hosts[group].system_drive.clone(),
        }
    }

    /// What runs on a host.
    pub(in crate::world) fn running_on(&self, host: HostId) -> Running {
        let entry = &self.state.hosts[host.index()];
        let of = |vm: &VmId| &self.kinds.vms[self.state.vms[vm.index()].group as usize];
        Running {
            processors: self.kinds.hosts[entry.group as usize].processors,
            vms: entry.vms.len() as u32,
            vcpus: entry.vms.iter().map(|vm| of(vm).vcpus).sum(),
            memory: entry.vms.iter().map(|vm| of(vm).memory).sum(),
        }
    }

    /// The networks that connect two hosts; the one that a scenario without networks has connects all.
    fn connecting(&self, from: HostId, to: HostId) -> Vec<Candidate> {
        let specs = &self.scenario.spec.networks;
        let all = (0..self.links.networks.len()).filter(|network| {
            specs.is_empty()
                || [from, to]
                    .iter()
                    .all(|host| self.surroundings.connects(*network, *host))
        });
        all.map(|network| Candidate {
            network: NetworkId(network as u32),
            metric: specs.get(network).map_or(10_000, |own| own.metric),
            up: [from, to]
                .iter()
                .all(|host| self.links.networks[network].fluid.is_linked(host.0)),
        })
        .collect()
    }
}
