//! The body as the brain sees it: the simulated arm of the [`Fabric`].

use twinrack_control::fabric::{Fabric, HostView, Route, VmState, VmView, Wake};
use twinrack_control::migration::Command;
use twinrack_control::migration::networks::of_moves;
use twinrack_control::migration::plan::{Plan, Subject};
use twinrack_control::migration::precondition::Facts;
use twinrack_scenario::record::{Event, Outcome};
use twinrack_scenario::units::{BitsPerSecond, SimDuration, SimTime, Watts};
use twinrack_scenario::{HostId, MigrationId, VmId};

use super::body::{Body, Happening};
use crate::model::power::HostLoad;

impl Fabric for Body<'_> {
    fn host_count(&self) -> u32 {
        self.state.hosts.len() as u32
    }

    fn vm_count(&self) -> u32 {
        self.state.vms.len() as u32
    }

    fn host(&self, host: HostId) -> HostView {
        let entry = &self.state.hosts[host.index()];
        let kind = &self.kinds.hosts[entry.group as usize];
        HostView {
            state: entry.state,
            processors: kind.processors,
            threads: kind.threads,
            parks: twinrack_control::limits::core_parking(kind.edition),
            busy: entry.busy,
            memory: kind.memory,
            memory_free: self.memory_free(host),
            unreserved: self.unreserved(host),
            vms: entry.vms.len() as u32,
        }
    }

    // Most callers want a field or two: inlined, the others are never worked out.
    #[inline]
    fn vm(&self, vm: VmId) -> VmView {
        let entry = &self.state.vms[vm.index()];
        let kind = &self.kinds.vms[entry.group as usize];
        let host = entry.host.filter(|_| kind.states_clock());
        let clock = host.map_or(1.0, |host| {
            kind.faster(self.kinds.hosts[self.state.hosts[host.index()].group as usize].clock)
        });
        VmView {
            state: entry.state,
            host: entry.host,
            memory: kind.memory,
            footprint: kind.footprint,
            vcpus: kind.vcpus,
            reserve: kind.reserve,
            demand: (entry.demand * clock).min(1.0) * f64::from(kind.vcpus),
            movable: kind.highly_available,
            highly_available: kind.highly_available && !self.scenario.spec.clusters.is_empty(),
            unplaced: kind.placed_by_brain && entry.state == VmState::Off && entry.host.is_none(),
        }
    }

    fn vms_on(&self, host: HostId) -> &[VmId] {
        &self.state.hosts[host.index()].vms
    }

    fn kind(&self, host: HostId) -> u32 {
        self.state.hosts[host.index()].group
    }

    fn watts_at(&self, host: HostId, busy: f64) -> Watts {
        let entry = &self.state.hosts[host.index()];
        let kind = &self.kinds.hosts[entry.group as usize];
        Watts(kind.watts_up(HostLoad {
            busy,
            awake: kind.processors,
        }))
    }

    fn move_rate(&self) -> BitsPerSecond {
        let policy = &self.scenario.spec.policies.migration;
        let network = of_moves(self.scenario).and_then(|network| self.links.networks.get(network.index()));
        let network = network.or(self.links.networks.first());
        let link = network.map(|network| {
            network
                .goodput
                .map_or(network.link_rate(), |own| own.min(network.link_rate()))
        });
        [link, policy.bandwidth]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(BitsPerSecond(1_000_000_000))
    }

    fn subject(&self, vm: VmId) -> Subject {
        let group = self.state.vms[vm.index()].group as usize;
        let kind = &self.kinds.vms[group];
        Subject {
            memory: kind.memory,
            vcpus: kind.vcpus,
            footprint: kind.footprint,
            untouched: self.untouched(vm),
            volume: kind.volume,
            throughput: kind.throughput,
        }
    }

    fn facts(&self, vm: VmId, from: HostId, to: HostId) -> Facts {
        self.facts_of(vm, from, to)
    }

    fn setting(&self, host: HostId) -> u32 {
        let mut networks = self.links.networks.iter();
        if networks.all(|network| network.fluid.is_linked(host.0)) {
            self.surroundings.setting(host)
        } else {
            // A host with a cut link is like no other.
            self.host_count() + host.0
        }
    }

    fn standing(&self, vm: VmId) -> u64 {
        self.surroundings.standing(self.scenario, vm)
    }

    fn wake_at(&mut self, at: SimTime, wake: Wake) {
        self.schedule(at, Happening::Wake(wake));
    }

    fn migration_begins(&mut self, migration: MigrationId, route: Route, plan: &Plan) {
        self.begin_move(migration, route, plan);
    }

    fn migration_ended(&mut self, migration: MigrationId, outcome: Outcome) {
        self.end_move(migration, outcome);
    }

    fn migrate(&mut self, migration: MigrationId, command: &Command) {
        self.order(migration, command);
    }

    fn park(&mut self, host: HostId, awake: u32) {
        let now = self.engine.now();
        self.touch(host);
        let entry = &mut self.state.hosts[host.index()];
        let before = std::mem::replace(&mut entry.awake, awake);
        let parked = self.kinds.hosts[entry.group as usize].processors - awake;
        let since = now.since(entry.load_changed);
        self.meters.parked(now, before, awake, since);
        self.write(Event::CoresParked { host, awake, parked });
    }

    fn power_on(&mut self, host: HostId) {
        self.switch_on(host);
    }

    fn power_off(&mut self, host: HostId) {
        self.switch_off(host);
    }

    fn start(&mut self, vm: VmId, host: HostId) {
        self.start_vm(vm, host);
    }

    fn save(&mut self, vm: VmId) {
        self.save_vm(vm);
    }

    fn restart(&mut self, vm: VmId, host: HostId, after: SimDuration) {
        self.bring_up(vm, host, after);
    }

    fn note(&mut self, event: Event) {
        self.write(event);
    }
}
