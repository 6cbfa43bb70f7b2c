//! Consolidation: every interval, overloaded hosts give VMs up, hosts that can be emptied are, and empty ones are
//! switched off.
//!
//! The steps are those of Beloglazov and Buyya 2012, with the constraints of real hosts: memory, the migrations that a host
//! can take part in, VMs on their way already, and the time a host takes to start.

mod emptying;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use twinrack_scenario::spec::consolidation::{ConsolidationSpec, PlacementSpec};
use twinrack_scenario::spec::migration::MigrationCostSpec;
use twinrack_scenario::units::{Bytes, SimDuration};
use twinrack_scenario::{HostId, VmId};

use crate::fabric::{Fabric, HostState, VmState};
use crate::maintenance::Maintenance;
use crate::mover::{Mover, Proposal};
use crate::placement::reach::Reach;
use crate::placement::target::Need;
use crate::placement::{Candidate, Detector, Fit, Room, Selector};

/// Values of the past that each VM keeps.
const HISTORY: usize = 30;

/// The part of the brain that packs VMs.
pub struct Consolidator {
    spec: ConsolidationSpec,
    detector: Detector,
    selector: Selector,
    placement: PlacementSpec,
    draw: Box<dyn FnMut() -> u64>,
    /// Processor time that sending or receiving a byte takes.
    seconds_per_byte: f64,
    /// Past use of each VM's processors, oldest first; empty while no rule looks at it.
    histories: Vec<Vec<f64>>,
    /// Moves that wait for a host to start.
    waiting: BTreeMap<HostId, Vec<Proposal>>,
    /// Hosts that are switched off as soon as they are empty.
    leaving: BTreeSet<HostId>,
}

impl fmt::Debug for Consolidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consolidator")
            .field("detector", &self.detector)
            .finish_non_exhaustive()
    }
}

/// One decision while it is made.
struct Round {
    /// The hosts that may take VMs.
    fit: Fit,
    /// Where the product lets VMs move to.
    reach: Reach,
    moves: Vec<Proposal>,
    /// Hosts that are switched off, as far as they were not passed over yet; looked for when one is first needed.
    off: Option<VecDeque<HostId>>,
    /// Memory of the VMs of the host that is looked at.
    sizes: Vec<Bytes>,
}

impl Consolidator {
    /// A consolidator under the given rules, where moving has such a cost; `draw` gives random bits to random selection.
    pub fn new(
        spec: &ConsolidationSpec,
        placement: PlacementSpec,
        cost: &MigrationCostSpec,
        draw: Box<dyn FnMut() -> u64>,
    ) -> Self {
        Self {
            seconds_per_byte: f64::from(cost.send_nanos_per_byte) / 1e9,
            detector: Detector::new(spec.detector, spec.parameter.map(|ratio| ratio.0)),
            selector: Selector::new(spec.selector),
            spec: spec.clone(),
            placement,
            draw,
            histories: Vec::new(),
            waiting: BTreeMap::new(),
            leaving: BTreeSet::new(),
        }
    }

    /// Time between decisions.
    pub const fn interval(&self) -> SimDuration {
        self.spec.interval
    }

    /// Decides; gives the moves to ask for now.
    pub fn decide(
        &mut self,
        mover: &Mover,
        maintenance: &Maintenance,
        fabric: &mut impl Fabric,
    ) -> Vec<Proposal> {
        self.remember(fabric);
        let usable: Vec<HostId> = (0..fabric.host_count())
            .map(HostId)
            .filter(|host| fabric.host(*host).state == HostState::Up && !maintenance.holds(*host))
            .filter(|host| !self.waiting.contains_key(host))
            .collect();
        let (mut overloaded, mut open) = (Vec::new(), Vec::new());
        for host in usable {
            let room = self.room(host, fabric);
            // What takes part in a migration keeps still until it is over: its load is about to change.
            if mover.involves(host) {
                continue;
            }
            if self.is_overloaded(fabric.vms_on(host), room, fabric) {
                overloaded.push((host, room));
            } else if !self.leaving.contains(&host) {
                open.push((host, room));
            }
        }
        let mut round = Round {
            fit: Fit::with(self.placement, open),
            reach: Reach::default(),
            moves: Vec::new(),
            off: None,
            sizes: Vec::new(),
        };
        for (host, room) in overloaded {
            self.leaving.remove(&host);
            self.relieve(host, room, &mut round, fabric);
        }
        if self.spec.empty_hosts {
            self.go_on_emptying(mover, &mut round, fabric);
            self.empty(mover, &mut round, fabric);
        }
        round.moves
    }

    /// A host that was started for waiting moves is up.
    pub fn host_ready(&mut self, host: HostId) -> Vec<Proposal> {
        self.waiting.remove(&host).unwrap_or_default()
    }

    /// A host died: nothing waits for it any more, and it is not switched off.
    pub fn host_died(&mut self, host: HostId) {
        self.waiting.remove(&host);
        self.leaving.remove(&host);
    }

    /// A VM left a host: it is switched off if that was its last.
    pub fn migration_ended(&mut self, from: HostId, mover: &Mover, fabric: &mut impl Fabric) {
        if self.leaving.contains(&from) && fabric.vms_on(from).is_empty() && !mover.involves(from) {
            self.leaving.remove(&from);
            if fabric.host(from).state == HostState::Up {
                fabric.power_off(from);
            }
        }
    }

    fn remember(&mut self, fabric: &impl Fabric) {
        if !self.detector.needs_history() && self.selector != Selector::MaximumCorrelation {
            return;
        }
        self.histories.resize(fabric.vm_count() as usize, Vec::new());
        for (index, history) in self.histories.iter_mut().enumerate() {
            let vm = fabric.vm(VmId(index as u32));
            if vm.state == VmState::Running {
                if history.len() == HISTORY {
                    history.remove(0);
                }
                history.push(vm.demand / f64::from(vm.vcpus.max(1)));
            }
        }
    }

    fn room(&self, host: HostId, fabric: &impl Fabric) -> Room {
        let view = fabric.host(host);
        Room {
            kind: fabric.kind(host),
            setting: fabric.setting(host),
            processors: f64::from(view.processors),
            asked: fabric.vms_on(host).iter().map(|vm| fabric.vm(*vm).demand).sum(),
            unreserved: view.unreserved,
            memory: view.memory,
            free: view.memory_free,
            moves: self.spec.moves_max,
        }
    }

    fn is_overloaded(&self, vms: &[VmId], room: Room, fabric: &impl Fabric) -> bool {
        let load = room.asked / room.processors;
        if !self.detector.needs_history() {
            return self.detector.overloaded(load, &[], 1.0);
        }
        let history = self.history(vms, room, fabric);
        self.detector.overloaded(load, &history, self.ahead(vms, fabric))
    }

    /// How many decisions ahead a foresight must look: until the slowest VM of a host could have left it, if that was told to
    /// move now (Beloglazov and Buyya: `x(k+1) - x(k) >= t_m`).
    fn ahead(&self, vms: &[VmId], fabric: &impl Fabric) -> f64 {
        let slowest = vms.iter().map(|vm| move_time(*vm, fabric)).fold(0.0, f64::max);
        libm::ceil(slowest / self.spec.interval.as_secs_f64()).max(1.0)
    }

    /// The past load of the VMs now on a host, as a share of it, oldest first: it travels with the VMs.
    fn history(&self, vms: &[VmId], room: Room, fabric: &impl Fabric) -> Vec<f64> {
        let histories = || {
            vms.iter()
                .filter_map(|vm| Some((*vm, self.histories.get(vm.index())?)))
        };
        let length = histories().map(|(_, history)| history.len()).max().unwrap_or(0);
        let mut sum = vec![0.0; length];
        for (vm, history) in histories() {
            let weight = f64::from(fabric.vm(vm).vcpus) / room.processors;
            for (total, value) in sum[length - history.len()..].iter_mut().zip(history) {
                *total += weight * value;
            }
        }
        sum
    }

    /// Sends VMs away from an overloaded host until it is no longer.
    fn relieve(&mut self, host: HostId, mut room: Room, round: &mut Round, fabric: &mut impl Fabric) {
        let mut staying: Vec<VmId> = fabric.vms_on(host).to_vec();
        while room.moves > 0 && self.is_overloaded(&staying, room, fabric) {
            let movable: Vec<VmId> = staying
                .iter()
                .copied()
                .filter(|vm| self.may_move(*vm, &mut round.reach, fabric))
                .collect();
            let candidates: Vec<Candidate<'_>> = movable
                .iter()
                .map(|vm| {
                    let view = fabric.vm(*vm);
                    let history = self.histories.get(vm.index()).map_or(&[][..], Vec::as_slice);
                    Candidate {
                        memory: view.memory,
                        utilisation: view.demand / f64::from(view.vcpus.max(1)),
                        history,
                    }
                })
                .collect();
            let Some(vm) = self
                .selector
                .pick(&candidates, &mut self.draw)
                .map(|index| movable[index])
            else {
                break;
            };
            staying.retain(|other| *other != vm);
            let need = need_of(vm, fabric);
            room.asked -= need.processors;
            room.moves -= 1;
            self.send(vm, need, round, fabric);
        }
    }

    /// Finds a place among the hosts that run, or starts one.
    fn send(&mut self, vm: VmId, need: Need, round: &mut Round, fabric: &mut impl Fabric) {
        let watts = |host: HostId, busy: f64| fabric.watts_at(host, busy);
        let ceiling = self.spec.target_ceiling.0;
        let mut open = |host| round.reach.admits(vm, host, fabric);
        if let Some(to) = round.fit.choose(need, ceiling, &watts, &mut open) {
            round.fit.place(to, need);
            round.moves.push((vm, to));
        } else if let Some(to) = self.startable(vm, need, round, fabric) {
            if !self.waiting.contains_key(&to) {
                fabric.power_on(to);
            }
            self.waiting.entry(to).or_default().push((vm, to));
        }
    }

    /// The first host that is starting already, or is off, and would hold a VM beside those it is started for.
    fn startable(&self, vm: VmId, need: Need, round: &mut Round, fabric: &impl Fabric) -> Option<HostId> {
        let reach = &mut round.reach;
        let mut holds = |host: HostId| {
            let promised: Vec<Need> = self
                .waiting
                .get(&host)
                .into_iter()
                .flatten()
                .map(|(vm, _)| need_of(*vm, fabric))
                .collect();
            let view = fabric.host(host);
            let asked: f64 = promised.iter().map(|need| need.processors).sum();
            let reserved: f64 = promised.iter().map(|need| need.reserve).sum();
            let memory = promised.iter().map(|need| need.memory).sum();
            let room = Room {
                kind: 0,
                setting: 0,
                processors: f64::from(view.processors),
                asked,
                unreserved: f64::from(view.processors) - reserved,
                memory: view.memory,
                free: view.memory.saturating_sub(memory),
                moves: 1,
            };
            room.holds(need, self.spec.target_ceiling.0) && reach.admits(vm, host, fabric)
        };
        if let Some(started) = self.waiting.keys().copied().find(|host| holds(*host)) {
            return Some(started);
        }
        let off = round.off.get_or_insert_with(|| {
            let hosts = (0..fabric.host_count()).map(HostId);
            hosts
                .filter(|host| fabric.host(*host).state == HostState::Off)
                .collect()
        });
        let at = off.iter().position(|host| holds(*host))?;
        off.remove(at)
    }

    /// Whether a VM can be told to move: it runs, is not promised to a host that starts, and the product moves such VMs.
    fn may_move(&self, vm: VmId, reach: &mut Reach, fabric: &impl Fabric) -> bool {
        let view = fabric.vm(vm);
        let promised = || self.waiting.values().flatten().any(|(other, _)| *other == vm);
        view.movable && view.state == VmState::Running && !promised() && reach.leaves(vm, fabric)
    }
}

/// Seconds that the memory of a VM takes on the network that migrations take.
fn move_time(vm: VmId, fabric: &impl Fabric) -> f64 {
    let rate = fabric.move_rate().as_f64() / 8.0;
    fabric.vm(vm).memory.as_f64() / rate.max(1.0)
}

fn need_of(vm: VmId, fabric: &impl Fabric) -> Need {
    let view = fabric.vm(vm);
    Need::of(&view, view.demand)
}
