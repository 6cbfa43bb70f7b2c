//! Figures: the numbers of a run, each with its unit, its direction and where it comes from; the registry names all.

use serde::{Deserialize, Serialize};

/// How a figure came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Computed by a model.
    Modelled,
    /// Read off a clock or a sensor.
    Measured,
    /// Counted.
    Counted,
}

/// Which way a figure should go, all else being equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Down: a time, a cost, a failure.
    Lower,
    /// Up: work done, speed.
    Higher,
    /// Neither way by itself: it tells what was asked for, or trades one good for another.
    Neither,
}

impl Better {
    /// `lower`, `higher`; nothing for neither.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Higher => "higher",
            Self::Neither => "",
        }
    }
}

/// A number of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The number, in `unit`.
    pub value: f64,
    /// Its unit: SI, or `1` for a count or a share.
    pub unit: String,
    /// How it came about.
    pub source: Source,
}

/// What a figure is: an entry of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FigureKind {
    /// `group.figure`, without the statistic.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// The statistics it comes in; empty for a single number.
    pub stats: &'static [&'static str],
    /// How it comes about in the simulated body.
    pub source: Source,
    /// Which way it should go.
    pub better: Better,
    /// What it means.
    pub meaning: &'static str,
}

const EACH: &[&str] = &["mean", "min", "max", "p50", "p95", "p99", "sum"];
/// Of each, where a sum would mean nothing.
const RATE: &[&str] = &["mean", "min", "max", "p50", "p95", "p99"];
const SUM: &[&str] = &["sum"];
const LEVEL: &[&str] = &["mean", "min", "max"];

macro_rules! figures {
    ($($name:literal, $unit:literal, $stats:expr, $source:ident, $better:ident, $meaning:literal;)*) => {
        &[$(FigureKind {
            name: $name,
            unit: $unit,
            stats: $stats,
            source: Source::$source,
            better: Better::$better,
            meaning: $meaning,
        }),*]
    };
}

const REGISTRY: &[FigureKind] = figures! {
    "migration.count", "1", &[], Counted, Neither, "Migrations that were started.";
    "migration.completed", "1", &[], Counted, Neither, "Migrations after which the VM runs on the target.";
    "migration.failed", "1", &[], Counted, Lower, "Migrations that had begun and failed by a fault. Those refused are counted apart.";
    "migration.refused", "1", &[], Counted, Lower, "Migrations refused before anything was changed.";
    "migration.cancelled", "1", &[], Counted, Neither, "Migrations cancelled on request.";
    "migration.unfinished", "1", &[], Counted, Neither, "Migrations asked for that had not ended when the run was over.";
    "migration.not_converged", "1", &[], Counted, Lower, "Migrations whose pre-copy ended without convergence, or never ended.";
    "migration.rolled_back", "1", &[], Counted, Lower, "Migrations taken back to the source during the pause.";
    "migration.vms_lost", "1", &[], Counted, Lower, "VMs whose memory was lost by a failure during their migration.";
    "migration.tcp_reset", "1", &[], Counted, Lower, "Migrations whose client-visible outage passed the 20 s after which TCP connections are reset.";
    "migration.guest_cluster_failover", "1", &[], Counted, Lower, "Migrations whose downtime passed the 5 s heartbeat limit of a cluster of guests.";
    "migration.total_s", "s", EACH, Modelled, Lower, "Time from the start of a migration to its end, set-up and clean-up included.";
    "migration.wait_s", "s", EACH, Modelled, Lower, "Time a migration waited for a busy host.";
    "migration.brownout_s", "s", EACH, Modelled, Lower, "Time of memory transfer while the VM runs.";
    "migration.downtime_s", "s", EACH, Modelled, Lower, "Time the VM's processors stand still.";
    "migration.blackout.stop_s", "s", EACH, Measured, Lower, "Part of the downtime: stopping the processors. Of real hosts alone, as the other parts.";
    "migration.blackout.log_s", "s", EACH, Measured, Lower, "Part of the downtime: reading the log of written pages for the last time.";
    "migration.blackout.save_s", "s", EACH, Measured, Lower, "Part of the downtime: reading the processors' state.";
    "migration.blackout.copy_s", "s", EACH, Measured, Lower, "Part of the downtime: sending what was left, until the target had loaded it.";
    "migration.blackout.commit_s", "s", EACH, Measured, Lower, "Part of the downtime: from the commit until the target had taken the VM.";
    "migration.blackout.resume_s", "s", EACH, Measured, Lower, "Part of the downtime: from then until the VM was heard to run.";
    "migration.outage_s", "s", EACH, Modelled, Lower, "Time a client sees nothing of the VM: the downtime and the network's convergence; on real hosts the longest time without an answer to a client that asks every millisecond.";
    "migration.rounds", "1", EACH, Counted, Lower, "Rounds of pre-copy, the full copy included.";
    "migration.bytes", "B", EACH, Counted, Lower, "Bytes sent; one value a migration that completed or never ended by itself.";
    "migration.pages", "1", EACH, Counted, Neither, "Pages sent; one value a round of pre-copy.";
    "migration.throughput_bps", "b/s", RATE, Modelled, Higher, "Bytes sent over brown-out and downtime; one value a completed migration.";
    "migration.quick.downtime_s", "s", EACH, Modelled, Lower, "Time that a quick migration froze the VM.";
    "migration.faults", "1", EACH, Counted, Lower, "Pages that a VM moved by post-copy touched before they had come; one value a migration.";
    "migration.stalled_s", "s", EACH, Modelled, Lower, "Processor time that a VM moved by post-copy waited for such pages.";
    "migration.dirty_fault_s", "s", EACH, Modelled, Lower, "Processor time that the dirty log of a migration cost its VM, a fault for the first write to a page in each round; one value a migration that had such faults.";
    "migration.concurrent", "1", &["max"], Counted, Neither, "Migrations under way at once.";
    "paging.overhead", "1", LEVEL, Modelled, Lower, "Time in the hypervisor for a VM's paging, as a share of the processor time it got, over the run; one value a VM.";
    "paging.guest_walk", "1", LEVEL, Modelled, Lower, "Time in page walks, as a share of the processor time a VM got, over the run; one value a VM.";
    "paging.exits_per_s", "1/s", LEVEL, Modelled, Lower, "Exits to the hypervisor for a VM's paging, per second it ran; one value a VM.";
    "paging.shadow_bytes", "B", SUM, Modelled, Lower, "Memory of the shadow page tables, of the VMs on hosts at the end.";
    "paging.walk_refs", "1", LEVEL, Modelled, Lower, "Memory references of one page walk after a TLB miss; one value a VM, where it is at the end.";
    "hosts.active", "1", LEVEL, Counted, Neither, "Hosts that are switched on.";
    "hosts.shutdowns", "1", &[], Counted, Neither, "Hosts switched off.";
    "hosts.crashes", "1", &[], Counted, Neither, "Hosts that lost power.";
    "hosts.overloaded", "1", LEVEL, Modelled, Lower, "Share of the hosts that are on whose work asks for more than they have.";
    "cpu.utilisation", "1", LEVEL, Modelled, Neither, "Use of the processors of hosts that are on.";
    "cpu.ready_s", "s", EACH, Modelled, Lower, "Time a VM's virtual processors were ready and waited for others to finish, or for a parked core to wake, per VM.";
    "cpu.wake_s", "s", EACH, Modelled, Lower, "Time a VM's work waited for cores on their way out of idle states, per VM.";
    "cpu.hypervisor", "1", LEVEL, Modelled, Lower, "Use of the processors by the hypervisor for its guests' paging.";
    "cpu.migration", "1", LEVEL, Modelled, Lower, "Use of the processors by migrations.";
    "cores.parked", "1", LEVEL, Counted, Neither, "Logical processors parked.";
    "cores.unpark_latency_s", "s", EACH, Modelled, Lower, "Time from a rise of load until the cores for it were awake.";
    "cores.park_delay_s", "s", EACH, Modelled, Lower, "Time from a fall of load until the cores it left idle were parked.";
    "cores.residency.c0", "1", &[], Modelled, Neither, "Share of logical-processor time running.";
    "cores.residency.waking", "1", &[], Modelled, Neither, "Share of logical-processor time on the way out of an idle state.";
    "cores.residency.c1", "1", &[], Modelled, Neither, "Share of logical-processor time in C1, threads that idle beside a running one of their core included.";
    "cores.residency.c1e", "1", &[], Modelled, Neither, "Share of logical-processor time in C1E.";
    "cores.residency.c2", "1", &[], Modelled, Neither, "Share of logical-processor time in C2.";
    "cores.residency.c3", "1", &[], Modelled, Neither, "Share of logical-processor time in C3.";
    "cores.residency.c6", "1", &[], Modelled, Neither, "Share of logical-processor time in C6; parked processors are in their deepest state.";
    "cores.residency.c7", "1", &[], Modelled, Neither, "Share of logical-processor time in C7.";
    "cores.residency.other", "1", &[], Modelled, Neither, "Share of logical-processor time in idle states of other names.";
    "cores.residency.halt", "1", &[], Modelled, Neither, "Share of logical-processor time halted, where no idle state is known.";
    "cores.residency.parked", "1", &[], Modelled, Neither, "Share of logical-processor time parked, where no idle state is known.";
    "cores.clock_hz", "Hz", &["mean"], Modelled, Neither, "Clock of the processors of hosts that are on.";
    "cores.ticks_avoided_per_s", "1/s", LEVEL, Modelled, Higher, "Timer interrupts that parked processors did not take.";
    "power.watts", "W", LEVEL, Modelled, Lower, "Power of all hosts together.";
    "power.energy_kwh", "kW·h", SUM, Modelled, Lower, "Energy of all hosts.";
    "net.throughput_bps", "b/s", LEVEL, Modelled, Neither, "Traffic carried, mean over the run; one value a network that carried some.";
    "net.packets_per_s", "1/s", LEVEL, Modelled, Neither, "Packets carried each second, mean over the run; one value a network that carried some.";
    "net.efficiency", "1", LEVEL, Modelled, Higher, "Payload over all that is on the wire; one value a network that carried some.";
    "net.cpu_cycles_per_byte", "1", LEVEL, Modelled, Lower, "Processor cycles to receive one byte, of parent and guest together, mean over the run; one value a network that carried some.";
    "net.receive_lps", "1", LEVEL, Modelled, Lower, "Logical processors busy with receiving.";
    "disk.reads_per_s", "1/s", &[], Modelled, Neither, "Blocks of 4 KiB that VMs read from their disks each second, all together, mean over the run.";
    "disk.writes_per_s", "1/s", &[], Modelled, Neither, "Blocks of 4 KiB that VMs wrote to their disks each second, all together, mean over the run.";
    "lab.clock_drift_s", "s", &["max"], Measured, Lower, "How far an agent's clock went from the controller's over the run. Of real hosts alone.";
    "lab.clock_error_s", "s", &["max"], Measured, Lower, "The most that this can be off: half of the quickest round trips at the start and at the end. Of real hosts alone.";
    "vms.running", "1", LEVEL, Counted, Higher, "VMs that run.";
    "vms.refused", "1", &[], Counted, Lower, "VMs that could not be placed or started.";
    "vms.lost", "1", &[], Counted, Lower, "VMs whose memory was lost.";
    "vms.per_host", "1", LEVEL, Counted, Neither, "VMs that run for each host that is on.";
    "ha.failovers", "1", &[], Counted, Neither, "VMs restarted on another host.";
    "ha.outage_s", "s", EACH, Modelled, Lower, "Time from a host's failure until its VM serves again.";
    "maintenance.drain_s", "s", EACH, Modelled, Lower, "Time to empty a host.";
    "sla.violation", "1", &[], Modelled, Lower, "SLATAH times PDM (Beloglazov and Buyya 2012).";
    "sla.slatah", "1", &[], Modelled, Lower, "Share of active host time at full use.";
    "sla.pdm", "1", &[], Modelled, Lower, "Work lost to migrations over work asked for.";
    "sla.overall", "1", &[], Modelled, Lower, "Processor time that was not to be had over the processor time asked for.";
    "sla.average", "1", &[], Modelled, Lower, "Mean shortage over the records with one, as the peer computes it.";
};

/// Every figure there is.
pub const fn registry() -> &'static [FigureKind] {
    REGISTRY
}

/// The kind of a full figure name such as `migration.downtime_s.max`.
pub fn kind_of(name: &str) -> Option<&'static FigureKind> {
    REGISTRY.iter().find(|kind| {
        name.strip_prefix(kind.name).is_some_and(|rest| {
            if kind.stats.is_empty() {
                rest.is_empty()
            } else {
                rest.strip_prefix('.')
                    .is_some_and(|stat| kind.stats.contains(&stat))
            }
        })
    })
}

/// The kind of a name without its statistic, such as `migration.downtime_s`.
pub fn named(name: &str) -> Option<&'static FigureKind> {
    REGISTRY.iter().find(|kind| kind.name == name)
}

/// Every full name, for suggestions.
pub fn names() -> impl Iterator<Item = String> + Clone {
    REGISTRY.iter().flat_map(|kind| {
        let single = kind.stats.is_empty().then(|| kind.name.to_owned());
        single
            .into_iter()
            .chain(kind.stats.iter().map(move |stat| format!("{}.{stat}", kind.name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_again_and_explained() {
        for name in names() {
            assert!(
                kind_of(&name).is_some_and(|kind| kind.meaning.ends_with('.')),
                "{name}"
            );
        }
        assert_eq!(kind_of("migration.downtime_s"), None, "needs a statistic");
        assert_eq!(kind_of("migration.count.max"), None);
    }
}
