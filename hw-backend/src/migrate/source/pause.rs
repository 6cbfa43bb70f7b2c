//! The pause: the guest stands still, what is left of it and its processors' state go over, and the target has it or the source keeps it.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use twinrack_control::migration::{Input, Refusal};
use twinrack_scenario::units::{BitsPerSecond, Bytes, Ratio};

use super::super::MigrateError;
use super::super::claim::Owner;
use super::super::message::Message;
use super::super::pace::Pace;
use super::rounds::{FRAME_PAGES, frames};
use super::{Source, as_input};
use crate::kvm::PageSet;

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

impl Source {
    pub(super) fn pause(&mut self) -> Result<Input, MigrateError> {
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

    pub(super) fn send_state(&mut self, limit: Option<BitsPerSecond>) -> Result<Input, MigrateError> {
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
            let sent = self.link.send_runs(self.machine.memory(), &runs, self.zeros)?;
            pace.sent(sent);
        }
        Ok(())
    }

    /// Gives the guest away. When the answer does not come, the referee says who has it.
    pub(super) fn commit(&mut self) -> Result<Input, MigrateError> {
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
    pub(super) fn await_resumed(&mut self) -> Input {
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
}
