//! Hosts and VMs of the experiment: sizes, demand, and how a host's MIPS are shared.

use std::collections::VecDeque;

use twinrack_scenario::Trace;
use twinrack_scenario::spec::experiment::Oddity;

use super::mended::Mended;
use super::past::Past;

/// Hosts of the experiment.
pub const HOSTS: usize = 800;
/// Past values that a VM keeps.
pub const HISTORY: usize = 30;

const MIPS: [f64; 2] = [1860.0, 2660.0];
const CURVES: [[f64; 11]; 2] = [
    [
        86.0, 89.4, 92.6, 96.0, 99.5, 102.0, 106.0, 108.0, 112.0, 114.0, 117.0,
    ],
    [
        93.7, 97.0, 101.0, 105.0, 110.0, 116.0, 121.0, 125.0, 129.0, 133.0, 135.0,
    ],
];
const HOST_RAM: f64 = 4096.0;
const HOST_BANDWIDTH: f64 = 1_000_000.0;
const VM_MIPS: [f64; 4] = [2500.0, 2000.0, 1000.0, 500.0];
const VM_RAM: [f64; 4] = [870.0, 1740.0, 1740.0, 613.0];
const VM_BANDWIDTH: f64 = 100_000.0;
/// A migration copies memory (MB) at half the link: `bandwidth / (2 * 8000)`.
const COPY_RATE: f64 = HOST_BANDWIDTH / (2.0 * 8000.0);
const SAMPLE: f64 = 300.0;

/// A host.
#[derive(Debug, Clone)]
pub struct Host {
    /// MIPS of one of its two processors.
    pub pe: f64,
    /// MIPS in all.
    pub total: f64,
    /// The VMs on it, arriving ones included, in their order.
    pub vms: Vec<usize>,
    /// Those of them that are arriving.
    pub arriving: Vec<usize>,
    /// What each VM of the list is allocated.
    pub allocated: Vec<f64>,
    /// MIPS allocated in all.
    pub allocated_sum: f64,
    /// MIPS not allocated.
    pub free: f64,
    /// Utilisation of the last refresh in MIPS, and of the one before.
    pub used: f64,
    pub used_before: f64,
    /// Sum of requests at the last refresh.
    pub requested: f64,
    /// Watts at the utilisation of the last refresh.
    pub draws: f64,
    /// Past load of its VMs.
    pub past: Past,
    curve: [f64; 11],
    /// Most VMs that were ever on it, for a moment's trial too: the program's map keeps the size it grew to.
    most: usize,
}

impl Host {
    /// Utilisation as the program reports it: just above 1 is 1.
    pub fn utilisation_of(&self, used: f64) -> f64 {
        let share = used / self.total;
        if share > 1.0 && share < 1.01 { 1.0 } else { share }
    }

    /// Utilisation of the last refresh.
    pub fn utilisation(&self) -> f64 {
        self.utilisation_of(self.used)
    }

    /// Watts by the program's own interpolation.
    pub fn watts(&self, utilisation: f64) -> f64 {
        if utilisation % 0.1 == 0.0 {
            return self.curve[((utilisation * 10.0) as usize).min(10)];
        }
        let (low, high) = (libm::floor(utilisation * 10.0), libm::ceil(utilisation * 10.0));
        let at = |tenth: f64| self.curve[(tenth as usize).min(10)];
        at(low) + (at(high) - at(low)) / 10.0 * (utilisation - low / 10.0) * 100.0
    }
}

/// A VM.
#[derive(Debug, Clone)]
pub struct Vm {
    /// Its MIPS.
    pub mips: f64,
    /// Its memory in MB.
    pub ram: f64,
    /// Where it is.
    pub host: usize,
    /// Whether it is being migrated.
    pub migrating: bool,
    /// Whether it was dropped.
    pub gone: bool,
    /// Utilisation now, and MIPS asked for.
    pub utilisation: f64,
    pub request: f64,
    /// Past utilisation, newest first.
    pub history: VecDeque<f64>,
}

impl Vm {
    /// What it used `age` ticks ago of a host of `total` MIPS; 0 before its time.
    pub fn past_share(&self, age: usize, total: f64) -> f64 {
        self.history
            .get(age)
            .map_or(0.0, |value| value * self.mips / total)
    }
}

/// All of it.
#[derive(Debug, Clone)]
pub struct Cloud<'a> {
    /// The hosts, in order.
    pub hosts: Vec<Host>,
    /// The VMs, in order.
    pub vms: Vec<Vm>,
    /// What is computed otherwise than the program does.
    pub mended: Mended,
    trace: &'a Trace,
}

impl<'a> Cloud<'a> {
    /// The experiment before anything is placed: requests are the full MIPS.
    pub fn new(trace: &'a Trace, hosts: usize, mended: Mended) -> Self {
        let host = |index: usize| Host {
            pe: MIPS[index % 2],
            total: 2.0 * MIPS[index % 2],
            vms: Vec::new(),
            arriving: Vec::new(),
            allocated: Vec::new(),
            allocated_sum: 0.0,
            free: 2.0 * MIPS[index % 2],
            used: 0.0,
            used_before: 0.0,
            requested: 0.0,
            draws: CURVES[index % 2][0],
            past: Past::default(),
            curve: CURVES[index % 2],
            most: 0,
        };
        let quarter = trace.len().div_ceil(4).max(1);
        let vm = |index: usize| Vm {
            mips: VM_MIPS[index / quarter],
            ram: VM_RAM[index / quarter],
            host: usize::MAX,
            migrating: false,
            gone: true,
            utilisation: 0.0,
            request: VM_MIPS[index / quarter],
            history: VecDeque::with_capacity(HISTORY + 1),
        };
        Self {
            hosts: (0..hosts).map(host).collect(),
            vms: (0..trace.len()).map(vm).collect(),
            mended,
            trace,
        }
    }

    /// Whether memory and bandwidth of a host, which count at the start only, have room for a VM.
    pub fn starts_on(&self, vm: usize, host: usize) -> bool {
        let vms = self.hosts[host].vms.len() + 1;
        self.has_memory(vm, host) && vms as f64 * VM_BANDWIDTH <= HOST_BANDWIDTH
    }

    /// Whether the memory of a host has room for a VM.
    pub fn has_memory(&self, vm: usize, host: usize) -> bool {
        let vms = &self.hosts[host].vms;
        let ram: f64 = vms.iter().map(|id| self.vms[*id].ram).sum();
        ram + self.vms[vm].ram <= HOST_RAM
    }

    /// What a VM gets of its request while it leaves, and while it arrives.
    fn while_moving(&self) -> (f64, f64) {
        let mended = |oddity, share, otherwise| if self.mended.has(oddity) { otherwise } else { share };
        (
            mended(Oddity::LeavingTenth, 0.9, 1.0),
            mended(Oddity::ArrivingTenth, 0.1, 0.0),
        )
    }

    /// Demand at a time: linear between samples; the last sample is doubled.
    pub fn set_demand(&mut self, now: f64) {
        let low = libm::floor(now / SAMPLE);
        let high = libm::ceil(now / SAMPLE);
        for (index, vm) in self.vms.iter_mut().enumerate().filter(|(_, vm)| !vm.gone) {
            let row = self.trace.row(index);
            let at = |sample: f64| {
                let last = row.len().saturating_sub(1);
                row.get((sample as usize).min(last))
                    .map_or(0.0, |percent| f64::from(*percent) / 100.0)
            };
            vm.utilisation = if now % SAMPLE == 0.0 {
                at(low)
            } else {
                at(low) + (at(high) - at(low)) / ((high - low) * SAMPLE) * (now - low * SAMPLE)
            };
            vm.request = vm.utilisation * vm.mips;
        }
    }

    /// Each VM notes its utilisation: once a tick.
    pub fn remember(&mut self) {
        for vm in self.vms.iter_mut().filter(|vm| !vm.gone) {
            vm.history.push_front(vm.utilisation);
            vm.history.truncate(HISTORY);
        }
        for host in &mut self.hosts {
            host.past.forget();
        }
    }

    /// Shares a host's MIPS among its VMs.
    pub fn allocate(&mut self, host: usize) {
        self.share(host);
        let host = &mut self.hosts[host];
        host.allocated_sum = host.allocated.iter().sum();
    }

    fn share(&mut self, host: usize) {
        let (leaves, arrives) = self.while_moving();
        let whole = !self.mended.has(Oddity::WholeMips);
        let Self { hosts, vms, .. } = self;
        let host = &mut hosts[host];
        host.free = host.total;
        host.most = host.most.max(host.vms.len());
        host.allocated.clear();
        let mut fits = true;
        for id in &host.vms {
            let vm = &vms[*id];
            let capped = vm.request.min(host.pe);
            let arriving = host.arriving.contains(id);
            let weight = if arriving { arrives * capped } else { capped };
            fits &= weight <= host.free;
            if fits {
                host.free -= weight;
            }
            host.allocated.push(if vm.migrating && !arriving {
                capped * leaves
            } else {
                weight
            });
        }
        if fits {
            return;
        }
        let weight = |id: &usize| {
            let capped = vms[*id].request.min(host.pe);
            if host.arriving.contains(id) {
                arrives * capped
            } else {
                capped
            }
        };
        let scale = host.total / in_map_order(&host.vms, host.most).iter().map(weight).sum::<f64>();
        for (allocated, id) in host.allocated.iter_mut().zip(&host.vms) {
            let vm = &vms[*id];
            let capped = vm.request.min(host.pe);
            let share = if host.arriving.contains(id) {
                capped * arrives * scale
            } else if vm.migrating {
                capped * scale * leaves
            } else {
                capped * scale
            };
            *allocated = if whole { libm::floor(share) } else { share };
        }
        host.free = 0.0;
    }

    /// Shares anew and takes the utilisation.
    pub fn refresh(&mut self, host: usize) {
        self.allocate(host);
        let (leaves, arrives) = self.while_moving();
        let Self { hosts, vms, .. } = self;
        let host = &mut hosts[host];
        host.used_before = host.used;
        (host.used, host.requested) = (0.0, 0.0);
        for (id, allocated) in host.vms.iter().zip(&host.allocated) {
            let arriving = host.arriving.contains(id);
            let leaving = vms[*id].migrating && !arriving;
            host.used += if leaving { allocated / leaves } else { *allocated };
            if !arriving || arrives > 0.0 {
                host.requested += vms[*id].request;
            }
        }
        host.draws = host.watts(host.utilisation());
    }

    /// Puts a VM on a host.
    pub fn put(&mut self, vm: usize, host: usize) {
        self.hosts[host].vms.push(vm);
        (self.vms[vm].host, self.vms[vm].gone) = (host, false);
        self.allocate(host);
    }

    /// A VM was on a host for a moment's trial.
    pub fn tried(&mut self, host: usize) {
        let host = &mut self.hosts[host];
        host.most = host.most.max(host.vms.len() + 1);
    }

    /// Takes a VM off a host.
    pub fn take(&mut self, vm: usize, host: usize) {
        let list = &mut self.hosts[host].vms;
        if let Some(at) = list.iter().position(|id| *id == vm) {
            list.remove(at);
        }
        self.allocate(host);
    }

    /// A VM begins to migrate: it stays where it is and arrives where it goes.
    pub fn begin_migration(&mut self, vm: usize, to: usize) {
        self.vms[vm].migrating = true;
        let host = &mut self.hosts[to];
        if !host.arriving.contains(&vm) {
            host.arriving.push(vm);
            host.vms.push(vm);
        }
    }

    /// A migration has ended.
    pub fn end_migration(&mut self, vm: usize, to: usize) {
        let from = self.vms[vm].host;
        self.take(vm, from);
        self.hosts[to].arriving.retain(|id| *id != vm);
        if let Some(at) = self.hosts[to].vms.iter().position(|id| *id == vm) {
            self.hosts[to].vms.remove(at);
        }
        self.put(vm, to);
        self.vms[vm].migrating = false;
    }

    /// Seconds that a migration takes.
    pub fn migration_seconds(&self, vm: usize) -> f64 {
        self.vms[vm].ram / COPY_RATE
    }

    /// Drops VMs that ask for nothing: they never come back.
    pub fn drop_completed(&mut self) {
        if self.mended.has(Oddity::VanishingVms) {
            return;
        }
        for host in 0..self.hosts.len() {
            let done: Vec<usize> = self.hosts[host]
                .vms
                .iter()
                .copied()
                .filter(|id| !self.vms[*id].migrating && self.vms[*id].request == 0.0)
                .collect();
            for vm in done {
                self.take(vm, host);
                self.vms[vm].gone = true;
            }
        }
    }
}

/// VMs in the order in which a Java 8 `HashMap` with keys `"2-<vm>"` walks them: the program sums in that order, and a
/// last digit of the sum can move a rounding-down by one MIPS. The table is as large as `most` entries need.
fn in_map_order(vms: &[usize], most: usize) -> Vec<usize> {
    let table = (most * 4).div_ceil(3).next_power_of_two().max(16) as u32;
    let bucket = |vm: usize| {
        let hash = format!("2-{vm}").bytes().fold(0u32, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(u32::from(byte))
        });
        (hash ^ (hash >> 16)) & (table - 1)
    };
    let mut ordered = vms.to_vec();
    ordered.sort_by_key(|vm| bucket(*vm));
    ordered
}
