//! Processors and power of hosts: shares, overheads, ready time, watts; computed once an instant for touched hosts.

use twinrack_control::fabric::{HostState, Notice, VmState};
use twinrack_scenario::HostId;
use twinrack_scenario::record::Event;
use twinrack_scenario::units::SimTime;

use super::body::Body;
use super::meters::Overheads;
use crate::model::cpu::{Claim, Divider};
use crate::model::power::{Draw, HostLoad};

/// What the shares of one host are computed in; lives as long as one settling.
#[derive(Debug, Default)]
struct Work {
    claims: Vec<Claim>,
    shares: Vec<f64>,
    running: Vec<usize>,
    overheads: Vec<f64>,
    draw: Draw,
}

/// Scheduler weight of a thread that sends or receives a migration: that of a virtual processor with nothing said.
const THREAD_WEIGHT: u32 = 100;

impl Work {
    /// What each of the threads of migrations could have of a processor beside the VMs that claim theirs.
    fn thread(&mut self, threads: u32, capacity: f64, divider: &mut Divider) -> f64 {
        if threads == 0 {
            return 1.0;
        }
        let vms = self.claims.len();
        let thread = Claim::new(1.0, 1, THREAD_WEIGHT, 0.0, 1.0);
        self.claims.extend((0..threads).map(|_| thread));
        divider.divide(capacity, &self.claims, &mut self.shares);
        self.claims.truncate(vms);
        self.shares.get(vms).copied().unwrap_or(1.0)
    }
}

impl Body<'_> {
    /// Computes the shares of every touched host anew.
    pub(super) fn settle_hosts(&mut self) {
        let now = self.engine.now();
        let mut work = Work::default();
        for host in self.state.take_touched() {
            self.settle_host(now, host, &mut work);
        }
    }

    fn settle_host(&mut self, now: SimTime, host: HostId, work: &mut Work) {
        self.account(host, now);
        let up = self.is_up(host);
        let (consumed, demanded) = if up { self.share(host, work) } else { (0.0, 0.0) };
        let entry = &self.state.hosts[host.index()];
        let kind = &self.kinds.hosts[entry.group as usize];
        let capacity = kind.capacity;
        let extra = if up {
            entry.migration_work + entry.receive_work
        } else {
            0.0
        };
        self.processors.look(now, host, consumed, extra);
        let busy = (consumed + extra).min(capacity);
        let watts = match entry.state {
            HostState::Up => {
                let awake = entry.awake;
                kind.draw_up(HostLoad { busy, awake }, &mut work.draw);
                work.draw.watts
            }
            HostState::Booting => kind.watts_booting(),
            HostState::Off => kind.watts_off(),
            HostState::Dead => 0.0,
        };
        let draw = up.then_some(&work.draw);
        self.meters
            .cores
            .host(now, host.index(), entry.group as usize, kind, draw);
        let (before, awake) = (entry.watts, entry.awake);
        let load = demanded + extra;
        if self.watches_load {
            self.spill_over(host, busy, consumed, awake, work);
        }
        self.meters.host(
            now,
            &self.state.hosts[host.index()],
            busy,
            watts,
            load > capacity + 1e-9,
        );
        let entry = &self.state.hosts[host.index()];
        let overheads = Overheads {
            paging: entry.paging_work,
            migrating: entry.migration_work,
            receiving: entry.receive_work,
        };
        let overheads = if up { overheads } else { Overheads::default() };
        self.meters.overheads(now, host.index(), overheads);
        let entry = &mut self.state.hosts[host.index()];
        let load_changed = (load - entry.load).abs() > 1e-12;
        entry.busy = busy;
        entry.watts = watts;
        entry.short = load > capacity + 1e-9;
        entry.delay = if up { work.draw.time.delay } else { 0.0 };
        entry.load = load;
        if load_changed {
            entry.load_changed = now;
        }
        if watts.to_bits() != before.to_bits() {
            self.write(Event::HostPower { host, watts });
        }
        if up && load_changed && self.watches_load {
            self.notices.push_back(Notice::Load(host, load));
        }
        self.tell_trackers(now, host);
    }

    /// Work beyond the processors awake wakes parked ones and waits for them: each costs the host's VMs one wake
    /// latency, in proportion to what they get.
    fn spill_over(&mut self, host: HostId, busy: f64, consumed: f64, awake: u32, work: &Work) {
        let needed = libm::ceil(busy - 1e-9).max(0.0) as u32;
        let entry = &mut self.state.hosts[host.index()];
        let before = std::mem::replace(&mut entry.running, awake.max(needed));
        let woken = needed.saturating_sub(before.max(awake));
        if woken == 0 || consumed <= 0.0 {
            return;
        }
        let waited = f64::from(woken) * self.meters.wake.as_secs_f64();
        for (vm, share) in work.running.iter().zip(&work.shares) {
            self.state.supplies[*vm].account.woken += waited * share / consumed;
        }
    }

    /// Divides the processors of a host among its VMs; gives what they use and what they would.
    fn share(&mut self, host: HostId, work: &mut Work) -> (f64, f64) {
        let entry = &self.state.hosts[host.index()];
        let kind = &self.kinds.hosts[entry.group as usize];
        work.claims.clear();
        work.running.clear();
        work.overheads.clear();
        for id in &entry.vms {
            let vm = &self.state.vms[id.index()];
            if vm.state != VmState::Running {
                continue;
            }
            let (spec, own) = (
                &self.scenario.spec.vms[vm.group as usize],
                &self.kinds.vms[vm.group as usize],
            );
            let faster = own.faster(kind.clock);
            let supply = &mut self.state.supplies[id.index()];
            supply.demand_max = supply.demand_max.max(vm.demand);
            supply.wanted = vm.demand * f64::from(own.vcpus) * faster * (1.0 - supply.throttle);
            // Time in the hypervisor on behalf of a VM is charged to it: for each second of its own it takes more.
            let overhead = own.paging(kind.paging).overhead;
            work.claims.push(Claim::new(
                supply.wanted * (1.0 + overhead) + supply.logging,
                own.vcpus,
                spec.weight,
                spec.reserve.0,
                spec.cap.0,
            ));
            work.running.push(id.index());
            work.overheads.push(overhead);
        }
        let thread = work.thread(entry.threads, kind.capacity, &mut self.divider);
        let room = kind.capacity - entry.migration_work - entry.receive_work;
        self.divider.divide(room, &work.claims, &mut work.shares);
        let (mut consumed, mut demanded, mut paging_work) = (0.0, 0.0, 0.0);
        for (at, share) in work.shares.iter().enumerate() {
            let own = &self.kinds.vms[self.state.vms[work.running[at]].group as usize];
            let supply = &mut self.state.supplies[work.running[at]];
            let own_time =
                guests_part(*share, work.claims[at].demand, supply.logging) / (1.0 + work.overheads[at]);
            let waits = own.lock_wait(kind.paging) * (own_time / f64::from(own.vcpus)).min(1.0);
            supply.granted = own_time * (1.0 - waits);
            // A cap is no waiting for others, nor is the time that the hypervisor takes out of its own processors.
            supply.waiting = (work.claims[at].demand - share).max(0.0);
            consumed += share;
            demanded += supply.wanted * (1.0 + work.overheads[at]) + supply.logging;
            paging_work += share - own_time;
        }
        let entry = &mut self.state.hosts[host.index()];
        entry.paging_work = paging_work;
        if thread.to_bits() != entry.thread.to_bits() {
            entry.thread = thread;
            self.threads_changed(host);
        }
        (consumed, demanded)
    }

    /// A guest that gets less of the processor dirties less memory.
    fn tell_trackers(&mut self, now: SimTime, host: HostId) {
        if self.moving.is_empty() {
            return;
        }
        for at in 0..self.state.hosts[host.index()].vms.len() {
            let vm = self.state.hosts[host.index()].vms[at];
            if let Some(id) = self.moving.get(&vm).copied() {
                self.share_changed(now, id, self.writing(vm));
            }
        }
    }
}

/// What is left of a VM's share when the faults of a dirty log, which would take `logging` of all that it demands, have had
/// their part.
fn guests_part(share: f64, demand: f64, logging: f64) -> f64 {
    if logging > 0.0 && demand > 0.0 {
        share * (1.0 - logging / demand).max(0.0)
    } else {
        share
    }
}
