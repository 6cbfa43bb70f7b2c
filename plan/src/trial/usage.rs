//! What a run with all hosts used: processors, memory, energy, and where the VMs were.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twinrack_scenario::record::{Event, RunRecord};
use twinrack_scenario::spec::plan::PlanSpec;
use twinrack_scenario::units::SimDuration;
use twinrack_scenario::{Fleet, HostId, MigrationId, Scenario, VmId};

use crate::replicate::quantile;
use crate::shortage::Shortage;
use crate::tariff::by_window;

/// What a run with all hosts used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// VMs that ran.
    pub vms: u32,
    /// Highest use of the processors of all hosts together, as a share.
    pub cpu_peak: f64,
    /// The use of processors that 95 % of the samples over the span are at or below.
    pub cpu_p95: f64,
    /// Likewise 99 %.
    pub cpu_p99: f64,
    /// Memory given to VMs, as a share of what the hosts have for them.
    pub memory: f64,
    /// The same, while what may be missing is missing: the worst of the shortages.
    pub memory_short: f64,
    /// Energy over the span, kWh.
    pub energy_kwh: f64,
    /// The same, in each window of the tariff; none where nothing has a price.
    pub energy_windows: Vec<f64>,
    /// Span, s.
    pub span_s: f64,
    /// Time to empty a host, s; where it was asked for.
    pub drain_s: Option<f64>,
    /// Where each VM was started: (VM, host).
    pub placement: Vec<(String, String)>,
}

impl Usage {
    pub(super) fn of(
        plan: &PlanSpec,
        scenario: &Scenario,
        shortages: &[Shortage],
        record: &RunRecord,
    ) -> Self {
        let figure = |name: &str| record.summary.kpis.get(name).map_or(0.0, |figure| figure.value);
        let given = sum(&scenario.vms, |group, count| {
            count * scenario.spec.vms[group].memory.value.as_f64()
        });
        let room = |group: usize| {
            let host = &scenario.spec.hosts[group];
            host.memory.value.saturating_sub(host.reserve).as_f64()
        };
        let had = sum(&scenario.hosts, |group, count| count * room(group));
        let lost = |shortage: &Shortage| {
            let groups = shortage.lost.iter().enumerate();
            groups
                .map(|(group, lost)| f64::from(*lost) * room(group))
                .sum::<f64>()
        };
        let most_lost = shortages.iter().map(lost).fold(0.0, f64::max);
        let mut uses: Vec<f64> = record
            .series
            .points("total", "utilisation")
            .into_iter()
            .map(|(_, share)| share)
            .collect();
        uses.sort_by(f64::total_cmp);
        let placement = record.events.iter().filter_map(|entry| match entry.event {
            Event::VmStarted { vm, host } => Some((record.vms.name(vm.0), record.hosts.name(host.0))),
            _ => None,
        });
        Self {
            vms: figure("vms.running.max") as u32,
            cpu_peak: figure("cpu.utilisation.max"),
            cpu_p95: quantile(&uses, 0.95).unwrap_or(0.0),
            cpu_p99: quantile(&uses, 0.99).unwrap_or(0.0),
            memory: given / had.max(1.0),
            memory_short: given / (had - most_lost).max(1.0),
            energy_kwh: figure("power.energy_kwh.sum"),
            energy_windows: plan
                .prices
                .as_ref()
                .map_or(Vec::new(), |prices| by_window(&prices.kwh, record)),
            span_s: record.summary.span_s,
            drain_s: None,
            placement: placement.collect(),
        }
    }
}

/// A sum over the groups of a fleet: of each its number and how many are in it.
fn sum(fleet: &Fleet, of: impl Fn(usize, f64) -> f64) -> f64 {
    (0..fleet.group_count())
        .map(|group| of(group, fleet.members(group).len() as f64))
        .sum()
}

/// Where each VM is at a time: by its number; nothing for one that does not run.
pub fn homes(record: &RunRecord, at: SimDuration) -> Vec<Option<HostId>> {
    let mut homes: Vec<Option<HostId>> = vec![None; record.vms.len() as usize];
    let mut moving: BTreeMap<MigrationId, VmId> = BTreeMap::new();
    let until = record
        .events
        .iter()
        .take_while(|entry| entry.t_ns <= at.as_nanos());
    for entry in until {
        match &entry.event {
            Event::VmStarted { vm, host } => homes[vm.index()] = Some(*host),
            Event::VmStopped { vm, .. } | Event::VmLost { vm, .. } => homes[vm.index()] = None,
            Event::MigrationRequested { migration, vm, .. } => {
                moving.insert(*migration, *vm);
            }
            Event::MigrationResumed { migration, host } => {
                if let Some(vm) = moving.get(migration) {
                    homes[vm.index()] = Some(*host);
                }
            }
            _ => {}
        }
    }
    homes
}
