//! What the program measures: energy between refreshes, and the state records of hosts and VMs.

use twinrack_scenario::spec::experiment::Oddity;

use super::Figures;
use super::hosts::{Cloud, Host};
use super::policy::Rules;

/// A record that holds until the next one.
#[derive(Debug, Clone, Copy)]
struct Record {
    time: f64,
    allocated: f64,
    requested: f64,
    /// Active for a host, migrating for a VM.
    flag: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct HostBook {
    open: Option<Record>,
    active: f64,
    violated: f64,
    inactive_before: bool,
    shutdowns: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct VmBook {
    open: Option<Record>,
    allocated: f64,
    requested: f64,
    lost_to_migration: f64,
    shortage: f64,
    shortages: u64,
}

/// All records, added up as they close.
#[derive(Debug)]
pub struct Ledger {
    joules: f64,
    /// Whether hosts without VMs are on too.
    all_on: bool,
    hosts: Vec<HostBook>,
    vms: Vec<VmBook>,
}

impl HostBook {
    fn close(&mut self, until: f64) {
        let Some(record) = self.open.take() else { return };
        let seconds = until - record.time;
        if record.flag {
            self.active += seconds;
            if record.allocated < record.requested {
                self.violated += seconds;
            }
        }
        self.count(record.flag);
    }

    fn count(&mut self, active: bool) {
        self.shutdowns += u64::from(!active && !self.inactive_before);
        self.inactive_before = !active;
    }
}

impl VmBook {
    fn close(&mut self, until: f64) {
        let Some(record) = self.open.take() else { return };
        let seconds = until - record.time;
        self.allocated += record.allocated * seconds;
        self.requested += record.requested * seconds;
        if record.allocated < record.requested {
            self.shortage += (record.requested - record.allocated) / record.requested;
            self.shortages += 1;
            if record.flag {
                self.lost_to_migration += (record.requested - record.allocated) * seconds;
            }
        }
    }
}

impl Ledger {
    /// Empty books.
    pub fn new(cloud: &Cloud<'_>, rules: &Rules) -> Self {
        let host = HostBook {
            inactive_before: cloud.mended.has(Oddity::PhantomShutdowns),
            ..HostBook::default()
        };
        Self {
            joules: 0.0,
            all_on: !rules.consolidates(),
            hosts: vec![host; cloud.hosts.len()],
            vms: vec![VmBook::default(); cloud.vms.len()],
        }
    }

    /// A host was refreshed: it and its VMs have new records; one of the same time is replaced.
    pub fn record(&mut self, cloud: &Cloud<'_>, index: usize, now: f64) {
        let host = &cloud.hosts[index];
        for (id, allocated) in host.vms.iter().zip(&host.allocated) {
            if !host.arriving.contains(id) {
                let vm = &cloud.vms[*id];
                let book = &mut self.vms[*id];
                if book.open.is_some_and(|open| open.time != now) {
                    book.close(now);
                }
                book.open = Some(Record {
                    time: now,
                    allocated: *allocated,
                    requested: vm.request,
                    flag: vm.migrating,
                });
            }
        }
        let book = &mut self.hosts[index];
        if book.open.is_some_and(|open| open.time != now) {
            book.close(now);
        }
        book.open = Some(Record {
            time: now,
            allocated: host.used,
            requested: host.requested,
            flag: host.used > 0.0,
        });
    }

    /// Charges the energy of `seconds` before this refresh.
    pub fn charge(&mut self, cloud: &Cloud<'_>, seconds: f64) {
        let idle_draws = cloud.mended.has(Oddity::FreeIdle);
        let is_on = |host: &Host| idle_draws && (self.all_on || !host.vms.is_empty());
        for host in &cloud.hosts {
            let before = host.utilisation_of(host.used_before);
            if before != 0.0 || is_on(host) {
                let (from, to) = (host.watts(before), host.watts(host.utilisation()));
                self.joules += (from + (to - from) / 2.0) * seconds;
            }
        }
    }

    /// The figures at the end; the last records hold for no time.
    pub fn figures(mut self, cloud: &Cloud<'_>, rules: &Rules, migrations: u64, last: f64) -> Figures {
        for book in &mut self.hosts {
            if let Some(open) = book.open.take() {
                book.count(open.flag);
            }
        }
        let joules = if rules.always_full() {
            cloud.hosts.iter().map(|host| host.watts(1.0)).sum::<f64>() * last
        } else {
            self.joules
        };
        let sum = |pick: &dyn Fn(&VmBook) -> f64| self.vms.iter().map(pick).sum::<f64>();
        let (allocated, requested) = (sum(&|vm| vm.allocated), sum(&|vm| vm.requested));
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let active: f64 = self.hosts.iter().map(|host| host.active).sum();
        let slatah = share(self.hosts.iter().map(|host| host.violated).sum(), active);
        let pdm = share(sum(&|vm| vm.lost_to_migration), requested);
        Figures {
            energy_kwh: joules / 3.6e6,
            migrations,
            violation: slatah * pdm,
            slatah,
            pdm,
            overall: share(requested - allocated, requested),
            average: share(sum(&|vm| vm.shortage), sum(&|vm| vm.shortages as f64)),
            shutdowns: self.hosts.iter().map(|host| host.shutdowns).sum(),
        }
    }
}
