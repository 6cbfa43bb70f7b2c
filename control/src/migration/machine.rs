//! The state machine of one migration: inputs in, commands out, no clock and no I/O of its own.
//!
//! ```text
//! Idle → Validating → Setup → Precopy → Pause → StopCopy → Storage ═ point of no return ═ Resume → Announce → CleanUp → Ended
//! quick:              Setup → Save ───────────────────────→ Storage ═══════════════════════ Restore → Announce → …
//! post-copy:                                                                      … Resume → Fetch → Announce → …
//! ```
//!
//! An input that does not belong to the present step is a late echo of something already undone, and is ignored: a
//! real body can't help sending some.

mod failure;
#[cfg(test)]
mod tests;

use twinrack_scenario::record::event::{MigrationKind, Outcome, StopReason};
use twinrack_scenario::units::{BitsPerSecond, Bytes, SimDuration, SimTime};

use super::plan::Plan;
use super::policy::{Policy, PrecopyPolicy};
use super::report::{Report, StepTaken};
use super::round::{Decision, Progress, Round};
use super::step::{Command, Input, Refusal, Step};

/// Where the VM's virtual processors are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// They run on the source.
    Source,
    /// They stand still; the source could run them.
    PausedAtSource,
    /// Their state is on storage.
    Saved,
    /// They stand still; only the target could run them.
    PausedAtTarget,
    /// They run on the target.
    Target,
    /// Their memory is gone.
    Lost,
}

/// One migration.
#[derive(Debug, Clone, PartialEq)]
pub struct Migration {
    plan: Plan,
    step: Step,
    seat: Seat,
    rounds: Vec<Round>,
    steps: Vec<StepTaken>,
    step_began: SimTime,
    began: SimTime,
    round_began: SimTime,
    /// Guest memory of the round under way, or left at the pause.
    map: Bytes,
    stop: Option<StopReason>,
    stop_rate: Option<BitsPerSecond>,
    source_alive: bool,
    sent: Bytes,
    brownout: SimDuration,
    downtime: SimDuration,
    outage: SimDuration,
    paused: Option<SimTime>,
    fetch: SimDuration,
    left_at_pause: Bytes,
    /// Why it is being rolled back.
    failure: Option<Refusal>,
    report: Option<Report>,
}

impl Migration {
    /// A migration that has not begun.
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            step: Step::Idle,
            seat: Seat::Source,
            rounds: Vec::new(),
            steps: Vec::new(),
            step_began: SimTime::ZERO,
            began: SimTime::ZERO,
            round_began: SimTime::ZERO,
            map: Bytes::ZERO,
            stop: None,
            stop_rate: None,
            source_alive: true,
            sent: Bytes::ZERO,
            brownout: SimDuration::ZERO,
            downtime: SimDuration::ZERO,
            outage: SimDuration::ZERO,
            paused: None,
            fetch: SimDuration::ZERO,
            left_at_pause: Bytes::ZERO,
            failure: None,
            report: None,
        }
    }

    /// Its plan.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where it stands.
    pub const fn step(&self) -> Step {
        self.step
    }

    /// Where the VM is.
    pub const fn seat(&self) -> Seat {
        self.seat
    }

    /// Whether source and target can no longer be swapped back.
    pub const fn past_no_return(&self) -> bool {
        matches!(self.seat, Seat::PausedAtTarget | Seat::Target)
    }

    /// The rounds sent so far.
    pub fn rounds(&self) -> &[Round] {
        &self.rounds
    }

    /// The steps taken so far, without the present one.
    pub fn steps(&self) -> &[StepTaken] {
        &self.steps
    }

    /// What came of it, once it has ended.
    pub const fn report(&self) -> Option<&Report> {
        self.report.as_ref()
    }

    /// Takes one input and says what to do. Times must not go back.
    pub fn on(&mut self, now: SimTime, input: Input) -> Vec<Command> {
        match (self.step, input) {
            (Step::Ended, _) => Vec::new(),
            (Step::Idle, Input::Start) => {
                self.began = now;
                self.step_began = now;
                self.step = Step::Validating;
                vec![Command::Validate {
                    takes: self.plan.timings.validation,
                }]
            }
            (Step::Validating, Input::Validated(Ok(()))) => {
                self.enter(now, Step::Setup);
                vec![Command::Prepare {
                    reserve: self.plan.reserve,
                    takes: self.plan.timings.setup,
                }]
            }
            (Step::Validating, Input::Validated(Err(why))) => self.end(now, Outcome::Refused, Some(why)),
            (Step::Setup, Input::Prepared) if self.plan.kind == MigrationKind::Quick => self.save(now),
            (Step::Setup, Input::Prepared) => {
                self.enter(now, Step::Precopy);
                self.next_round(now)
            }
            (
                Step::Precopy,
                Input::RoundSent {
                    sent,
                    copied,
                    dirtied,
                    left,
                },
            ) => self.round_sent(now, sent, copied, dirtied, left),
            (Step::Pause, Input::Paused { dirtied }) => self.send_state(now, dirtied),
            (Step::StopCopy, Input::StateSent { sent }) => {
                self.sent = self.sent.saturating_add(sent);
                self.hand_over(now, self.plan.timings.hand_over)
            }
            (Step::Save, Input::Saved) => {
                self.seat = Seat::Saved;
                self.hand_over(now, self.plan.quick.hand_over)
            }
            (Step::Storage, Input::StorageTaken) => self.storage_taken(now),
            (Step::Resume, Input::Resumed) | (Step::Restore, Input::Restored) => self.resumed(now),
            (Step::Announce, Input::Announced) => self.announced(now),
            (Step::Fetch, Input::PagesFetched { sent }) => {
                self.sent = self.sent.saturating_add(sent);
                self.fetch = now.since(self.step_began);
                self.clean_up(now)
            }
            (Step::CleanUp, Input::CleanedUp) => self.complete(now),
            (Step::RollBack, Input::RolledBack) => self.rolled_back(now),
            (_, input) => self.befell(now, input),
        }
    }

    fn enter(&mut self, now: SimTime, step: Step) {
        if self.step != Step::Idle {
            self.steps.push(StepTaken {
                step: self.step,
                began: self.step_began,
                ended: now,
            });
        }
        self.step = step;
        self.step_began = now;
    }

    /// The lower of the policy's limit and the plan's.
    fn limited(&self, limit: Option<BitsPerSecond>) -> Option<BitsPerSecond> {
        match (limit, self.plan.bandwidth) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn next_round(&mut self, now: SimTime) -> Vec<Command> {
        let progress = Progress::after(self.plan.memory, &self.rounds);
        let left = progress.left;
        match self.plan.policy.decide(&progress) {
            Decision::Continue {
                rate_limit,
                throttle,
                until,
            } => {
                self.map = left;
                self.round_began = now;
                let full_copy = self.rounds.is_empty();
                let zero = if full_copy {
                    self.plan.wire.zero
                } else {
                    Bytes::ZERO
                };
                vec![Command::SendRound {
                    round: self.rounds.len() as u32 + 1,
                    map: left,
                    wire: self.plan.wire.of(left, zero),
                    rate_limit: self.limited(rate_limit),
                    throttle,
                    until,
                }]
            }
            Decision::StopAndCopy { reason, rate_limit } => {
                self.enter(now, Step::Pause);
                self.map = left;
                self.stop = Some(reason);
                self.stop_rate = rate_limit;
                self.paused = Some(now);
                vec![Command::PauseVm {
                    reason,
                    left,
                    takes: self.plan.timings.pause,
                }]
            }
            Decision::GiveUp => {
                let why = Refusal {
                    code: "NEVER_CONVERGES",
                    message: format!(
                        "the guest dirties memory as fast as it is sent: {} left after {} rounds",
                        left,
                        self.rounds.len()
                    ),
                };
                let mut commands = vec![Command::Abort];
                commands.extend(self.end(now, Outcome::NeverConverges, Some(why)));
                commands
            }
        }
    }

    fn round_sent(
        &mut self,
        now: SimTime,
        sent: Bytes,
        copied: Bytes,
        dirtied: Bytes,
        left: Bytes,
    ) -> Vec<Command> {
        let elapsed = now.since(self.round_began);
        self.rounds.push(Round {
            number: self.rounds.len() as u32 + 1,
            map: self.map,
            copied: copied.min(self.map),
            sent,
            elapsed,
            dirtied,
            left: left.min(self.plan.memory),
        });
        self.sent = self.sent.saturating_add(sent);
        self.brownout += elapsed;
        self.next_round(now)
    }

    fn send_state(&mut self, now: SimTime, dirtied: Bytes) -> Vec<Command> {
        self.enter(now, Step::StopCopy);
        self.seat = Seat::PausedAtSource;
        self.map = self.map.saturating_add(dirtied).min(self.plan.memory);
        self.left_at_pause = self.map;
        let left = if self.plan.kind == MigrationKind::PostCopy {
            Bytes::ZERO
        } else {
            self.map
        };
        vec![Command::SendState {
            left,
            wire: self
                .plan
                .wire
                .of(left, Bytes::ZERO)
                .saturating_add(self.plan.timings.state),
            rate_limit: self.limited(self.stop_rate),
        }]
    }

    fn save(&mut self, now: SimTime) -> Vec<Command> {
        self.enter(now, Step::Save);
        self.seat = Seat::PausedAtSource;
        self.paused = Some(now);
        self.left_at_pause = self.plan.memory;
        vec![Command::SaveVm {
            memory: self.plan.memory,
            takes: self.plan.quick.save,
        }]
    }

    fn hand_over(&mut self, now: SimTime, takes: SimDuration) -> Vec<Command> {
        self.enter(now, Step::Storage);
        vec![Command::HandOverStorage { takes }]
    }

    fn storage_taken(&mut self, now: SimTime) -> Vec<Command> {
        if self.plan.kind == MigrationKind::Quick {
            self.enter(now, Step::Restore);
            return vec![Command::RestoreVm {
                memory: self.plan.memory,
                takes: self.plan.quick.restore,
            }];
        }
        self.seat = Seat::PausedAtTarget;
        self.enter(now, Step::Resume);
        vec![Command::Resume {
            takes: self.plan.timings.resume,
        }]
    }

    fn resumed(&mut self, now: SimTime) -> Vec<Command> {
        self.seat = Seat::Target;
        self.downtime = self.paused.map_or(SimDuration::ZERO, |paused| now.since(paused));
        self.enter(now, Step::Announce);
        vec![Command::Announce {
            takes: self.plan.timings.announce,
        }]
    }

    fn announced(&mut self, now: SimTime) -> Vec<Command> {
        self.outage = self.paused.map_or(SimDuration::ZERO, |paused| now.since(paused));
        if let (MigrationKind::PostCopy, Policy::PostCopy(policy)) = (self.plan.kind, &self.plan.policy) {
            let (limit, fault_latency) = (policy.max_bandwidth, policy.fault_latency);
            let zero = if self.rounds.is_empty() {
                self.plan.wire.zero
            } else {
                Bytes::ZERO
            };
            self.enter(now, Step::Fetch);
            return vec![Command::FetchPages {
                left: self.map,
                wire: self.plan.wire.of(self.map, zero),
                rate_limit: self.limited(limit),
                fault_latency,
            }];
        }
        self.clean_up(now)
    }

    fn clean_up(&mut self, now: SimTime) -> Vec<Command> {
        if !self.source_alive {
            return self.complete(now);
        }
        self.enter(now, Step::CleanUp);
        vec![Command::CleanUp {
            takes: self.plan.timings.clean_up,
        }]
    }

    fn complete(&mut self, now: SimTime) -> Vec<Command> {
        let converged = !matches!(
            self.stop,
            Some(StopReason::MaxRounds | StopReason::MaxBytes | StopReason::DirtyRateTooHigh)
        );
        let outcome = if converged {
            Outcome::Completed
        } else {
            Outcome::CompletedNotConverged
        };
        self.end(now, outcome, None)
    }

    fn end(&mut self, now: SimTime, outcome: Outcome, reason: Option<Refusal>) -> Vec<Command> {
        self.enter(now, Step::Ended);
        self.report = Some(Report {
            outcome,
            reason,
            stop: self.stop,
            rounds: self.rounds.clone(),
            steps: self.steps.clone(),
            sent: self.sent,
            total: now.since(self.began),
            brownout: self.brownout,
            downtime: self.downtime,
            outage: self.outage,
            fetch: self.fetch,
            left_at_pause: self.left_at_pause,
        });
        Vec::new()
    }
}
