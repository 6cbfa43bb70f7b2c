//! The source of a migration: carries out the brain's commands on a running guest, and says what came of each.

mod pause;
mod rounds;

pub use pause::PauseParts;
pub use rounds::FRAME_PAGES;
pub(super) use rounds::{CANCELLED, frames};

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use twinrack_control::migration::plan::Plan;
use twinrack_control::migration::{Command, Input, Refusal};
use twinrack_scenario::record::MigrationKind;
use twinrack_scenario::spec::migration::DirtyLogSpec;
use twinrack_scenario::units::{BitsPerSecond, Bytes, Ratio};

use super::MigrateError;
use super::claim::Referee;
use super::follow::{self, Followed};
use super::link::{Link, out_of_order};
use super::message::{Hello, Message};
use super::pace::{Grant, Pace};
use super::throttle::{Throttle, Throttled};
use super::wire::{Protection, Secret};
use crate::guest::machine::Machine;
use crate::kvm::{PageSet, System};

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
    pub(super) linger: std::time::Duration,
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
            linger: std::time::Duration::ZERO,
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

    /// Sends what is left after the guest, which runs at the target.
    fn send_behind(&mut self, limit: Option<BitsPerSecond>) -> Result<Input, MigrateError> {
        // Nobody says any more which frames have been taken.
        self.link.writer.splice(None);
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
}

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

/// A failure in the brain's words.
fn as_input(error: MigrateError) -> Input {
    if error.is_link() {
        Input::LinkLost
    } else {
        Input::TargetDied
    }
}
