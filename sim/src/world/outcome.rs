//! The outcome: figures read off meters and journal, expectations held against them, and the record made of it all.

use std::collections::BTreeMap;

use twinrack_control::fabric::HostState;
use twinrack_scenario::record::event::{Event, EventRecord, MigrationKind, Outcome};
use twinrack_scenario::record::summary::{SCHEMA, ScenarioName, holds};
use twinrack_scenario::record::{Expectation, Figure, RunRecord, Summary};
use twinrack_scenario::units::SimTime;
use twinrack_scenario::{HostId, MigrationId, Scenario, VmId};

use super::RunError;
use super::body::Body;
use super::meters::TICKS_PER_SECOND;
use crate::engine::Journal;
use crate::measure::{Distribution, Figures, Level};

/// Closes the run.
pub fn record(mut body: Body<'_>, seed: u64, end: SimTime) -> Result<RunRecord, RunError> {
    for host in (0..body.state.hosts.len() as u32).map(HostId) {
        body.account(host, end);
    }
    body.sample_end(end);
    let mut figures = Figures::default();
    levels(&body, end, &mut figures);
    guests(&body, &mut figures);
    network(&body, end, &mut figures);
    body.energy
        .borrow()
        .compare(end, body.meters.power.integral(end))?;
    let Body {
        scenario,
        mut journal,
        series,
        ..
    } = body;
    story(&journal, &mut figures);
    let kpis = figures.into_inner();
    journal.digest_bytes(serde_json::to_string(&kpis).unwrap_or_default().as_bytes());
    let (events, digest) = journal.finish(end)?;
    Ok(RunRecord {
        summary: summary(scenario, seed, digest, end, kpis),
        events,
        series,
        hosts: scenario.hosts.clone(),
        vms: scenario.vms.clone(),
        scenario_yaml: scenario.yaml.clone(),
    })
}

/// The summary of a run: expectations are held against the figures here and nowhere else.
pub fn summary(
    scenario: &Scenario,
    seed: u64,
    digest: String,
    end: SimTime,
    kpis: BTreeMap<String, Figure>,
) -> Summary {
    let expectations = scenario.spec.expect.iter().map(|spec| {
        let value = kpis.get(&spec.kpi.value).map(|figure| figure.value);
        Expectation {
            kpi: spec.kpi.value.clone(),
            op: spec.op.word().to_owned(),
            limit: spec.limit,
            tolerance: spec.tolerance.0,
            value,
            ok: value.is_some_and(|value| holds(spec.op, value, spec.limit, spec.tolerance.0)),
            why: spec.why.clone(),
        }
    });
    Summary {
        schema: SCHEMA.to_owned(),
        scenario: ScenarioName::of(scenario),
        backend: "sim".to_owned(),
        seed,
        digest,
        span_s: end.as_secs_f64(),
        expectations: expectations.collect(),
        kpis,
        versions: BTreeMap::from([("twinrack".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
        wall_s: 0.0,
    }
}

fn levels(body: &Body<'_>, end: SimTime, figures: &mut Figures) {
    let meters = &body.meters;
    let share = |part: &Level| {
        let whole = meters.capacity.integral(end);
        if whole > 0.0 {
            part.integral(end) / whole
        } else {
            0.0
        }
    };
    figures.level("power.watts", &meters.power, end);
    figures.number("power.energy_kwh.sum", meters.power.integral(end) / 3.6e6);
    figures.level("hosts.active", &meters.active, end);
    figures.level("vms.running", &meters.running, end);
    figures.level("cpu.utilisation", &meters.utilisation, end);
    figures.number("cpu.utilisation.mean", share(&meters.busy));
    figures.number("cpu.hypervisor.mean", share(&meters.paging));
    figures.number("cpu.migration.mean", share(&meters.migrating));
    let active = meters.active.integral(end);
    if active > 0.0 {
        figures.number("sla.slatah", meters.short.integral(end) / active);
        figures.number("vms.per_host.mean", meters.running.integral(end) / active);
    }
    figures.number("migration.concurrent.max", meters.moving.extremes(end).1);
    if body.watches_load {
        figures.level("cores.parked", &meters.parked, end);
        let (least, most) = meters.parked.extremes(end);
        figures.number(
            "cores.ticks_avoided_per_s.mean",
            meters.parked.mean(end) * TICKS_PER_SECOND,
        );
        figures.number("cores.ticks_avoided_per_s.min", least * TICKS_PER_SECOND);
        figures.number("cores.ticks_avoided_per_s.max", most * TICKS_PER_SECOND);
        figures.distribution("cores.unpark_latency_s", &meters.unpark);
        figures.distribution("cores.park_delay_s", &meters.park);
    }
    if body.watches_load || meters.cores.is_known() {
        for (name, level) in meters.cores.residency() {
            figures.number(&format!("cores.residency.{name}"), share(level));
        }
    }
    if let Some(clock) = meters.cores.clock() {
        figures.number("cores.clock_hz.mean", share(clock) * 1e9);
    }
}

fn guests(body: &Body<'_>, figures: &mut Figures) {
    let (mut ready, mut overhead, mut walk) = (
        Distribution::default(),
        Distribution::default(),
        Distribution::default(),
    );
    let mut waking = Distribution::default();
    let (mut exits, mut references) = (Distribution::default(), Distribution::default());
    let (mut shadow, mut asked, mut missed) = (0.0, 0.0, 0.0);
    for vm in &body.state.vms {
        let Some(host) = vm.host else { continue };
        let mode = body.kinds.hosts[body.state.hosts[host.index()].group as usize].paging;
        let paging = body.kinds.vms[vm.group as usize].paging(mode);
        let account = &vm.account;
        ready.add(account.ready + account.woken);
        waking.add(account.waking);
        if account.got > 0.0 {
            overhead.add(account.hypervisor / account.got);
            walk.add(account.walks / account.got);
        }
        if account.ran > 0.0 {
            exits.add(account.exits / account.ran);
        }
        references.add(paging.walk_refs);
        shadow += paging.shadow.as_f64();
        asked += account.asked;
        missed += account.ready;
    }
    figures.distribution("cpu.ready_s", &ready);
    if body.meters.cores.is_known() {
        figures.distribution("cpu.wake_s", &waking);
    }
    figures.distribution("paging.overhead", &overhead);
    figures.distribution("paging.guest_walk", &walk);
    figures.distribution("paging.exits_per_s", &exits);
    figures.distribution("paging.walk_refs", &references);
    if !ready.is_empty() {
        figures.number("paging.shadow_bytes.sum", shadow);
    }
    if asked > 0.0 {
        figures.number("sla.overall", missed / asked);
    }
}

fn network(body: &Body<'_>, end: SimTime, figures: &mut Figures) {
    use crate::model::network::goodput::{Offloads, packets_per_second, receive_seconds};
    let (mut packets, mut efficiency, mut cycles) = (
        Distribution::default(),
        Distribution::default(),
        Distribution::default(),
    );
    let mut carried = Distribution::default();
    for network in &body.links.networks {
        let mean = network.carried.mean(end);
        if mean > 0.0 {
            carried.add(mean);
            packets.add(packets_per_second(mean, network.mtu));
            efficiency.add(network.efficiency());
            let payload = network.mtu.as_f64() - 40.0;
            let (parent, guest) = receive_seconds(payload, Offloads::default());
            let clock = body.kinds.hosts.first().map_or(0.0, |kind| kind.clock);
            cycles.add((parent + guest) * clock / payload);
        }
    }
    figures.distribution("net.throughput_bps", &carried);
    figures.distribution("net.packets_per_s", &packets);
    figures.distribution("net.efficiency", &efficiency);
    figures.distribution("net.cpu_cycles_per_byte", &cycles);
    let receiving: f64 = body
        .state
        .hosts
        .iter()
        .filter(|host| host.state == HostState::Up)
        .map(|host| host.receive_work)
        .sum();
    if receiving > 0.0 {
        figures.number("net.receive_lps.max", receiving);
    }
}

/// What the journal tells of migrations, failures and maintenance.
#[derive(Debug, Default)]
struct Story {
    requested: BTreeMap<MigrationId, (u64, MigrationKind)>,
    lost: BTreeMap<VmId, u64>,
    emptying: BTreeMap<HostId, u64>,
    counts: BTreeMap<&'static str, u64>,
    values: BTreeMap<&'static str, Distribution>,
}

impl Story {
    fn count(&mut self, name: &'static str) {
        *self.counts.entry(name).or_default() += 1;
    }

    fn add(&mut self, name: &'static str, value: f64) {
        self.values.entry(name).or_default().add(value);
    }

    fn see(&mut self, record: &EventRecord) {
        let seconds = |since: u64| (record.t_ns - since) as f64 / 1e9;
        match &record.event {
            Event::MigrationRequested { migration, how, .. } => {
                self.requested.insert(*migration, (record.t_ns, *how));
            }
            Event::MigrationStarted { migration } => {
                self.count("migration.count");
                if let Some((since, _)) = self.requested.get(migration) {
                    let waited = seconds(*since);
                    self.add("migration.wait_s", waited);
                }
            }
            Event::MigrationRound { pages, .. } => self.add("migration.pages", *pages as f64),
            Event::MigrationEnded { migration, .. } => {
                let kind = self
                    .requested
                    .get(migration)
                    .map_or(MigrationKind::Live, |(_, kind)| *kind);
                self.ended(kind, &record.event);
            }
            Event::VmRefused { .. } => self.count("vms.refused"),
            Event::VmLost { vm, .. } => {
                self.count("vms.lost");
                self.lost.insert(*vm, record.t_ns);
            }
            Event::VmStarted { vm, .. } => {
                if let Some(since) = self.lost.remove(vm) {
                    self.count("ha.failovers");
                    self.add("ha.outage_s", seconds(since));
                }
            }
            Event::HostDown { .. } => self.count("hosts.shutdowns"),
            Event::HostCrashed { .. } => self.count("hosts.crashes"),
            Event::MaintenanceStarted { host } => {
                self.emptying.insert(*host, record.t_ns);
            }
            Event::MaintenanceReached { host } => {
                if let Some(since) = self.emptying.remove(host) {
                    self.add("maintenance.drain_s", seconds(since));
                }
            }
            _ => {}
        }
    }

    fn ended(&mut self, kind: MigrationKind, event: &Event) {
        let Event::MigrationEnded {
            outcome,
            bytes,
            total_nanos,
            brownout_nanos,
            downtime_nanos,
            outage_nanos,
            rounds,
            ..
        } = event
        else {
            return;
        };
        let seconds = |nanos: u64| nanos as f64 / 1e9;
        match outcome {
            Outcome::Completed => self.count("migration.completed"),
            Outcome::CompletedNotConverged => {
                self.count("migration.completed");
                self.count("migration.not_converged");
            }
            Outcome::NeverConverges => self.count("migration.not_converged"),
            Outcome::Refused => return self.count("migration.refused"),
            Outcome::Cancelled => return self.count("migration.cancelled"),
            Outcome::FailedAtSource | Outcome::LeftSaved => self.count("migration.failed"),
            Outcome::RolledBack => {
                self.count("migration.failed");
                self.count("migration.rolled_back");
            }
            Outcome::VmLost => {
                self.count("migration.failed");
                self.count("migration.vms_lost");
            }
        }
        if !matches!(outcome, Outcome::Completed | Outcome::CompletedNotConverged) {
            return;
        }
        let (downtime, outage) = (seconds(*downtime_nanos), seconds(*outage_nanos));
        // Guests of a cluster give each other up after 5 s, TCP its connections after 20 s.
        if downtime > 5.0 {
            self.count("migration.guest_cluster_failover");
        }
        if outage > 20.0 {
            self.count("migration.tcp_reset");
        }
        self.add("migration.total_s", seconds(*total_nanos));
        self.add("migration.outage_s", outage);
        self.add("migration.downtime_s", downtime);
        if kind == MigrationKind::Quick {
            self.add("migration.quick.downtime_s", downtime);
            return;
        }
        self.add("migration.brownout_s", seconds(*brownout_nanos));
        self.add("migration.rounds", f64::from(*rounds));
        self.add("migration.bytes", *bytes as f64);
        let sending = seconds(*brownout_nanos) + downtime;
        if sending > 0.0 {
            self.add("migration.throughput_bps", *bytes as f64 * 8.0 / sending);
        }
    }
}

/// Counts that are told even when they are none.
const ALWAYS: [&str; 15] = [
    "migration.count",
    "migration.completed",
    "migration.failed",
    "migration.refused",
    "migration.cancelled",
    "migration.not_converged",
    "migration.rolled_back",
    "migration.vms_lost",
    "migration.tcp_reset",
    "migration.guest_cluster_failover",
    "vms.refused",
    "vms.lost",
    "hosts.shutdowns",
    "hosts.crashes",
    "ha.failovers",
];

fn story(journal: &Journal, figures: &mut Figures) {
    let mut story = Story::default();
    for record in journal.kept() {
        story.see(record);
    }
    for name in ALWAYS {
        figures.number(name, story.counts.get(name).copied().unwrap_or(0) as f64);
    }
    for (name, values) in &story.values {
        figures.distribution(name, values);
    }
}
