//! The outcome: figures read off meters and journal, and the record made of it all.

use std::collections::BTreeSet;

use twinrack_scenario::record::{Distribution, Figures, Level, RunRecord, Story, Summary};
use twinrack_scenario::spec::expect::Backend;
use twinrack_scenario::units::SimTime;
use twinrack_scenario::{HostId, MigrationId};

use super::RunError;
use super::body::Body;
use super::meters::TICKS_PER_SECOND;
use crate::check::Told;

/// Closes the run, in which `under_way` are the migrations that somebody still works on.
pub fn record(
    mut body: Body<'_>,
    under_way: BTreeSet<MigrationId>,
    seed: u64,
    end: SimTime,
) -> Result<RunRecord, RunError> {
    for host in (0..body.state.hosts.len() as u32).map(HostId) {
        body.account(host, end);
    }
    body.sample_end(end);
    let mut figures = Figures::default();
    levels(&body, end, &mut figures);
    guests(&body, &mut figures);
    network(&body, end, &mut figures);
    disks(&body, end, &mut figures);
    let told = Told {
        joules: body.meters.power.integral(end),
        hosts_up: body.meters.active.integral(end),
        vms_running: body.meters.running.integral(end),
        under_way,
    };
    let Body {
        scenario,
        journal,
        series,
        processors,
        ..
    } = body;
    processors.found()?;
    Story::of(journal.kept()).tell(&mut figures);
    let kpis = figures.into_inner();
    let (events, digest) = journal.finish(end, &kpis, &told)?;
    Ok(RunRecord {
        summary: Summary::of(scenario, Backend::Sim, seed, digest, end, kpis),
        events,
        series,
        hosts: scenario.hosts.clone(),
        vms: scenario.vms.clone(),
        scenario_yaml: scenario.yaml.clone(),
    })
}

fn levels(body: &Body<'_>, end: SimTime, figures: &mut Figures) {
    let meters = &body.meters;
    let share = |part: &Level| over(part.integral(end), meters.capacity.integral(end));
    figures.level("power.watts", &meters.power, end);
    figures.number("power.energy_kwh.sum", meters.power.integral(end) / 3.6e6);
    figures.level("hosts.active", &meters.active, end);
    figures.level("vms.running", &meters.running, end);
    for (ratio, level) in meters.ratios() {
        // Its mean weighs each moment with what there was of the whole.
        let (part, whole) = (ratio.of)(meters);
        figures.level(ratio.name, level, end);
        let mean = over(part.integral(end), whole.integral(end));
        figures.number(&format!("{}.mean", ratio.name), mean);
    }
    let active = meters.active.integral(end);
    if active > 0.0 {
        figures.number("sla.slatah", meters.short.integral(end) / active);
    }
    figures.distribution("migration.dirty_fault_s", &meters.logging);
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

/// A part of a whole; nothing of nothing.
fn over(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
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
    for (vm, supply) in body.state.vms.iter().zip(&body.state.supplies) {
        let Some(host) = vm.host else { continue };
        let mode = body.kinds.hosts[body.state.hosts[host.index()].group as usize].paging;
        let paging = body.kinds.vms[vm.group as usize].paging(mode);
        let account = &supply.account;
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

/// What VMs read and wrote: at their rates for as long as they got the processors that they asked for.
fn disks(body: &Body<'_>, end: SimTime, figures: &mut Figures) {
    let (mut reads, mut writes, mut any) = (0.0, 0.0, false);
    for (vm, supply) in body.state.vms.iter().zip(&body.state.supplies) {
        if let Some(disk) = &body.scenario.spec.vms[vm.group as usize].disk {
            reads += disk.reads.0 * supply.account.served;
            writes += disk.writes.0 * supply.account.served;
            any = true;
        }
    }
    let seconds = end.as_secs_f64();
    if any && seconds > 0.0 {
        figures.number("disk.reads_per_s", reads / seconds);
        figures.number("disk.writes_per_s", writes / seconds);
    }
}

fn network(body: &Body<'_>, end: SimTime, figures: &mut Figures) {
    use crate::model::network::goodput::packets_per_second;
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
            cycles.add(network.cycles.mean(end) / (mean / 8.0));
        }
    }
    figures.distribution("net.throughput_bps", &carried);
    figures.distribution("net.packets_per_s", &packets);
    figures.distribution("net.efficiency", &efficiency);
    figures.distribution("net.cpu_cycles_per_byte", &cycles);
    let receiving = &body.meters.receiving;
    if receiving.extremes(end).1 > 0.0 {
        figures.level("net.receive_lps", receiving, end);
    }
}
