//! What the scenario tells of its surroundings, worked out once for both bodies; with what holds at the moment it makes
//! the [`Facts`] of a move.

use std::collections::{BTreeMap, BTreeSet};

use twinrack_scenario::decode::Spanned;
use twinrack_scenario::spec::Edition;
use twinrack_scenario::spec::cluster::VolumeKind;
use twinrack_scenario::units::Bytes;
use twinrack_scenario::{HostId, NetworkId, Scenario, VmId};

use super::{Facts, HostFacts};
use crate::limits::{self, Newcomer, Running};
use crate::migration::networks::Candidate;
use crate::migration::processor::{Features, guest_visible};

/// What holds at the moment, as only a body knows it.
pub struct Now<'a> {
    /// Whether the source is up.
    pub source_up: bool,
    /// Whether the target is up.
    pub target_up: bool,
    /// Whether the VM runs, on the source.
    pub running: bool,
    /// Where its files are.
    pub volume: VolumeKind,
    /// Memory to reserve on the target.
    pub reserve: Bytes,
    /// Memory free on the target.
    pub target_free: Bytes,
    /// What runs on the target.
    pub target_holds: Running,
    /// What the VM would add to that.
    pub asks: Newcomer,
    /// Whether a host's link to a network, by number, is up.
    pub linked: &'a dyn Fn(usize, HostId) -> bool,
}

/// What facts need of the scenario beyond the kinds of hosts and VMs, worked out once; and what each VM has seen.
#[derive(Debug)]
pub struct Surroundings {
    /// The cluster of each host.
    cluster: Vec<Option<u32>>,
    /// Nodes of each cluster.
    nodes: Vec<Vec<HostId>>,
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
    /// The setting of each host, from 0.
    settings: Vec<u32>,
}

impl Surroundings {
    /// Works them out.
    pub fn new(scenario: &Scenario) -> Self {
        let spec = &scenario.spec;
        let mut cluster = vec![None; scenario.hosts.len() as usize];
        let mut nodes = Vec::new();
        for (number, own) in (0..).zip(&spec.clusters) {
            let members = hosts_of(scenario, &own.hosts);
            for host in &members {
                cluster[*host as usize] = Some(number);
            }
            nodes.push(members.into_iter().map(HostId).collect());
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
        let features = spec
            .hosts
            .iter()
            .map(|host| host.generation.map_or(Features::NONE, Features::of_generation));
        let features: Vec<Features> = features.collect();
        let connected: Vec<Vec<bool>> = connected.collect();
        Self {
            settings: settings(scenario, &cluster, &features, &connected),
            cluster,
            nodes,
            features,
            connected,
            shares_lun: shares_lun(scenario),
            sends_on: sends_on(scenario),
            seen: vec![Features::NONE; scenario.vms.len() as usize],
        }
    }

    /// A VM starts on a host: from now on it counts on what it sees there of the processor.
    pub fn starts(&mut self, scenario: &Scenario, vm: VmId, host: HostId) {
        let group = scenario.hosts.group_of(host.0);
        let compatibility = scenario.spec.vms[scenario.vms.group_of(vm.0)].processor_compatibility;
        let vendor = scenario.spec.hosts[group].vendor;
        self.seen[vm.index()] = guest_visible(vendor, self.features[group], compatibility);
    }

    /// What speaks for and against moving a VM.
    pub fn facts(&self, scenario: &Scenario, vm: VmId, from: HostId, to: HostId, now: &Now<'_>) -> Facts {
        let group = scenario.vms.group_of(vm.0);
        let spec = &scenario.spec.vms[group];
        let owners = &spec.possible_owners;
        let lacking = self.sends_on[group]
            .iter()
            .find(|network| !self.connects(**network, to));
        Facts {
            source: self.end(scenario, from, now.source_up),
            target: self.end(scenario, to, now.target_up),
            cluster_nodes: self.peers(from).len() as u32,
            running: now.running,
            highly_available: spec.highly_available,
            target_may_own: owners.is_empty() || hosts_of(scenario, owners).contains(&to.0),
            volume: now.volume,
            volume_shared: self.shares_lun[group],
            guest_features: self.seen[vm.index()],
            missing_network: lacking.map(|network| scenario.spec.networks[*network].name.value.clone()),
            reserve: now.reserve,
            target_free: now.target_free,
            local_device: spec.local_device.clone(),
            target_holds: now.target_holds,
            asks: now.asks,
            networks: self.connecting(scenario, [from, to], now),
            automatic_start: spec.automatic_start,
        }
    }

    /// VMs of all nodes of a host's cluster, where its product limits them.
    pub fn in_cluster(&self, edition: Edition, host: HostId, vms_on: impl Fn(HostId) -> usize) -> u32 {
        let limited = limits::cluster_vms(edition).is_some();
        let nodes = self.peers(host).iter().filter(|_| limited);
        nodes.map(|node| vms_on(*node) as u32).sum()
    }

    /// The nodes of a host's cluster, itself among them; none where it is of no cluster.
    fn peers(&self, host: HostId) -> &[HostId] {
        self.cluster[host.index()].map_or(&[], |own| &self.nodes[own as usize])
    }

    /// Which setting a host is in: hosts of one can't be told apart by what the scenario says of them, as far as the checks
    /// of a move look at it.
    pub fn setting(&self, host: HostId) -> u32 {
        self.settings[host.index()]
    }

    /// Which standing a VM has: its item of the scenario, and what it saw when it started.
    pub fn standing(&self, scenario: &Scenario, vm: VmId) -> u64 {
        let group = scenario.vms.group_of(vm.0) as u64;
        group << 32 | u64::from(self.seen[vm.index()].bits())
    }

    fn end(&self, scenario: &Scenario, host: HostId, up: bool) -> HostFacts {
        let group = scenario.hosts.group_of(host.0);
        let spec = &scenario.spec.hosts[group];
        HostFacts {
            edition: spec.edition.unwrap_or(scenario.spec.edition),
            cluster: self.cluster[host.index()],
            up,
            vendor: spec.vendor,
            features: self.features[group],
            system_drive: spec.system_drive.clone(),
        }
    }

    /// The networks that connect two hosts; the one that a scenario without networks has connects all.
    fn connecting(&self, scenario: &Scenario, ends: [HostId; 2], now: &Now<'_>) -> Vec<Candidate> {
        let specs = &scenario.spec.networks;
        (0..specs.len().max(1))
            .filter(|network| specs.is_empty() || ends.iter().all(|host| self.connects(*network, *host)))
            .map(|network| Candidate {
                network: NetworkId(network as u32),
                metric: specs.get(network).map_or(10_000, |own| own.metric),
                up: ends.iter().all(|host| (now.linked)(network, *host)),
            })
            .collect()
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

/// Numbers the settings of hosts in the order in which they come.
fn settings(
    scenario: &Scenario,
    cluster: &[Option<u32>],
    features: &[Features],
    connected: &[Vec<bool>],
) -> Vec<u32> {
    let spec = &scenario.spec;
    let lists = spec.vms.iter().map(|vm| &vm.possible_owners);
    let owners: Vec<BTreeSet<u32>> = lists
        .filter(|names| !names.is_empty())
        .map(|names| hosts_of(scenario, names).into_iter().collect())
        .collect();
    let some: Vec<&Vec<bool>> = connected.iter().filter(|hosts| !hosts.is_empty()).collect();
    let mut numbers = BTreeMap::new();
    let of = |host: u32| {
        let group = scenario.hosts.group_of(host);
        let own = &spec.hosts[group];
        let networks: Vec<bool> = some.iter().map(|hosts| hosts[host as usize]).collect();
        let owned: Vec<bool> = owners.iter().map(|hosts| hosts.contains(&host)).collect();
        let key = (
            (own.edition, own.vendor, features[group].bits(), &own.system_drive),
            (cluster[host as usize], networks, owned),
        );
        let next = numbers.len() as u32;
        *numbers.entry(key).or_insert(next)
    };
    (0..scenario.hosts.len()).map(of).collect()
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
