//! The brain as one: notices come in, each part decides what is its own, orders go out through the fabric.

use twinrack_scenario::record::Outcome;
use twinrack_scenario::spec::consolidation::PlacementSpec;
use twinrack_scenario::spec::policies::PoliciesSpec;
use twinrack_scenario::units::SimTime;
use twinrack_scenario::{HostId, MigrationId, VmId};

use crate::consolidation::Consolidator;
use crate::fabric::{Fabric, Notice, Request, Wake};
use crate::maintenance::Maintenance;
use crate::mover::{Ended, Mover};
use crate::parking::Parking;
use crate::placement::initial;
use crate::restart::Restarter;

/// Every decision of a run.
#[derive(Debug)]
pub struct Controller {
    mover: Mover,
    maintenance: Maintenance,
    restarter: Restarter,
    placement: PlacementSpec,
    consolidator: Option<Consolidator>,
    /// One for each host, or none where cores are not parked.
    parkings: Vec<Parking>,
    /// When each host's next parking check is due, if one is.
    checks: Vec<Option<SimTime>>,
}

impl Controller {
    /// A brain for the datacenter behind `fabric`. `draw` gives random bits to the policies that want them.
    pub fn new(policies: &PoliciesSpec, fabric: &impl Fabric, draw: Box<dyn FnMut() -> u64>) -> Self {
        let parkings: Vec<Parking> = policies.parking.as_ref().map_or_else(Vec::new, |spec| {
            (0..fabric.host_count())
                .map(|host| fabric.host(HostId(host)))
                .map(|host| Parking::new(spec, host.parks, host.processors, host.threads))
                .collect()
        });
        Self {
            mover: Mover::new(policies.migration.clone()),
            maintenance: Maintenance::default(),
            restarter: Restarter::new(policies.availability.clone(), policies.migration.quick.clone()),
            placement: policies.placement,
            consolidator: policies
                .consolidation
                .as_ref()
                .map(|spec| Consolidator::new(spec, policies.placement, &policies.migration.cost, draw)),
            checks: vec![None; parkings.len()],
            parkings,
        }
    }

    /// Whether the brain wants to be told of load.
    pub const fn watches_load(&self) -> bool {
        !self.parkings.is_empty()
    }

    /// The migrations that wait for their turn.
    pub fn waiting(&self) -> impl Iterator<Item = MigrationId> {
        self.mover.waiting()
    }

    /// Takes a notice and decides.
    pub fn on(&mut self, now: SimTime, notice: Notice, fabric: &mut impl Fabric) {
        match notice {
            Notice::Started => {
                initial::place_waiting(self.placement, fabric);
                if let Some(consolidator) = &self.consolidator {
                    fabric.wake_at(now + consolidator.interval(), Wake::Consolidation);
                }
            }
            Notice::Asked(request) => self.asked(now, request, fabric),
            Notice::Woken(wake) => self.woken(now, wake, fabric),
            Notice::Migration(id, input) => {
                let ended = self.mover.on(now, id, input, &self.maintenance, fabric);
                self.restart_lost(&ended, fabric);
                self.after(ended, fabric);
            }
            Notice::Saved { vm, host, saved } => self.maintenance.left(vm, host, saved, fabric),
            Notice::Load(host, load) => self.load(now, host, load, fabric),
            Notice::HostReady(host) => {
                let moves = self.consolidator.as_mut().map(|own| own.host_ready(host));
                for (vm, to) in moves.unwrap_or_default() {
                    self.ask(now, vm, to, false, fabric);
                }
            }
            Notice::HostDied(host, vms) => {
                let ended = self.mover.host_died(now, host, &self.maintenance, fabric);
                let mut down = vms;
                down.extend(ended.iter().filter(|ended| stands(ended)).map(|ended| ended.vm));
                down.sort_unstable();
                down.dedup();
                self.restarter.host_died(now, host, down, fabric);
                if let Some(consolidator) = &mut self.consolidator {
                    consolidator.host_died(host);
                }
                self.after(ended, fabric);
            }
        }
    }

    fn asked(&mut self, now: SimTime, request: Request, fabric: &mut impl Fabric) {
        match request {
            Request::Start { vm } => {
                let usable = |host| !self.maintenance.holds(host);
                initial::place(self.placement, vec![vm], usable, fabric);
            }
            Request::LiveMigrate { vm, to } => self.ask(now, vm, to, false, fabric),
            Request::QuickMigrate { vm, to } => self.ask(now, vm, to, true, fabric),
            Request::CancelMigration { vm } => {
                let ended = self.mover.cancel(now, vm, &self.maintenance, fabric);
                self.after(ended, fabric);
            }
            Request::StartMaintenance { host } => {
                for (vm, to) in self.maintenance.start(host, fabric) {
                    // One that is already on its way out is not asked for again.
                    if !self.mover.moves(vm) {
                        self.ask(now, vm, to, false, fabric);
                    }
                }
            }
            Request::StopMaintenance { host } => self.maintenance.stop(host, fabric),
        }
    }

    fn ask(&mut self, now: SimTime, vm: VmId, to: HostId, quick: bool, fabric: &mut impl Fabric) {
        let ended = self.mover.ask(now, (vm, to), quick, &self.maintenance, fabric);
        self.after(ended, fabric);
    }

    /// VMs that a migration left standing while its hosts live: the cluster sees at once that they failed.
    fn restart_lost(&self, ended: &[Ended], fabric: &mut impl Fabric) {
        for end in ended.iter().filter(|end| stands(end)) {
            let usable = |host| !self.maintenance.holds(host);
            self.restarter.vm_failed(end.vm, usable, fabric);
        }
    }

    fn after(&mut self, ended: Vec<Ended>, fabric: &mut impl Fabric) {
        for end in ended {
            let left = matches!(end.outcome, Outcome::Completed | Outcome::CompletedNotConverged);
            self.maintenance.left(end.vm, end.from, left, fabric);
            if let Some(consolidator) = &mut self.consolidator {
                consolidator.migration_ended(end.from, &self.mover, fabric);
            }
        }
    }

    fn woken(&mut self, now: SimTime, wake: Wake, fabric: &mut impl Fabric) {
        match wake {
            Wake::Parking(host) => self.check_parking(now, host, fabric),
            Wake::HostDeclaredDead(host) => {
                self.restarter
                    .declared_dead(host, |id| !self.maintenance.holds(id), fabric);
            }
            Wake::Consolidation => self.consolidate(now, fabric),
        }
    }

    fn consolidate(&mut self, now: SimTime, fabric: &mut impl Fabric) {
        let Some(consolidator) = &mut self.consolidator else {
            return;
        };
        fabric.wake_at(now + consolidator.interval(), Wake::Consolidation);
        let moves = consolidator.decide(&self.mover, &self.maintenance, fabric);
        for (vm, to) in moves {
            self.ask(now, vm, to, false, fabric);
        }
    }

    fn load(&mut self, now: SimTime, host: HostId, load: f64, fabric: &mut impl Fabric) {
        if let Some(parking) = self.parkings.get_mut(host.index()) {
            if let Some(awake) = parking.on_load(now, load) {
                fabric.park(host, awake);
            }
            self.arm_check(host, fabric);
        }
    }

    fn check_parking(&mut self, now: SimTime, host: HostId, fabric: &mut impl Fabric) {
        // A check that was armed for another time is out of date.
        if self.checks.get(host.index()).copied().flatten() != Some(now) {
            return;
        }
        self.checks[host.index()] = None;
        if let Some(awake) = self.parkings[host.index()].check(now) {
            fabric.park(host, awake);
        }
        self.arm_check(host, fabric);
    }

    fn arm_check(&mut self, host: HostId, fabric: &mut impl Fabric) {
        let due = self.parkings[host.index()].next_check();
        if due != self.checks[host.index()] {
            self.checks[host.index()] = due;
            if let Some(at) = due {
                fabric.wake_at(at, Wake::Parking(host));
            }
        }
    }
}

/// Whether a migration left its VM standing: its memory is gone, or on storage that neither host can reach any more.
const fn stands(ended: &Ended) -> bool {
    matches!(ended.outcome, Outcome::VmLost | Outcome::LeftSaved)
}
