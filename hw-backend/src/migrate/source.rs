//! The source of a migration: carries out the brain's commands on a running guest, and says what came of each.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use twinrack_control::migration::plan::Plan;
use twinrack_control::migration::{Command, Input, Refusal, Until};
use twinrack_scenario::record::MigrationKind;
use twinrack_scenario::spec::migration::DirtyLogSpec;
use twinrack_scenario::units::{BitsPerSecond, Bytes, Ratio, SimDuration};

use super::MigrateError;
use super::claim::{Owner, Referee};
use super::follow::{self, Followed};
use super::link::{Link, out_of_order};
use super::message::{Hello, Message};
use super::pace::{Grant, Pace};
use super::throttle::{Throttle, Throttled};
use super::wire::{Protection, Secret};
use crate::guest::machine::Machine;
use crate::kvm::{PageSet, System};

/// Pages of one frame: half a mebibyte is a system call and a tag for each.
pub(super) const FRAME_PAGES: usize = 128;
/// Pages that are watched again at once under early clear; a multiple of 64.
const CHUNK_PAGES: usize = 1024;

/// What the pause consisted of, as the source saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PauseParts {
    /// Stopping the processors.
    pub stop: Duration,
    /// Reading the log for the last time.
    pub log: Duration,
    /// Reading the processors' state.
    pub save: Duration,
    /// Sending what was left, until the target had loaded it.
    pub copy: Duration,
    /// From the commit until the target had taken the guest.
    pub commit: Duration,
    /// From then until it said that the guest ran.
    pub resume: Duration,
}

/// One guest on its way out.
pub struct Source {
    machine: Machine,
    link: Link<TcpStream, TcpStream>,
    /// What the present round, or the pause, has to send.
    to_send: PageSet,
    /// Send pages of zeros as such.
    zeros: bool,
    log: DirtyLogSpec,
    logging: bool,
    cancel: Arc<AtomicBool>,
    referee: Box<dyn Referee>,
    grant: Grant,
    parts: PauseParts,
    throttle: Option<Throttle>,
    throttled: Vec<Throttled>,
    /// What the plan wants and this body can't do, if there is something.
    beyond: Option<&'static str>,
    /// Its pages come behind it.
    follows: bool,
    followed: Option<Followed>,
    /// How long to wait before the pause: a hook for tests.
    #[cfg(test)]
    pub(super) linger: Duration,
}

/// What was sent of a round.
struct SentRound {
    bytes: Bytes,
    copied: u64,
}

impl Source {
    /// A guest that is to go over `stream` as `plan` says; `cancel` is looked at while it sends.
    pub fn new(
        machine: Machine,
        stream: TcpStream,
        secret: Secret,
        plan: &Plan,
        cancel: Arc<AtomicBool>,
        referee: Box<dyn Referee>,
    ) -> Result<Self, MigrateError> {
        let protection = if plan.encrypt {
            Protection::Sealed
        } else {
            Protection::Tagged
        };
        let pages = machine.memory().pages();
        Ok(Self {
            link: Link::of_source(stream, secret, protection)?,
            to_send: PageSet::full(pages),
            zeros: plan.wire.zero > Bytes::ZERO,
            log: plan.dirty_log,
            logging: false,
            parts: PauseParts::default(),
            throttle: None,
            throttled: Vec::new(),
            beyond: beyond(plan),
            follows: plan.kind == MigrationKind::PostCopy,
            followed: None,
            #[cfg(test)]
            linger: Duration::ZERO,
            machine,
            cancel,
            referee,
            grant: Grant::default(),
        })
    }

    /// The same, at no more than is granted to it of a link that it shares.
    #[must_use]
    pub fn granted(self, grant: Grant) -> Self {
        Self { grant, ..self }
    }

    /// Bytes sent so far, all that is on the wire counted.
    pub const fn sent(&self) -> u64 {
        self.link.writer.sent()
    }

    /// The guest.
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// What the pause consisted of.
    pub const fn parts(&self) -> PauseParts {
        self.parts
    }

    /// How much the guest was slowed down, one entry for each share that the policy asked for.
    pub fn throttled(&self) -> &[Throttled] {
        &self.throttled
    }

    /// What the guest waited for while its pages followed it, told once when they have.
    pub const fn take_followed(&mut self) -> Option<Followed> {
        self.followed.take()
    }

    /// The guest back, when the migration is over and it is still here.
    pub fn into_machine(self) -> Machine {
        self.machine
    }

    fn validate(&self) -> Result<(), Refusal> {
        match self.beyond {
            None => Ok(()),
            Some(what) => {
                let message = MigrateError::Unsupported(what).to_string();
                Err(Refusal {
                    code: "HW_UNSUPPORTED",
                    message,
                })
            }
        }
    }

    /// Says what is coming; the answer to [`Command::Prepare`].
    fn prepare(&mut self, system: &System, migration: u32) -> Result<Input, MigrateError> {
        let hello = Hello {
            follows: self.follows,
            ..hello(system, &self.machine, migration)?
        };
        self.link.say(&Message::Hello(hello))?;
        match self.link.hear() {
            Ok(Message::Ready) => Ok(Input::Prepared),
            Ok(Message::Refused(reason)) => Ok(Input::PrepareFailed(Refusal {
                code: "LM_TARGET_REFUSED",
                message: reason,
            })),
            Ok(other) => Err(out_of_order(&other, "Ready or Refused")),
            Err(error) => Err(error),
        }
    }

    /// Carries out one command and gives the input that answers it, if it has one. It takes as long as the command does.
    ///
    /// A failure of the link, of the target or of the work is an input too; an error is left to the caller only
    /// where the guest can't be used any more: it broke, or it is in doubt who has it.
    pub fn carry_out(
        &mut self,
        system: &System,
        migration: u32,
        command: &Command,
    ) -> Result<Option<Input>, MigrateError> {
        let done = match *command {
            Command::Validate { .. } => Ok(Some(Input::Validated(self.validate()))),
            Command::Prepare { .. } => self.prepare(system, migration).map(Some),
            Command::SendRound {
                round,
                rate_limit,
                throttle,
                until,
                ..
            } => self.send_round(round, rate_limit, throttle, until).map(Some),
            Command::PauseVm { .. } => self.pause().map(Some),
            Command::SendState { rate_limit, .. } => self.send_state(rate_limit).map(Some),
            Command::HandOverStorage { .. } => return self.commit().map(Some),
            Command::Resume { .. } => Ok(Some(self.await_resumed())),
            Command::Announce { .. } => Ok(Some(Input::Announced)),
            Command::CleanUp { .. } => Ok(Some(Input::CleanedUp)),
            Command::RollBack { .. } => {
                self.give_up("rolled back");
                self.machine.run()?;
                Ok(Some(Input::RolledBack))
            }
            Command::Abort => {
                self.give_up("aborted by the source");
                Ok(None)
            }
            Command::Refuse(_) => Ok(None),
            Command::SaveVm { .. } | Command::RestoreVm { .. } => Err(MigrateError::Unsupported(
                "migrate through a file over a connection",
            )),
            Command::FetchPages { rate_limit, .. } => self.send_behind(rate_limit).map(Some),
        };
        match done {
            Ok(input) => Ok(input),
            // A guest that broke is not to be run again.
            Err(MigrateError::Machine(error)) => {
                self.give_up(&error.to_string());
                Err(error.into())
            }
            Err(error) => Ok(Some(as_input(error))),
        }
    }

    fn send_round(
        &mut self,
        round: u32,
        limit: Option<BitsPerSecond>,
        throttle: Ratio,
        until: Until,
    ) -> Result<Input, MigrateError> {
        self.slow_down(throttle)?;
        if round == 1 {
            self.machine.log().start()?;
            self.logging = true;
        }
        let sent = match self.send(limit, until) {
            Err(MigrateError::Aborted(reason)) if reason == CANCELLED => return Ok(Input::Cancel),
            sent => sent?,
        };
        self.link.say(&Message::RoundEnd(round))?;
        self.link.expect(&Message::RoundAck(round))?;
        let mut dirtied = PageSet::empty(self.to_send.bound());
        self.machine.log().collect(&mut dirtied)?;
        self.to_send.add(&dirtied);
        Ok(Input::RoundSent {
            sent: sent.bytes,
            copied: Bytes::from_pages(sent.copied),
            dirtied: Bytes::from_pages(dirtied.count()),
            left: Bytes::from_pages(self.to_send.count()),
        })
    }

    /// Takes `share` of its time from the guest from now on.
    fn slow_down(&mut self, share: Ratio) -> Result<(), MigrateError> {
        let present = self.throttle.as_ref().map_or(Ratio::ZERO, Throttle::share);
        if share == present {
            return Ok(());
        }
        if let Some(before) = self.throttle.take() {
            self.throttled.push(before.end());
        }
        if share > Ratio::ZERO {
            let started = Throttle::start(self.machine.nappers(), share);
            self.throttle = Some(started.map_err(|source| crate::kvm::Error::Call {
                call: "clone of a throttle's thread",
                source,
            })?);
        }
        Ok(())
    }

    fn pause(&mut self) -> Result<Input, MigrateError> {
        #[cfg(test)]
        std::thread::sleep(self.linger);
        self.slow_down(Ratio::ZERO)?;
        self.parts.stop = self.machine.pause()?;
        let began = Instant::now();
        let mut dirtied = PageSet::empty(self.to_send.bound());
        if self.logging {
            self.machine.log().collect(&mut dirtied)?;
        }
        let before = self.to_send.count();
        self.to_send.add(&dirtied);
        self.parts.log = began.elapsed();
        // The brain adds what is new to what it knows to be left.
        Ok(Input::Paused {
            dirtied: Bytes::from_pages(self.to_send.count() - before),
        })
    }

    fn send_state(&mut self, limit: Option<BitsPerSecond>) -> Result<Input, MigrateError> {
        let before = self.link.writer.sent();
        let began = Instant::now();
        let states = self.machine.save()?;
        self.parts.save = began.elapsed();
        let began = Instant::now();
        if self.follows {
            self.link.writer.say_follow(&self.to_send)?;
        } else {
            self.send_rest(limit)?;
        }
        self.link.say(&Message::States(states))?;
        self.link.expect(&Message::Loaded)?;
        self.parts.copy = began.elapsed();
        Ok(Input::StateSent {
            sent: Bytes(self.link.writer.sent() - before),
        })
    }

    /// Sends what is left of a guest that stands still: nothing of it need be watched again.
    fn send_rest(&mut self, limit: Option<BitsPerSecond>) -> Result<(), MigrateError> {
        let mut pace = Pace::new(limit, &self.grant);
        let all = std::mem::replace(&mut self.to_send, PageSet::empty(self.machine.memory().pages()));
        for runs in frames(all.runs(FRAME_PAGES)) {
            let sent = self
                .link
                .writer
                .send_runs(self.machine.memory(), &runs, self.zeros)?;
            pace.sent(sent);
        }
        Ok(())
    }

    /// Sends what is left after the guest, which runs at the target.
    fn send_behind(&mut self, limit: Option<BitsPerSecond>) -> Result<Input, MigrateError> {
        let before = self.link.writer.sent();
        let (memory, zeros) = (self.machine.memory().clone(), self.zeros);
        let followed = follow::send_behind(
            &mut self.link,
            &memory,
            &mut self.to_send,
            zeros,
            Pace::new(limit, &self.grant),
        )?;
        self.followed = Some(followed);
        Ok(Input::PagesFetched {
            sent: Bytes(self.link.writer.sent() - before),
        })
    }

    /// Gives the guest away. When the answer does not come, the referee says who has it.
    fn commit(&mut self) -> Result<Input, MigrateError> {
        let began = Instant::now();
        let answer = self
            .link
            .say(&Message::Commit)
            .and_then(|()| self.link.expect(&Message::Taken));
        self.parts.commit = began.elapsed();
        let Err(error) = answer else {
            return Ok(Input::StorageTaken);
        };
        match self.referee.settle() {
            Owner::Target => Ok(Input::StorageTaken),
            Owner::Source => Ok(as_input(error)),
            Owner::Unknown => Err(MigrateError::InDoubt),
        }
    }

    /// The target has taken the guest and runs it; whether that is heard here changes nothing.
    fn await_resumed(&mut self) -> Input {
        let began = Instant::now();
        let heard = self.link.hear().map(|message| message == Message::Resumed);
        self.parts.resume = began.elapsed();
        match heard {
            Err(MigrateError::Aborted(reason)) => Input::ResumeFailed(Refusal {
                code: "LM_RESUME_FAILED",
                message: reason,
            }),
            _ => Input::Resumed,
        }
    }

    /// Tells the target that it is over, and lets the guest write at full speed again.
    fn give_up(&mut self, why: &str) {
        let _ = self.link.say(&Message::Abort(why.to_owned()));
        // Only the start of a throttle can fail.
        let _ = self.slow_down(Ratio::ZERO);
        if std::mem::take(&mut self.logging) {
            // A log that can't be stopped costs the guest time, nothing else.
            let _ = self.machine.log().stop();
        }
    }

    /// Sends the round's pages, chunk by chunk, until it is over; what was sent is no longer to be sent.
    fn send(&mut self, limit: Option<BitsPerSecond>, until: Until) -> Result<SentRound, MigrateError> {
        let before = self.link.writer.sent();
        let pages = self.to_send.bound();
        let mut pace = Pace::new(limit, &self.grant);
        let mut looks = Looks::new(until);
        let mut left = self.to_send.count();
        let set_out = left;
        if self.log == DirtyLogSpec::RoundStart {
            self.machine.log().rearm(0, pages, &self.to_send)?;
        }
        for first in (0..pages).step_by(CHUNK_PAGES) {
            let chunk = self.to_send.part(first, CHUNK_PAGES, FRAME_PAGES);
            if chunk.is_empty() {
                continue;
            }
            if self.log == DirtyLogSpec::EarlyClear {
                self.machine.log().rearm(first, CHUNK_PAGES, &self.to_send)?;
            }
            for runs in frames(chunk) {
                if self.cancel.load(Ordering::Relaxed) {
                    return Err(MigrateError::Aborted(CANCELLED.to_owned()));
                }
                pace.sent(
                    self.link
                        .writer
                        .send_runs(self.machine.memory(), &runs, self.zeros)?,
                );
                for page in runs.into_iter().flatten() {
                    self.to_send.remove(page);
                    left -= 1;
                }
                if looks.over(&pace, left) {
                    return Ok(self.sent_since(before, set_out - left));
                }
            }
        }
        Ok(self.sent_since(before, set_out - left))
    }

    const fn sent_since(&self, before: u64, copied: u64) -> SentRound {
        SentRound {
            bytes: Bytes(self.link.writer.sent() - before),
            copied,
        }
    }
}

/// Reason that a cancelled round gives up with; see [`Source::send_round`].
pub(super) const CANCELLED: &str = "cancelled";

/// What there is to say of a guest before its memory comes.
pub(super) fn hello(system: &System, machine: &Machine, migration: u32) -> Result<Hello, MigrateError> {
    let shape = machine.shape();
    Ok(Hello {
        migration,
        memory: shape.memory,
        vcpus: shape.vcpus,
        pages: shape.pages,
        follows: false,
        cpuid: system.supported_cpuid()?.as_slice().to_vec(),
    })
}

/// What a plan wants that this body can't do.
fn beyond(plan: &Plan) -> Option<&'static str> {
    match plan.kind {
        MigrationKind::Live | MigrationKind::PostCopy => None,
        MigrationKind::Quick => Some("migrate through a file over a connection"),
    }
}

/// Runs gathered into frames of at most [`FRAME_PAGES`] pages.
pub(super) fn frames(
    runs: impl IntoIterator<Item = std::ops::Range<usize>>,
) -> Vec<Vec<std::ops::Range<usize>>> {
    let mut frames: Vec<Vec<_>> = Vec::new();
    let mut room = 0;
    for run in runs {
        match frames.last_mut() {
            Some(frame) if run.len() <= room => {
                room -= run.len();
                frame.push(run);
            }
            _ => {
                room = FRAME_PAGES - run.len();
                frames.push(vec![run]);
            }
        }
    }
    frames
}

/// When a round is looked at.
struct Looks {
    until: Until,
    /// The looks that have been.
    done: u64,
}

impl Looks {
    const fn new(until: Until) -> Self {
        Self { until, done: 0 }
    }

    /// Whether the round is over before its whole map was sent: asked once at each look, as of the look.
    fn over(&mut self, pace: &Pace, left: u64) -> bool {
        let Until::LeftTakes { every, .. } = self.until else {
            return false;
        };
        let reached = pace.elapsed().as_nanos() / u128::from(every.as_nanos().max(1));
        let reached = u64::try_from(reached).unwrap_or(u64::MAX);
        if left == 0 || reached <= self.done {
            return false;
        }
        self.done = reached;
        let look = SimDuration::from_nanos(every.as_nanos().saturating_mul(reached));
        let left = Bytes::from_pages(left).as_f64();
        self.until.seconds_left(look, left, pace.rate()) <= 0.0
    }
}

/// A failure in the brain's words.
fn as_input(error: MigrateError) -> Input {
    if error.is_link() {
        Input::LinkLost
    } else {
        Input::TargetDied
    }
}
