//! Rounds: pages go out while the guest runs, frame by frame, until the map is through or what is left is little enough.

use std::ops::Range;
use std::sync::atomic::Ordering;

use twinrack_control::migration::{Input, Until};
use twinrack_scenario::spec::migration::DirtyLogSpec;
use twinrack_scenario::units::{BitsPerSecond, Bytes, Ratio, SimDuration};

use super::super::MigrateError;
use super::super::message::Message;
use super::super::pace::Pace;
use super::Source;
use crate::kvm::PageSet;

/// Pages of one frame: half a mebibyte is a system call and a tag for each.
pub const FRAME_PAGES: usize = 128;
/// Pages that are watched again at once under early clear; a multiple of 64.
const CHUNK_PAGES: usize = 1024;

/// Reason that a cancelled round gives up with; see `send_round`.
pub(in super::super) const CANCELLED: &str = "cancelled";

/// What was sent of a round.
struct SentRound {
    bytes: Bytes,
    copied: u64,
}

impl Source {
    pub(super) fn send_round(
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
                pace.sent(self.link.send_runs(self.machine.memory(), &runs, self.zeros)?);
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

/// Runs gathered into frames of at most [`FRAME_PAGES`] pages.
pub(in super::super) fn frames(runs: impl IntoIterator<Item = Range<usize>>) -> Vec<Vec<Range<usize>>> {
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
