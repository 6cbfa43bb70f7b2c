//! The body as the brain sees it: the KVM arm of the [`Fabric`].

use twinrack_control::fabric::{Fabric, HostState, HostView, Notice, Route, VmState, VmView, Wake};
use twinrack_control::limits::{Newcomer, Running, core_parking};
use twinrack_control::migration::Command;
use twinrack_control::migration::networks::of_moves;
use twinrack_control::migration::plan::{Plan, Subject, footprint};
use twinrack_control::migration::precondition::{Facts, Now};
use twinrack_scenario::record::{Event, Outcome};
use twinrack_scenario::spec::Edition;
use twinrack_scenario::spec::guest::VmSpec;
use twinrack_scenario::units::{BitsPerSecond, Bytes, SimDuration, SimTime, Watts};
use twinrack_scenario::{HostId, MigrationId, NetworkId, VmId};

use super::Body;
use super::state::spec;
use super::timers::Due;

impl Body<'_> {
    pub(super) fn edition(&self, host: HostId) -> Edition {
        self.scenario.edition(self.scenario.host(host))
    }

    pub(super) fn processors(&self, host: HostId) -> u32 {
        self.scenario.host(host).processors()
    }

    fn memory(&self, host: HostId) -> Bytes {
        self.scenario.memory_for_vms(self.scenario.host(host))
    }

    pub(super) fn free(&self, host: HostId) -> Bytes {
        self.memory(host)
            .saturating_sub(self.hosts[host.index()].memory_used)
    }

    /// Logical processors of a host that no VM on it has reserved.
    fn unreserved(&self, host: HostId) -> f64 {
        let vms = self.hosts[host.index()].vms.iter();
        let reserved: f64 = vms.map(|vm| reserve(spec(self.scenario, *vm))).sum();
        f64::from(self.processors(host)) - reserved
    }

    /// What a VM adds to a host.
    pub(super) fn newcomer(&self, vm: VmId) -> Newcomer {
        let own = spec(self.scenario, vm);
        Newcomer {
            vcpus: own.processors(),
            memory: own.memory.value,
            reserve: reserve(own),
        }
    }

    pub(super) fn running_on(&self, host: HostId) -> Running {
        let vms = || {
            self.hosts[host.index()]
                .vms
                .iter()
                .map(|vm| spec(self.scenario, *vm))
        };
        Running {
            processors: self.scenario.licensed_processors(self.scenario.host(host)),
            unreserved: self.unreserved(host),
            vms: vms().count() as u32,
            vcpus: vms().map(VmSpec::processors).sum(),
            memory: vms().map(|own| own.memory.value).sum(),
            in_cluster: self.surroundings.in_cluster(self.edition(host), host, |node| {
                self.hosts[node.index()].vms.len()
            }),
        }
    }

    /// What a network carries of payload.
    pub(super) fn link_rate(&self, network: Option<NetworkId>) -> BitsPerSecond {
        let networks = &self.scenario.spec.networks;
        let network = network.and_then(|network| networks.get(network.index()));
        let speed = network.map_or(BitsPerSecond(1_000_000_000), |network| network.speed);
        network.and_then(|network| network.goodput).unwrap_or(speed)
    }
}

/// Logical processors that a host keeps for a VM.
fn reserve(vm: &VmSpec) -> f64 {
    vm.reserve.0 * f64::from(vm.processors())
}

impl Fabric for Body<'_> {
    fn host_count(&self) -> u32 {
        self.scenario.hosts.len()
    }

    fn vm_count(&self) -> u32 {
        self.scenario.vms.len()
    }

    fn host(&self, host: HostId) -> HostView {
        let entry = &self.hosts[host.index()];
        let demand = entry.vms.iter().map(|vm| self.vm(*vm).demand);
        let processors = self.processors(host);
        HostView {
            state: entry.state,
            processors,
            threads: self.scenario.host(host).threads.max(1),
            parks: core_parking(self.edition(host)),
            busy: demand.sum::<f64>().min(f64::from(processors)),
            memory: self.memory(host),
            memory_free: self.free(host),
            unreserved: self.unreserved(host),
            vms: entry.vms.len() as u32,
        }
    }

    fn vm(&self, vm: VmId) -> VmView {
        let (entry, spec) = (self.vms[vm.index()], spec(self.scenario, vm));
        VmView {
            state: entry.state,
            host: entry.host,
            memory: spec.memory.value,
            footprint: footprint(self.scenario, spec),
            vcpus: spec.processors(),
            reserve: reserve(spec),
            demand: entry.demand.0 * f64::from(spec.processors()),
            movable: spec.highly_available,
            highly_available: spec.highly_available && !self.scenario.spec.clusters.is_empty(),
            unplaced: entry.state == VmState::Off
                && entry.host.is_none()
                && spec.host.is_none()
                && spec.running,
        }
    }

    fn vms_on(&self, host: HostId) -> &[VmId] {
        &self.hosts[host.index()].vms
    }

    fn kind(&self, host: HostId) -> u32 {
        self.scenario.hosts.group_of(host.0) as u32
    }

    fn watts_at(&self, host: HostId, busy: f64) -> Watts {
        // The published curve, for placement: its points are at tenths of the load.
        let curve = &self.scenario.host(host).power.curve;
        let at = (busy / f64::from(self.processors(host))).clamp(0.0, 1.0) * 10.0;
        let point = |index: usize| curve.get(index).map_or(0.0, |watts| watts.0);
        let (low, high) = (point(at as usize), point((at as usize + 1).min(10)));
        Watts(low + (high - low) * (at - at.floor()))
    }

    fn move_rate(&self) -> BitsPerSecond {
        let link = self.link_rate(of_moves(self.scenario));
        let limit = self.scenario.spec.policies.migration.bandwidth;
        limit.map_or(link, |limit| limit.min(link))
    }

    fn subject(&self, vm: VmId) -> Subject {
        Subject::of(self.scenario, spec(self.scenario, vm))
    }

    fn facts(&self, vm: VmId, from: HostId, to: HostId) -> Facts {
        let (entry, own) = (self.vms[vm.index()], spec(self.scenario, vm));
        let up = |host: HostId| self.hosts[host.index()].state == HostState::Up;
        let now = Now {
            source_up: up(from),
            target_up: up(to),
            running: entry.state == VmState::Running && entry.host == Some(from),
            volume: self.subject(vm).volume,
            reserve: footprint(self.scenario, own),
            target_free: self.free(to),
            target_holds: self.running_on(to),
            asks: self.newcomer(vm),
            linked: &|network, host| self.is_linked(network, host),
        };
        self.surroundings.facts(self.scenario, vm, from, to, &now)
    }

    fn wake_at(&mut self, at: SimTime, wake: Wake) {
        self.timers.at(at, Due::Wake(wake));
    }

    fn migration_begins(&mut self, migration: MigrationId, route: Route, plan: &Plan) {
        self.begin_move(migration, route, plan.kind);
    }

    fn migration_ended(&mut self, migration: MigrationId, outcome: Outcome) {
        self.end_move(migration, outcome);
    }

    fn migrate(&mut self, migration: MigrationId, command: &Command) {
        self.step(migration, command);
    }

    fn park(&mut self, host: HostId, awake: u32) {
        self.leave_awake(host, awake);
    }

    /// A host that is off has an agent and no guests, so it is ready at once.
    fn power_on(&mut self, host: HostId) {
        if self.hosts[host.index()].state == HostState::Off {
            self.hosts[host.index()].state = HostState::Up;
            self.meters.active(self.now, 1.0);
            self.write(Event::HostBooting { host });
            self.write(Event::HostUp { host });
            self.notices.push_back(Notice::HostReady(host));
        }
    }

    fn power_off(&mut self, host: HostId) {
        let entry = &mut self.hosts[host.index()];
        if entry.state == HostState::Up && entry.vms.is_empty() {
            entry.state = HostState::Off;
            self.meters.active(self.now, -1.0);
            self.write(Event::HostDown { host });
        }
    }

    fn start(&mut self, vm: VmId, host: HostId) {
        self.start_vm(vm, host);
    }

    fn save(&mut self, vm: VmId) {
        self.save_vm(vm);
    }

    /// A guest takes what it takes to start; the time that a product's guest boots for is not imitated.
    fn restart(&mut self, vm: VmId, host: HostId, _after: SimDuration) {
        self.start_vm(vm, host);
    }

    fn note(&mut self, event: Event) {
        self.write(event);
    }
}
