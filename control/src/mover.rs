//! Moves: requests come in, wait for busy hosts, become migrations, and end; one place knows all that are under way.

use std::collections::{BTreeMap, VecDeque};

use twinrack_scenario::record::event::{MigrationKind, Outcome};
use twinrack_scenario::record::{Event, StopReason};
use twinrack_scenario::spec::migration::{BusySpec, MigrationPolicySpec};
use twinrack_scenario::units::{Bytes, SimTime};
use twinrack_scenario::{HostId, MigrationId, VmId};

use crate::fabric::{Fabric, HostState, VmState};
use crate::migration::{Command, Input, Migration, Plan, Refusal};

/// The part of the brain that moves VMs.
#[derive(Debug, Clone)]
pub struct Mover {
    policy: MigrationPolicySpec,
    jobs: Vec<Job>,
    waiting: VecDeque<MigrationId>,
    active: BTreeMap<MigrationId, Migration>,
    /// Migrations that each host takes part in.
    load: BTreeMap<HostId, u32>,
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
    pub const fn new(policy: MigrationPolicySpec) -> Self {
        Self {
            policy,
            jobs: Vec::new(),
            waiting: VecDeque::new(),
            active: BTreeMap::new(),
            load: BTreeMap::new(),
        }
    }

    /// Whether a VM is being moved or waits to be.
    pub fn moves(&self, vm: VmId) -> bool {
        self.of(vm).is_some()
    }

    /// Whether a host takes part in a migration, or one that waits will need it.
    pub fn involves(&self, host: HostId) -> bool {
        let open = self.waiting.iter().chain(self.active.keys());
        open.map(|id| &self.jobs[id.0 as usize])
            .any(|job| job.from == host || job.to == host)
    }

    /// Migrations under way.
    pub fn under_way(&self) -> usize {
        self.active.len()
    }

    /// Asks for a move. It begins, waits or is refused at once; what ended at once is returned.
    pub fn ask(
        &mut self,
        now: SimTime,
        vm: VmId,
        to: HostId,
        quick: bool,
        fabric: &mut impl Fabric,
    ) -> Vec<Ended> {
        let id = MigrationId(self.jobs.len() as u32);
        let from = fabric.vm(vm).host.unwrap_or(to);
        let how = if quick {
            MigrationKind::Quick
        } else {
            self.plan(vm, false, fabric).kind
        };
        self.jobs.push(Job { vm, from, to, how });
        fabric.note(Event::MigrationRequested {
            migration: id,
            vm,
            from,
            to,
            how,
        });
        if let Some(why) = self.impossible(id, fabric) {
            return vec![self.refuse(id, why, fabric)];
        }
        if self.is_free(from) && self.is_free(to) {
            return self.begin(now, id, fabric);
        }
        if self.policy.when_busy == BusySpec::Refuse {
            let message = "a virtual machine is already being migrated from or to this computer".to_owned();
            return vec![self.refuse(
                id,
                Refusal {
                    code: "LM_NODE_BUSY",
                    message,
                },
                fabric,
            )];
        }
        fabric.note(Event::MigrationQueued { migration: id });
        self.waiting.push_back(id);
        Vec::new()
    }

    /// Something came of a step.
    pub fn on(
        &mut self,
        now: SimTime,
        id: MigrationId,
        input: Input,
        fabric: &mut impl Fabric,
    ) -> Vec<Ended> {
        let Some(migration) = self.active.get_mut(&id) else {
            return Vec::new();
        };
        let rounds = migration.rounds().len();
        let moved = match input {
            Input::StorageTaken => Some(Event::MigrationHandedOver { migration: id }),
            Input::Resumed | Input::Restored => Some(Event::MigrationResumed {
                migration: id,
                host: self.jobs[id.0 as usize].to,
            }),
            _ => None,
        };
        let commands = migration.on(now, input);
        if let Some(round) = migration.rounds().get(rounds) {
            fabric.note(Event::MigrationRound {
                migration: id,
                round: round.number,
                pages: round.copied.pages(),
                bytes: round.sent.0,
                nanos: round.elapsed.as_nanos(),
                dirtied: round.dirtied.pages(),
            });
        }
        if let Some(event) = moved {
            fabric.note(event);
        }
        carry_out(id, &commands, fabric);
        self.settle(now, id, fabric)
    }

    /// Stops moving a VM, if it still can be stopped.
    pub fn cancel(&mut self, now: SimTime, vm: VmId, fabric: &mut impl Fabric) -> Vec<Ended> {
        let Some(id) = self.of(vm) else { return Vec::new() };
        if self.active.contains_key(&id) {
            return self.on(now, id, Input::Cancel, fabric);
        }
        self.waiting.retain(|waiting| *waiting != id);
        vec![self.end_unbegun(id, Outcome::Cancelled, None, fabric)]
    }

    /// A host died: what it took part in fails.
    pub fn host_died(&mut self, now: SimTime, host: HostId, fabric: &mut impl Fabric) -> Vec<Ended> {
        let mut ended = Vec::new();
        let lost: Vec<MigrationId> = self
            .waiting
            .iter()
            .copied()
            .filter(|id| self.takes_part(*id, host))
            .collect();
        for id in lost {
            self.waiting.retain(|waiting| *waiting != id);
            let why = Refusal {
                code: "LM_HOST_DOWN",
                message: "a node that takes part is down".to_owned(),
            };
            ended.push(self.refuse(id, why, fabric));
        }
        let active: Vec<MigrationId> = self
            .active
            .keys()
            .copied()
            .filter(|id| self.takes_part(*id, host))
            .collect();
        for id in active {
            let died = if self.jobs[id.0 as usize].to == host {
                Input::TargetDied
            } else {
                Input::SourceDied
            };
            ended.extend(self.on(now, id, died, fabric));
        }
        ended
    }

    /// Whether the VM of a migration can only run at the target.
    pub fn past_no_return(&self, id: MigrationId) -> bool {
        self.active.get(&id).is_some_and(Migration::past_no_return)
    }

    fn of(&self, vm: VmId) -> Option<MigrationId> {
        self.waiting
            .iter()
            .chain(self.active.keys())
            .copied()
            .find(|id| self.jobs[id.0 as usize].vm == vm)
    }

    fn takes_part(&self, id: MigrationId, host: HostId) -> bool {
        let job = &self.jobs[id.0 as usize];
        job.from == host || job.to == host
    }

    fn is_free(&self, host: HostId) -> bool {
        self.load.get(&host).copied().unwrap_or(0) < self.policy.per_host
    }

    fn plan(&self, vm: VmId, quick: bool, fabric: &impl Fabric) -> Plan {
        let subject = fabric.subject(vm);
        if quick {
            Plan::quick(&self.policy, subject)
        } else {
            Plan::live(&self.policy, subject)
        }
    }

    /// Why a move can't be, as the products say it; checked when it is asked for and again when its turn comes.
    fn impossible(&self, id: MigrationId, fabric: &impl Fabric) -> Option<Refusal> {
        let job = &self.jobs[id.0 as usize];
        let vm = fabric.vm(job.vm);
        let refusal = |code, message: &str| {
            Some(Refusal {
                code,
                message: message.to_owned(),
            })
        };
        if vm.state != VmState::Running {
            return refusal("LM_BAD_STATE", "the virtual machine is not running");
        }
        if job.from == job.to {
            return refusal("LM_SAME_HOST", "source and destination are the same computer");
        }
        if fabric.host(job.to).state != HostState::Up || fabric.host(job.from).state != HostState::Up {
            return refusal("LM_TARGET_DOWN", "the destination node is not up");
        }
        fabric.forbids(job.vm, job.from, job.to, job.how)
    }

    fn begin(&mut self, now: SimTime, id: MigrationId, fabric: &mut impl Fabric) -> Vec<Ended> {
        let job = self.jobs[id.0 as usize];
        let mut migration = Migration::new(self.plan(job.vm, job.how == MigrationKind::Quick, fabric));
        for host in [job.from, job.to] {
            *self.load.entry(host).or_default() += 1;
        }
        fabric.note(Event::MigrationStarted { migration: id });
        fabric.migration_begins(id, job.vm, job.from, job.to, migration.plan());
        let commands = migration.on(now, Input::Start);
        self.active.insert(id, migration);
        carry_out(id, &commands, fabric);
        self.settle(now, id, fabric)
    }

    /// Closes a migration that has ended, and lets those that waited for its hosts begin.
    fn settle(&mut self, now: SimTime, id: MigrationId, fabric: &mut impl Fabric) -> Vec<Ended> {
        let Some(report) = self.active.get(&id).and_then(Migration::report) else {
            return Vec::new();
        };
        let job = self.jobs[id.0 as usize];
        let outcome = report.outcome;
        fabric.note(Event::MigrationEnded {
            migration: id,
            outcome,
            reason: report.reason.as_ref().map(ToString::to_string),
            bytes: report.sent.0,
            total_nanos: report.total.as_nanos(),
            brownout_nanos: report.brownout.as_nanos(),
            downtime_nanos: report.downtime.as_nanos(),
            outage_nanos: report.outage.as_nanos(),
            rounds: report.rounds.len() as u32,
        });
        self.active.remove(&id);
        for host in [job.from, job.to] {
            if let Some(load) = self.load.get_mut(&host) {
                *load = load.saturating_sub(1);
            }
        }
        fabric.migration_ended(id, outcome);
        let mut ended = vec![Ended {
            vm: job.vm,
            from: job.from,
            to: job.to,
            outcome,
        }];
        ended.extend(self.begin_waiting(now, fabric));
        ended
    }

    /// Begins, in the order of the requests, every waiting migration whose hosts are free.
    fn begin_waiting(&mut self, now: SimTime, fabric: &mut impl Fabric) -> Vec<Ended> {
        let mut ended = Vec::new();
        let mut at = 0;
        while let Some(&id) = self.waiting.get(at) {
            let job = self.jobs[id.0 as usize];
            if !(self.is_free(job.from) && self.is_free(job.to)) {
                at += 1;
                continue;
            }
            self.waiting.remove(at);
            match self.impossible(id, fabric) {
                Some(why) => ended.push(self.refuse(id, why, fabric)),
                None => ended.extend(self.begin(now, id, fabric)),
            }
        }
        ended
    }

    fn refuse(&self, id: MigrationId, why: Refusal, fabric: &mut impl Fabric) -> Ended {
        self.end_unbegun(id, Outcome::Refused, Some(why), fabric)
    }

    fn end_unbegun(
        &self,
        id: MigrationId,
        outcome: Outcome,
        why: Option<Refusal>,
        fabric: &mut impl Fabric,
    ) -> Ended {
        let job = self.jobs[id.0 as usize];
        fabric.note(Event::MigrationEnded {
            migration: id,
            outcome,
            reason: why.map(|why| why.to_string()),
            bytes: Bytes::ZERO.0,
            total_nanos: 0,
            brownout_nanos: 0,
            downtime_nanos: 0,
            outage_nanos: 0,
            rounds: 0,
        });
        Ended {
            vm: job.vm,
            from: job.from,
            to: job.to,
            outcome,
        }
    }
}

fn carry_out(id: MigrationId, commands: &[Command], fabric: &mut impl Fabric) {
    for command in commands {
        match command {
            Command::PauseVm { reason, left, .. } => {
                fabric.note(Event::MigrationPaused {
                    migration: id,
                    reason: *reason,
                    pages_left: left.pages(),
                });
            }
            Command::SaveVm { memory, .. } => fabric.note(Event::MigrationPaused {
                migration: id,
                reason: StopReason::Saved,
                pages_left: memory.pages(),
            }),
            _ => {}
        }
        fabric.migrate(id, command);
    }
}
