//! The summary: the few figures that say what kind of run it was.

use super::element::{section as titled, terms};
use crate::run::Run;
use crate::text::figure;

/// The figures that tell most of a run, in this order, and what to call them. One that is zero says nothing and is left out.
pub const HEADLINE: [(&str, &str); 22] = [
    ("migration.completed", "migrations completed"),
    ("migration.failed", "migrations failed"),
    ("migration.refused", "migrations refused"),
    ("migration.not_converged", "did not converge"),
    ("migration.total_s.max", "longest migration"),
    ("migration.downtime_s.max", "longest downtime"),
    ("migration.bytes.sum", "sent by migrations"),
    ("vms.running.max", "VMs running, at most"),
    ("vms.refused", "VMs refused"),
    ("vms.lost", "VMs lost"),
    ("hosts.active.mean", "hosts on, mean"),
    ("hosts.crashes", "hosts crashed"),
    ("ha.failovers", "VMs restarted"),
    ("ha.outage_s.max", "longest outage by failure"),
    ("maintenance.drain_s.max", "longest drain of a host"),
    ("cores.parked.mean", "processors parked, mean"),
    ("power.watts.mean", "power, mean"),
    ("power.energy_kwh.sum", "energy"),
    ("net.throughput_bps.max", "traffic, busiest network"),
    ("cpu.ready_s.max", "longest wait for processors"),
    ("sla.violation", "SLA violation"),
    ("sla.overall", "work not done, share"),
];

/// The section.
pub fn section(run: &Run) -> String {
    let tiles: Vec<(String, String)> = HEADLINE
        .iter()
        .filter_map(|(name, label)| Some((label, run.summary.kpis.get(*name)?)))
        .filter(|(_, value)| value.value != 0.0)
        .map(|(label, value)| ((*label).to_owned(), figure(value)))
        .collect();
    if tiles.is_empty() {
        return String::new();
    }
    titled("Summary", &terms("tiles", &tiles))
}
