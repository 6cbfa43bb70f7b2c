//! What agents tell at an interval becomes time series, the use of processors, and the time that guests waited for one.

use std::collections::BTreeMap;

use twinrack_control::fabric::HostState;
use twinrack_scenario::record::{Distribution, Figures, Sample, Series};
use twinrack_scenario::units::{SimDuration, SimTime};
use twinrack_scenario::{HostId, Scenario, VmId};

use super::Body;
use super::tally::Tally;
use crate::guest::disk::Blocks;
use crate::lab::protocol::{Ask, GuestUsage, Usage};

/// Samples of a run that does not say how many it wants.
const SAMPLES: u64 = 288;
/// Agents are not asked more often: telling costs time too.
const LEAST: SimDuration = SimDuration::from_millis(100);

/// What was told.
#[derive(Debug, Default)]
pub struct Watching {
    hosts: BTreeMap<HostId, Watched>,
    guests: BTreeMap<(VmId, HostId), f64>,
    utilisation: Distribution,
    /// Joules of each machine, told by one of its agents: which, when the run began and last.
    energy: BTreeMap<String, (HostId, f64, f64)>,
    /// Blocks that each guest with a disk has read and written.
    blocks: BTreeMap<VmId, Tally<2>>,
    pub series: Series,
}

impl Watching {
    /// A guest begins to run.
    pub fn started(&mut self, vm: VmId) {
        self.blocks.entry(vm).or_default().begin_anew();
    }

    /// A guest was stopped, and has done so much with its disk.
    pub fn stopped(&mut self, vm: VmId, blocks: Blocks) {
        let tally = self.blocks.entry(vm).or_default();
        tally.saw([blocks.read, blocks.written], false);
    }
}

/// Of one host.
#[derive(Debug)]
struct Watched {
    /// The first report of the run.
    first: (SimTime, f64),
    last: (SimTime, Usage),
    /// Since the report before.
    busy: f64,
    bits_per_second: f64,
}

/// How often agents are asked: as the scenario says, or a 288th of its duration.
fn interval(scenario: &Scenario) -> SimDuration {
    let spec = &scenario.spec;
    let default = SimDuration::from_nanos(spec.duration.value.as_nanos() / SAMPLES);
    spec.sampling.unwrap_or(default).max(LEAST)
}

impl Body<'_> {
    /// Has every agent tell from now on what is used.
    pub(super) fn ask_for_reports(&mut self) {
        let every_ns = interval(self.scenario).as_nanos();
        for host in (0..self.scenario.hosts.len()).map(HostId) {
            self.order(host, Ask::Report { every_ns });
        }
    }

    /// A host's agent told what was used.
    pub(super) fn used(&mut self, host: HostId, usage: Usage) {
        if self.closed || self.hosts[host.index()].state == HostState::Dead {
            return;
        }
        for guest in &usage.guests {
            self.watching.guests.insert((guest.vm, host), guest.waited_s);
        }
        if let Some((machine, joules)) = &usage.energy {
            let entry = self.watching.energy.entry(machine.clone());
            let (teller, _, last) = entry.or_insert((host, *joules, *joules));
            if *teller == host {
                *last = *joules;
            }
        }
        let first_report = !self.watching.hosts.contains_key(&host);
        for GuestUsage { vm, blocks, .. } in &usage.guests {
            let tally = self.watching.blocks.entry(*vm).or_default();
            tally.saw([blocks.read, blocks.written], first_report);
        }
        self.streams_came(host, &usage.streams, first_report);
        let now = self.now;
        let Some(watched) = self.watching.hosts.get_mut(&host) else {
            let first = (now, usage.processor_s);
            let watched = Watched {
                first,
                last: (now, usage),
                busy: 0.0,
                bits_per_second: 0.0,
            };
            self.watching.hosts.insert(host, watched);
            return;
        };
        let (before, old) = std::mem::replace(&mut watched.last, (now, usage));
        let seconds = now.since(before).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let usage = &watched.last.1;
        watched.busy = (usage.processor_s - old.processor_s) / seconds;
        watched.bits_per_second = usage.carried().saturating_sub(old.carried()) as f64 * 8.0 / seconds;
        self.sample_host(host);
        if self.first_alive() == Some(host) {
            self.sample_totals();
        }
    }

    fn first_alive(&self) -> Option<HostId> {
        let alive = self.hosts.iter().position(|host| host.state != HostState::Dead);
        alive.map(|index| HostId(index as u32))
    }

    fn sample_host(&mut self, host: HostId) {
        let entry = &self.hosts[host.index()];
        let processors = f64::from(self.processors(host));
        let busy = self.watching.hosts.get(&host).map_or(0.0, |watched| watched.busy);
        let values = [
            ("utilisation", busy / processors),
            ("cores_parked", f64::from(entry.parked)),
            ("vms", entry.vms.len() as f64),
        ];
        let entity = format!("host:{}", self.scenario.hosts.name(host.0));
        for (metric, value) in values {
            self.put(&entity, metric, value);
        }
    }

    fn sample_totals(&mut self) {
        let up: Vec<HostId> = (0..self.scenario.hosts.len())
            .map(HostId)
            .filter(|host| self.hosts[host.index()].state == HostState::Up)
            .collect();
        let processors: f64 = up.iter().map(|host| f64::from(self.processors(*host))).sum();
        let watched = || up.iter().filter_map(|host| self.watching.hosts.get(host));
        let busy: f64 = watched().map(|host| host.busy).sum();
        let carried: f64 = watched().map(|host| host.bits_per_second).sum();
        let utilisation = busy / processors.max(1.0);
        let parked: u32 = up.iter().map(|host| self.hosts[host.index()].parked).sum();
        let values = [
            ("utilisation", utilisation),
            ("hosts_active", self.meters.active.value()),
            ("cores_parked", f64::from(parked)),
            ("vms_running", self.meters.running.value()),
            ("migrations", self.meters.moving.value()),
            ("net_bps", carried),
        ];
        self.watching.utilisation.add(utilisation);
        for (metric, value) in values {
            self.put("total", metric, value);
        }
    }

    fn put(&mut self, entity: &str, metric: &str, value: f64) {
        let series = &mut self.watching.series;
        let (entity, metric) = (series.entity(entity), series.metric(metric));
        series.samples.push(Sample {
            t_s: self.now.as_secs_f64(),
            entity,
            metric,
            value,
        });
    }

    /// The figures that follow.
    pub(super) fn tell_watched(&self, figures: &mut Figures, end: SimTime) {
        figures.distribution("cpu.utilisation", &self.watching.utilisation);
        let (mut used, mut offered) = (0.0, 0.0);
        for (host, watched) in &self.watching.hosts {
            let (since, before) = watched.first;
            used += watched.last.1.processor_s - before;
            offered += watched.last.0.since(since).as_secs_f64() * f64::from(self.processors(*host));
        }
        if offered > 0.0 {
            figures.number("cpu.utilisation.mean", used / offered);
        }
        let mut waits: BTreeMap<VmId, f64> = BTreeMap::new();
        for ((vm, _), waited) in &self.watching.guests {
            *waits.entry(*vm).or_default() += waited;
        }
        let mut ready = Distribution::default();
        for waited in waits.into_values() {
            ready.add(waited);
        }
        figures.distribution("cpu.ready_s", &ready);
        self.tell_disks(figures, end);
        let joules: f64 = self
            .watching
            .energy
            .values()
            .map(|(_, first, last)| last - first)
            .sum();
        if joules > 0.0 {
            figures.number("power.energy_kwh.sum", joules / 3.6e6);
            figures.number("power.watts.mean", joules / end.as_secs_f64());
        }
        let mut carried = Distribution::default();
        for bytes in self.carried(end).into_iter().filter(|bytes| *bytes > 0.0) {
            carried.add(bytes * 8.0);
        }
        figures.distribution("net.throughput_bps", &carried);
    }

    /// What was read from and written to all disks.
    fn tell_disks(&self, figures: &mut Figures, end: SimTime) {
        if self.scenario.spec.vms.iter().all(|vm| vm.disk.is_none()) {
            return;
        }
        let mut sums = [0.0; 2];
        for tally in self.watching.blocks.values() {
            for (sum, count) in sums.iter_mut().zip(tally.since_the_start()) {
                *sum += count as f64;
            }
        }
        let [read, written] = sums.map(|sum| sum / end.as_secs_f64());
        figures.number("disk.reads_per_s", read);
        figures.number("disk.writes_per_s", written);
    }
}
