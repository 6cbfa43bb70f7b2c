//! What befalls a migration: lost links, dead hosts, refusals of the body, cancellation; and the way back.
//!
//! Until the point of no return everything leads back to the source, unless the source itself dies. Behind it nothing
//! does: the source's copy is stale, and a target that fails then takes the VM's memory with it.

use twinrack_scenario::record::event::{MigrationKind, Outcome};
use twinrack_scenario::units::{SimDuration, SimTime};

use super::{Command, Input, Migration, Refusal, Seat, Step};

fn refusal(code: &'static str, message: &str) -> Refusal {
    Refusal {
        code,
        message: message.to_owned(),
    }
}

impl Migration {
    /// Handles what is no completion; ignores completions that come at the wrong step.
    pub(super) fn befell(&mut self, now: SimTime, input: Input) -> Vec<Command> {
        match input {
            Input::Cancel => self.cancel(now),
            Input::SourceDied => self.source_died(now),
            Input::TargetDied => self.fail(
                now,
                Party::Target,
                refusal("LM_TARGET_DIED", "the destination computer failed (event 21502)"),
            ),
            Input::LinkLost => self.fail(
                now,
                Party::Link,
                refusal(
                    "LM_NETWORK_LOST",
                    "the connection between the hosts was lost (event 21502)",
                ),
            ),
            Input::PrepareFailed(why) if self.step == Step::Setup => self.fail(now, Party::Body, why),
            Input::SaveFailed(why) if self.step == Step::Save => self.fail(now, Party::Body, why),
            Input::StorageFailed(why) if self.step == Step::Storage => self.fail(now, Party::Body, why),
            Input::RestoreFailed(why) if self.step == Step::Restore => self.fail(now, Party::Body, why),
            Input::ResumeFailed(why) if self.step == Step::Resume => self.fail(now, Party::Target, why),
            _ => Vec::new(),
        }
    }

    fn cancel(&mut self, now: SimTime) -> Vec<Command> {
        match self.step {
            Step::Idle | Step::Validating => self.end(now, Outcome::Cancelled, None),
            Step::Setup | Step::Precopy => {
                self.brown_out_so_far(now);
                self.end(now, Outcome::Cancelled, None);
                vec![Command::Abort]
            }
            _ => vec![Command::Refuse(refusal(
                "LM_TOO_LATE",
                "the virtual machine is already being handed over and can no longer be kept back",
            ))],
        }
    }

    fn source_died(&mut self, now: SimTime) -> Vec<Command> {
        self.source_alive = false;
        let why = refusal(
            "LM_SOURCE_DIED",
            "the source computer failed during the migration (event 21502)",
        );
        match self.step {
            // Its memory is on the target, or on storage that the target is taking.
            Step::Resume | Step::Announce | Step::Restore => Vec::new(),
            Step::Storage if self.seat == Seat::Saved => Vec::new(),
            Step::CleanUp => self.complete(now),
            Step::RollBack if self.plan.kind == MigrationKind::Quick => self.stays_saved(now, why),
            _ => self.lose(now, why),
        }
    }

    /// The link, the target or the body's own work failed.
    fn fail(&mut self, now: SimTime, party: Party, why: Refusal) -> Vec<Command> {
        match self.step {
            Step::Idle | Step::Validating | Step::Setup | Step::Precopy => {
                self.brown_out_so_far(now);
                self.end(now, Outcome::FailedAtSource, Some(why));
                vec![Command::Abort]
            }
            // Quick migration touches neither link nor target before the hand-over; a failed save lets the VM go on.
            Step::Save if party == Party::Body => {
                self.downtime = self.paused.map_or(SimDuration::ZERO, |paused| now.since(paused));
                self.outage = self.downtime;
                self.seat = Seat::Source;
                self.end(now, Outcome::FailedAtSource, Some(why));
                vec![Command::Abort]
            }
            Step::Save if party == Party::Link => Vec::new(),
            Step::Storage | Step::Restore if self.seat == Seat::Saved => {
                self.back_from_storage(now, party, why)
            }
            Step::Save | Step::Pause | Step::StopCopy | Step::Storage => self.roll_back(now, why),
            Step::Resume | Step::Announce | Step::CleanUp if party == Party::Target => self.lose(now, why),
            // The pages that have not followed yet are out of reach.
            Step::Fetch => self.lose(now, why),
            // The rest is between the target and itself, or already on its way back.
            _ => Vec::new(),
        }
    }

    fn roll_back(&mut self, now: SimTime, why: Refusal) -> Vec<Command> {
        self.failure = Some(why);
        // Storage that has not begun to move need not be taken back.
        let takes = if self.step == Step::Storage {
            self.plan.timings.roll_back
        } else {
            self.plan.timings.resume
        };
        self.enter(now, Step::RollBack);
        vec![Command::RollBack { takes }]
    }

    fn back_from_storage(&mut self, now: SimTime, party: Party, why: Refusal) -> Vec<Command> {
        if party == Party::Link {
            return Vec::new();
        }
        if !self.source_alive {
            return self.stays_saved(now, why);
        }
        self.failure = Some(why);
        self.enter(now, Step::RollBack);
        vec![Command::RollBack {
            takes: self.plan.quick.hand_over + self.plan.quick.restore,
        }]
    }

    pub(super) fn rolled_back(&mut self, now: SimTime) -> Vec<Command> {
        self.seat = Seat::Source;
        self.downtime = self.paused.map_or(SimDuration::ZERO, |paused| now.since(paused));
        self.outage = self.downtime;
        let why = self.failure.take();
        self.end(now, Outcome::RolledBack, why)
    }

    /// Both hosts are out of the game, but the memory is on storage: the cluster restores it elsewhere. How long it stands
    /// after that is not the migration's to know.
    fn stays_saved(&mut self, now: SimTime, why: Refusal) -> Vec<Command> {
        self.seat = Seat::Saved;
        self.downtime = self.paused.map_or(SimDuration::ZERO, |paused| now.since(paused));
        self.outage = self.downtime;
        self.end(now, Outcome::LeftSaved, Some(why));
        vec![Command::Abort]
    }

    fn lose(&mut self, now: SimTime, why: Refusal) -> Vec<Command> {
        self.brown_out_so_far(now);
        if let Some(paused) = self.paused.filter(|_| self.downtime == SimDuration::ZERO) {
            self.downtime = now.since(paused);
        }
        self.outage = self.downtime.max(self.outage);
        self.seat = Seat::Lost;
        self.end(now, Outcome::VmLost, Some(why));
        vec![Command::Abort]
    }

    fn brown_out_so_far(&mut self, now: SimTime) {
        if self.step == Step::Precopy {
            self.brownout += now.since(self.round_began);
        }
    }
}

/// Who failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Party {
    Link,
    Target,
    Body,
}
