//! Moves: requests come in, wait for busy hosts, become migrations, and end; one place knows all that are under way.

use std::collections::{BTreeMap, VecDeque};

use twinrack_scenario::record::Event;
use twinrack_scenario::record::event::{MigrationKind, Outcome};
use twinrack_scenario::spec::migration::MigrationPolicySpec;
use twinrack_scenario::units::SimTime;
use twinrack_scenario::{HostId, MigrationId, VmId};

use crate::fabric::{Fabric, Route};
use crate::maintenance::Maintenance;
use crate::migration::admission::{Admission, Verdict};
use crate::migration::{Input, Migration, Plan, Refusal, precondition};

pub mod notes;

/// A VM, and the host that some part of the brain would have it on.
pub type Proposal = (VmId, HostId);

/// The part of the brain that moves VMs.
#[derive(Debug, Clone)]
pub struct Mover {
    policy: MigrationPolicySpec,
    jobs: Vec<Job>,
    admission: Admission,
    /// Those that have begun and not ended.
    active: BTreeMap<MigrationId, Migration>,
    /// The migration of each VM that is being moved or waits to be.
    moving: BTreeMap<VmId, MigrationId>,
}

#[derive(Debug, Clone, Copy)]
struct Job {
    vm: VmId,
    from: HostId,
    to: HostId,
    how: MigrationKind,
}

/// A migration that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The VM.
    pub vm: VmId,
    /// Where it was.
    pub from: HostId,
    /// Where it was to go.
    pub to: HostId,
    /// How it ended.
    pub outcome: Outcome,
}

impl Mover {
    /// A mover under the given policy.
    pub fn new(policy: MigrationPolicySpec) -> Self {
        Self {
            admission: Admission::new(policy.per_host, policy.when_busy),
            policy,
            jobs: Vec::new(),
            active: BTreeMap::new(),
            moving: BTreeMap::new(),
        }
    }

    /// Whether a VM is being moved or waits to be.
    pub fn moves(&self, vm: VmId) -> bool {
        self.moving.contains_key(&vm)
    }

    /// Whether a host takes part in a migration, or one that waits will need it.
    pub fn involves(&self, host: HostId) -> bool {
        self.admission.involves(host)
    }

    /// Migrations that wait for their turn.
    pub fn waiting(&self) -> impl Iterator<Item = MigrationId> {
        self.admission.queue()
    }

    /// Migrations under way.
    pub fn under_way(&self) -> usize {
        self.active.len()
    }

    /// Asks for a move. It begins, waits or is refused at once; what ended at once is returned.
    pub fn ask(
        &mut self,
        now: SimTime,
        (vm, to): (VmId, HostId),
        quick: bool,
        maintenance: &Maintenance,
        fabric: &mut impl Fabric,
    ) -> Vec<Ended> {
        let id = MigrationId(self.jobs.len() as u32);
        let from = fabric.vm(vm).host.unwrap_or(to);
        let how = self.plan(vm, quick, fabric).kind;
        self.jobs.push(Job { vm, from, to, how });
        fabric.note(Event::MigrationRequested {
            migration: id,
            vm,
            from,
            to,
            how,
        });
        if let Err(why) = self.may_ask(id, maintenance, fabric) {
            return vec![self.refuse(id, why, fabric)];
        }
        match self.admission.ask(id, from, to) {
            Verdict::Begin => {
                self.moving.insert(vm, id);
                self.turn(now, id, maintenance, fabric)
            }
            Verdict::Queued => {
                self.moving.insert(vm, id);
                fabric.note(Event::MigrationQueued { migration: id });
                Vec::new()
            }
            Verdict::Refused(why) => vec![self.refuse(id, why, fabric)],
        }
    }

    /// Something came of a step.
    pub fn on(
        &mut self,
        now: SimTime,
        id: MigrationId,
        input: Input,
        maintenance: &Maintenance,
        fabric: &mut impl Fabric,
    ) -> Vec<Ended> {
        let Some(migration) = self.active.get_mut(&id) else {
            return Vec::new();
        };
        let (rounds, to) = (migration.rounds().len(), self.jobs[id.index()].to);
        let arrived = notes::arrived(id, &input, to);
        let commands = migration.on(now, input);
        if let Some(round) = migration.rounds().get(rounds) {
            fabric.note(notes::round(id, round));
        }
        if let Some(event) = arrived {
            fabric.note(event);
        }
        notes::carry_out(id, &commands, fabric);
        self.settle(now, id, maintenance, fabric)
    }

    /// Stops moving a VM, if it still can be stopped.
    pub fn cancel(
        &mut self,
        now: SimTime,
        vm: VmId,
        maintenance: &Maintenance,
        fabric: &mut impl Fabric,
    ) -> Vec<Ended> {
        let Some(id) = self.moving.get(&vm).copied() else {
            return Vec::new();
        };
        if self.active.contains_key(&id) {
            return self.on(now, id, Input::Cancel, maintenance, fabric);
        }
        let mut ended = vec![self.end_unbegun(id, Outcome::Cancelled, None, fabric)];
        ended.extend(self.release(now, id, maintenance, fabric));
        ended
    }

    /// A host died: what it took part in fails, and what waits for it is refused.
    pub fn host_died(
        &mut self,
        now: SimTime,
        host: HostId,
        maintenance: &Maintenance,
        fabric: &mut impl Fabric,
    ) -> Vec<Ended> {
        let mut ended = Vec::new();
        let concerned = |ids: &mut dyn Iterator<Item = MigrationId>| -> Vec<MigrationId> {
            ids.filter(|id| self.takes_part(*id, host)).collect()
        };
        let waiting = concerned(&mut self.admission.queue());
        let active = concerned(&mut self.active.keys().copied());
        for id in waiting {
            // Refused already, when its turn came with the end of one before it.
            if !self.admission.waits(id) {
                continue;
            }
            let why = Refusal {
                code: "LM_NODE_DOWN",
                message: "a node that takes part went down while the move waited".to_owned(),
            };
            ended.push(self.refuse(id, why, fabric));
            ended.extend(self.release(now, id, maintenance, fabric));
        }
        for id in active {
            let died = if self.jobs[id.index()].to == host {
                Input::TargetDied
            } else {
                Input::SourceDied
            };
            ended.extend(self.on(now, id, died, maintenance, fabric));
        }
        ended
    }

    /// Whether the VM of a migration can only run at the target.
    pub fn past_no_return(&self, id: MigrationId) -> bool {
        self.active.get(&id).is_some_and(Migration::past_no_return)
    }

    fn takes_part(&self, id: MigrationId, host: HostId) -> bool {
        let job = &self.jobs[id.index()];
        job.from == host || job.to == host
    }

    fn plan(&self, vm: VmId, quick: bool, fabric: &impl Fabric) -> Plan {
        let subject = fabric.subject(vm);
        if quick {
            Plan::quick(&self.policy, subject)
        } else {
            Plan::live(&self.policy, subject)
        }
    }

    /// Whether a move may be asked for at all.
    fn may_ask(
        &self,
        id: MigrationId,
        maintenance: &Maintenance,
        fabric: &impl Fabric,
    ) -> Result<(), Refusal> {
        let job = &self.jobs[id.index()];
        let refused = |code, message: &str| {
            Err(Refusal {
                code,
                message: message.to_owned(),
            })
        };
        if job.from == job.to {
            return refused("LM_SAME_HOST", "source and destination are the same computer");
        }
        if self.moves(job.vm) {
            return refused("LM_BAD_STATE", "the virtual machine is already being migrated");
        }
        let facts = fabric.facts(job.vm, job.from, job.to);
        precondition::request(&facts, job.how, maintenance.holds(job.to))
    }

    /// The turn of a migration has come: it begins, or is refused and lets those behind it through.
    fn turn(
        &mut self,
        now: SimTime,
        id: MigrationId,
        maintenance: &Maintenance,
        fabric: &mut impl Fabric,
    ) -> Vec<Ended> {
        if let Err(why) = self.begin(now, id, maintenance, fabric) {
            let mut ended = vec![self.refuse(id, why, fabric)];
            ended.extend(self.release(now, id, maintenance, fabric));
            return ended;
        }
        Vec::new()
    }

    fn begin(
        &mut self,
        now: SimTime,
        id: MigrationId,
        maintenance: &Maintenance,
        fabric: &mut impl Fabric,
    ) -> Result<(), Refusal> {
        let job = self.jobs[id.index()];
        let facts = fabric.facts(job.vm, job.from, job.to);
        let cleared = precondition::check(&facts, job.how, maintenance.holds(job.to))?;
        for warning in cleared.warnings {
            fabric.note(Event::MigrationWarned {
                migration: id,
                warning: warning.to_string(),
            });
        }
        let mut migration = Migration::new(self.plan(job.vm, job.how == MigrationKind::Quick, fabric));
        fabric.note(Event::MigrationStarted { migration: id });
        let route = Route {
            vm: job.vm,
            from: job.from,
            to: job.to,
            network: cleared.network,
        };
        fabric.migration_begins(id, route, migration.plan());
        let commands = migration.on(now, Input::Start);
        self.active.insert(id, migration);
        notes::carry_out(id, &commands, fabric);
        Ok(())
    }

    /// Closes a migration that has ended, and lets those that waited for its hosts begin.
    fn settle(
        &mut self,
        now: SimTime,
        id: MigrationId,
        maintenance: &Maintenance,
        fabric: &mut impl Fabric,
    ) -> Vec<Ended> {
        let Some(report) = self.active.get(&id).and_then(Migration::report) else {
            return Vec::new();
        };
        let outcome = report.outcome;
        fabric.note(notes::ended(id, report));
        self.active.remove(&id);
        fabric.migration_ended(id, outcome);
        let mut ended = vec![self.ended(id, outcome)];
        ended.extend(self.release(now, id, maintenance, fabric));
        ended
    }

    /// A migration needs its hosts no longer: those whose turn it is now begin.
    fn release(
        &mut self,
        now: SimTime,
        id: MigrationId,
        maintenance: &Maintenance,
        fabric: &mut impl Fabric,
    ) -> Vec<Ended> {
        let mut ended = Vec::new();
        let mut next: VecDeque<MigrationId> = self.admission.done(id).into();
        while let Some(id) = next.pop_front() {
            if let Err(why) = self.begin(now, id, maintenance, fabric) {
                ended.push(self.refuse(id, why, fabric));
                next.extend(self.admission.done(id));
            }
        }
        ended
    }

    fn refuse(&mut self, id: MigrationId, why: Refusal, fabric: &mut impl Fabric) -> Ended {
        self.end_unbegun(id, Outcome::Refused, Some(why), fabric)
    }

    fn end_unbegun(
        &mut self,
        id: MigrationId,
        outcome: Outcome,
        why: Option<Refusal>,
        fabric: &mut impl Fabric,
    ) -> Ended {
        fabric.note(notes::ended_unbegun(id, outcome, why.as_ref()));
        self.ended(id, outcome)
    }

    fn ended(&mut self, id: MigrationId, outcome: Outcome) -> Ended {
        let job = self.jobs[id.index()];
        // A second request for a VM that is already being moved ends without ending the first.
        if self.moving.get(&job.vm) == Some(&id) {
            self.moving.remove(&job.vm);
        }
        Ended {
            vm: job.vm,
            from: job.from,
            to: job.to,
            outcome,
        }
    }
}
