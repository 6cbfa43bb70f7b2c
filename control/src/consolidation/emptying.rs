//! Emptying: hosts whose VMs all find a place elsewhere give them up, and are switched off once they are gone.

use std::collections::BTreeSet;

use twinrack_scenario::{HostId, VmId};

use super::{Consolidator, Round, move_time, need_of};
use crate::fabric::{Fabric, HostState};
use crate::mover::{Mover, Proposal};
use crate::placement::Room;

impl Consolidator {
    /// Hosts that the last decision could not empty whole give up more of their VMs, or keep them if nobody can take
    /// them any more.
    pub(super) fn go_on_emptying(&mut self, mover: &Mover, round: &mut Round, fabric: &impl Fabric) {
        let mut taken = BTreeSet::new();
        for host in self.leaving.clone() {
            if mover.involves(host) {
                continue;
            }
            if fabric.host(host).state != HostState::Up || !self.vacate(host, round, &mut taken, fabric) {
                self.leaving.remove(&host);
            }
        }
    }

    /// Empties hosts in the order of their load, as far as the others can take their VMs.
    pub(super) fn empty(&mut self, mover: &Mover, round: &mut Round, fabric: &mut impl Fabric) {
        let mut hosts: Vec<(f64, HostId)> = (0..fabric.host_count())
            .map(HostId)
            .filter_map(|host| {
                let room = round.fit.get(host)?;
                Some((room.asked / room.processors, host))
            })
            .collect();
        hosts.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut taken: BTreeSet<HostId> = round.moves.iter().map(|(_, to)| *to).collect();
        // An empty host takes nobody in: it is switched off.
        for (_, host) in &hosts {
            if fabric.vms_on(*host).is_empty() && !taken.contains(host) && !mover.involves(*host) {
                round.fit.remove(*host);
                fabric.power_off(*host);
            }
        }
        for (_, host) in hosts {
            let stands = round.fit.get(host).is_some() && !taken.contains(&host);
            if stands && self.vacate(host, round, &mut taken, fabric) {
                self.leaving.insert(host);
            }
        }
    }

    /// Finds a place for every VM of a host on others, and sends as many away as one decision may; the room of the rest
    /// is kept for them in this picture. Without a place for all of them nothing changes.
    fn vacate(
        &self,
        host: HostId,
        round: &mut Round,
        taken: &mut BTreeSet<HostId>,
        fabric: &impl Fabric,
    ) -> bool {
        let vms = fabric.vms_on(host);
        let mut may_move = |vm: &VmId| self.may_move(*vm, &mut round.reach, fabric);
        // Most hosts are passed over for want of memory elsewhere, which the sizes of their VMs alone tell.
        round.sizes.clear();
        round.sizes.extend(vms.iter().map(|vm| fabric.vm(*vm).footprint));
        if vms.is_empty()
            || !round.fit.might_hold(&mut round.sizes, host)
            || !vms.iter().all(&mut may_move)
            || !self.pays(host, vms, fabric)
        {
            return false;
        }
        let own = round.fit.remove(host);
        let Some(moves) = self.all_elsewhere(vms, round, fabric) else {
            if let Some(room) = own {
                round.fit.put(host, room);
            }
            return false;
        };
        taken.extend(moves.iter().map(|(_, to)| *to));
        round
            .moves
            .extend(moves.into_iter().take(self.spec.moves_max as usize));
        true
    }

    /// Whether emptying a host gives more than it takes: within one interval its VMs' migrations must be over and cost less
    /// energy than the host draws idle meanwhile.
    fn pays(&self, host: HostId, vms: &[VmId], fabric: &impl Fabric) -> bool {
        let interval = self.spec.interval.as_secs_f64();
        let processors = f64::from(fabric.host(host).processors);
        let (idle, full) = (fabric.watts_at(host, 0.0).0, fabric.watts_at(host, processors).0);
        let bytes: f64 = vms.iter().map(|vm| fabric.vm(*vm).memory.as_f64()).sum();
        // Both ends work, and the other is taken for a host like this.
        let joules = 2.0 * bytes * self.seconds_per_byte * (full - idle) / processors;
        joules <= idle * interval && vms.iter().all(|vm| move_time(*vm, fabric) <= interval)
    }

    /// A place for every VM of a host, or none at all.
    fn all_elsewhere(&self, vms: &[VmId], round: &mut Round, fabric: &impl Fabric) -> Option<Vec<Proposal>> {
        let Round { fit, reach, .. } = round;
        let watts = |host: HostId, busy: f64| fabric.watts_at(host, busy);
        let mut moves: Vec<(VmId, HostId, Room)> = Vec::new();
        for vm in vms {
            let need = need_of(*vm, fabric);
            let mut open = |host| reach.admits(*vm, host, fabric);
            let to = fit.choose(need, self.spec.target_ceiling.0, &watts, &mut open);
            let Some((to, before)) = to.and_then(|to| Some((to, *fit.get(to)?))) else {
                // Undo in reverse, so that a host chosen twice ends as it began.
                for (_, host, room) in moves.into_iter().rev() {
                    fit.put(host, room);
                }
                return None;
            };
            fit.place(to, need);
            moves.push((*vm, to, before));
        }
        Some(moves.into_iter().map(|(vm, to, _)| (vm, to)).collect())
    }
}
