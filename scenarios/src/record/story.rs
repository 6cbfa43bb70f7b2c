//! The story of a run: the figures that its events tell, of migrations, failures and maintenance; the same for both bodies.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::event::{Event, EventRecord, MigrationKind, Outcome};
use super::{Distribution, Figures};
use crate::fleet::{HostId, MigrationId, VmId};

/// What the journal tells of migrations, failures and maintenance.
#[derive(Debug, Default)]
pub struct Story {
    requested: BTreeMap<MigrationId, (u64, VmId, MigrationKind)>,
    ended: usize,
    /// Since when VMs stand that a cluster may bring up again.
    down: BTreeMap<VmId, u64>,
    emptying: BTreeMap<HostId, u64>,
    counts: BTreeMap<&'static str, u64>,
    values: BTreeMap<&'static str, Distribution>,
}

impl Story {
    /// What a run's events tell.
    pub fn of(events: &[EventRecord]) -> Self {
        let mut story = Self::default();
        for record in events {
            story.see(record);
        }
        // A log from elsewhere may tell of an end more often than of a request.
        let unfinished = story.requested.len().saturating_sub(story.ended);
        story.counts.insert("migration.unfinished", unfinished as u64);
        story
    }

    /// Sets the figures that follow.
    pub fn tell(&self, figures: &mut Figures) {
        for name in ALWAYS {
            figures.number(name, self.counts.get(name).copied().unwrap_or(0) as f64);
        }
        for (name, values) in &self.values {
            figures.distribution(name, values);
        }
    }

    fn count(&mut self, name: &'static str) {
        *self.counts.entry(name).or_default() += 1;
    }

    fn add(&mut self, name: &'static str, value: f64) {
        self.values.entry(name).or_default().add(value);
    }

    fn see(&mut self, record: &EventRecord) {
        let seconds = |since: u64| (record.t_ns - since) as f64 / 1e9;
        match &record.event {
            Event::MigrationRequested {
                migration, vm, how, ..
            } => {
                self.requested.insert(*migration, (record.t_ns, *vm, *how));
            }
            Event::MigrationStarted { migration } => {
                self.count("migration.count");
                if let Some((since, ..)) = self.requested.get(migration) {
                    let waited = seconds(*since);
                    self.add("migration.wait_s", waited);
                }
            }
            Event::MigrationRound { pages, .. } => self.add("migration.pages", *pages as f64),
            Event::MigrationBlackout {
                stop_nanos,
                log_nanos,
                save_nanos,
                copy_nanos,
                commit_nanos,
                resume_nanos,
                ..
            } => {
                for (name, nanos) in [
                    ("migration.blackout.stop_s", stop_nanos),
                    ("migration.blackout.log_s", log_nanos),
                    ("migration.blackout.save_s", save_nanos),
                    ("migration.blackout.copy_s", copy_nanos),
                    ("migration.blackout.commit_s", commit_nanos),
                    ("migration.blackout.resume_s", resume_nanos),
                ] {
                    self.add(name, *nanos as f64 / 1e9);
                }
            }
            Event::MigrationFaulted {
                pages, stalled_nanos, ..
            } => {
                self.add("migration.faults", *pages as f64);
                self.add("migration.stalled_s", *stalled_nanos as f64 / 1e9);
            }
            Event::MigrationEnded {
                migration, outcome, ..
            } => {
                let asked = self.requested.get(migration).copied();
                self.ended += usize::from(asked.is_some());
                if let (Some((_, vm, _)), Outcome::LeftSaved) = (asked, outcome) {
                    self.down.insert(vm, record.t_ns);
                }
                let kind = asked.map_or(MigrationKind::Live, |(.., kind)| kind);
                self.ended(kind, &record.event);
            }
            Event::VmRefused { .. } => self.count("vms.refused"),
            Event::VmLost { vm, .. } => {
                // Lost again while it was being booted, it has been standing since the first time.
                if let Entry::Vacant(down) = self.down.entry(*vm) {
                    down.insert(record.t_ns);
                    self.count("vms.lost");
                }
            }
            Event::VmStarted { vm, .. } => {
                if let Some(since) = self.down.remove(vm) {
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
        // One that never ended by itself sent and slowed its guest all the same.
        if kind != MigrationKind::Quick && *outcome == Outcome::NeverConverges {
            self.sent(*brownout_nanos, *bytes, *rounds);
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
        self.sent(*brownout_nanos, *bytes, *rounds);
        let sending = seconds(*brownout_nanos) + downtime;
        if sending > 0.0 {
            self.add("migration.throughput_bps", *bytes as f64 * 8.0 / sending);
        }
    }

    /// What a migration sent while its VM ran.
    fn sent(&mut self, brownout_nanos: u64, bytes: u64, rounds: u32) {
        self.add("migration.brownout_s", brownout_nanos as f64 / 1e9);
        self.add("migration.rounds", f64::from(rounds));
        self.add("migration.bytes", bytes as f64);
    }
}

/// Counts that are told even when they are none.
const ALWAYS: [&str; 16] = [
    "migration.count",
    "migration.completed",
    "migration.failed",
    "migration.refused",
    "migration.cancelled",
    "migration.unfinished",
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
