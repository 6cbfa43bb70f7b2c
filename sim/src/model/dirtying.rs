//! How a guest dirties memory: classes of pages, written at random or in sequence, at the pace of its processor share.
//!
//! A class of `W` pages written `r` times a second at full share has, after `E` seconds of full share,
//!
//! ```text
//! random      U(E) = W · (1 − exp(−r·E / W))
//! sequential  U(E) = min(W, r·E)
//! ```
//!
//! distinct dirty pages. `E` is the integral of the share granted, so a share that changes in the middle of a round
//! costs no accuracy. What a round leaves to send depends on when the log is cleared, see [`Log`]; the parts sent so far
//! are told to the tracker whenever the pace of sending or writing changes, and what lies between is linear.

mod cost;
mod log;
mod runs;
mod skip;

pub use cost::{Guest, dirty_fault, fault_load};
pub use log::Log;

use twinrack_scenario::spec::guest::{PageClassSpec, WritePattern};
use twinrack_scenario::units::{BitsPerSecond, Bytes, Ratio, SimTime};

use log::Sweep;
use skip::Sweeping;

/// Less than this share of a map is no page: it is what rounding left over.
const NO_PAGE: f64 = 1e-7;

/// Pages that are written alike. Sizes count grains, which are pages unless the model says otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PageClass {
    /// Grains in it.
    pub size: f64,
    /// Writes each second at full share, each to one grain.
    pub rate: f64,
    /// In which order.
    pub pattern: WritePattern,
}

/// How a guest dirties memory.
#[derive(Debug, Clone, PartialEq)]
pub struct DirtyModel {
    /// The classes; what is in none is never written.
    classes: Vec<PageClass>,
    /// Memory of the guest.
    memory: Bytes,
    /// What is counted: pages, or single bytes for SimGrid's plugin.
    grain: Bytes,
    /// Most that may be dirty at once.
    most: Bytes,
    /// Which writes count.
    log: Log,
}

impl DirtyModel {
    /// The model of a guest with such classes and memory.
    pub fn new(classes: &[PageClassSpec], memory: Bytes, log: Log) -> Self {
        let classes = classes
            .iter()
            .map(|class| PageClass {
                size: class.size.unwrap_or(memory).min(memory).pages() as f64,
                rate: class.rate.0,
                pattern: class.pattern,
            })
            .collect();
        Self {
            classes,
            memory,
            grain: Bytes::PAGE,
            most: memory,
            log,
        }
    }

    /// SimGrid's: a busy virtual processor dirties `intensity` of the configured migration speed, in bytes, up to
    /// `working_set` of the memory (`dirty_page_tracking.cpp`).
    pub fn simgrid(memory: Bytes, speed: BitsPerSecond, intensity: Ratio, working_set: Ratio) -> Self {
        let most = Bytes((memory.as_f64() * working_set.0) as u64);
        Self {
            classes: vec![PageClass {
                size: most.as_f64(),
                rate: speed.as_f64() / 8.0 * intensity.0,
                pattern: WritePattern::Sequential,
            }],
            memory,
            grain: Bytes(1),
            most,
            log: Log::RoundStart,
        }
    }

    /// The classes.
    pub fn classes(&self) -> &[PageClass] {
        &self.classes
    }
}

/// What a round left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collected {
    /// Memory that became dirty during the round.
    pub dirtied: Bytes,
    /// Memory to send now: that, and what the round did not get to.
    pub left: Bytes,
}

/// Follows one guest's writes through the rounds of one migration.
#[derive(Debug, Clone, PartialEq)]
pub struct DirtyTracker {
    model: DirtyModel,
    /// Grains of each class that the present round has to send.
    to_send: Vec<f64>,
    /// Likewise, of the memory that is in no class.
    rest: f64,
    sweep: Sweep,
    /// Share of the map that was sent in this round, where some of it is left out.
    sent: f64,
    share: f64,
    throttle: f64,
    last: SimTime,
}

impl DirtyTracker {
    /// A guest before the full copy, at full share.
    pub fn new(model: DirtyModel, now: SimTime) -> Self {
        let to_send: Vec<f64> = model.classes.iter().map(|class| class.size).collect();
        let in_classes: f64 = to_send.iter().sum();
        let memory = model.memory.as_f64() / model.grain.as_f64();
        Self {
            to_send,
            rest: (memory - in_classes).max(0.0),
            sweep: Sweep::default(),
            sent: 0.0,
            share: 1.0,
            throttle: 0.0,
            last: now,
            model,
        }
    }

    /// Memory that the present round has to send.
    pub fn to_send(&self) -> Bytes {
        self.bytes(self.to_send.iter().sum::<f64>() + self.rest)
            .min(self.model.memory)
    }

    /// Writes up to `now` at the present pace.
    pub fn advance(&mut self, now: SimTime) {
        let seconds = now.since(self.last).as_secs_f64();
        self.sweep.write(seconds * self.share * (1.0 - self.throttle));
        self.last = self.last.max(now);
    }

    /// From now on the guest runs at `share` of full speed: the part of its virtual processors that is busy *and*
    /// granted.
    pub fn set_share(&mut self, now: SimTime, share: Ratio) {
        self.advance(now);
        self.share = share.0.max(0.0);
    }

    /// From now on `throttle` of that is taken away.
    pub fn set_throttle(&mut self, now: SimTime, throttle: Ratio) {
        self.advance(now);
        self.throttle = throttle.0.clamp(0.0, 1.0);
    }

    /// Until now, `fraction` of the round's map was sent. Needed before the pace of sending or writing changes, where the
    /// log looks at single pages; harmless otherwise.
    pub fn note_sent(&mut self, now: SimTime, fraction: f64) {
        self.advance(now);
        let passed = if self.leaves_out() {
            self.passed(fraction)
        } else {
            fraction
        };
        self.sweep.note_sent(passed);
    }

    /// Where a sweep that leaves pages out has come to when `fraction` of the map was sent.
    fn passed(&mut self, fraction: f64) -> f64 {
        let (from, exposure) = self.sweep.last();
        let sent = (fraction - self.sent).max(0.0);
        let written = self.sweep.exposure() - exposure;
        let passed = self.sweeping().passed(from, sent, exposure, written);
        self.sent = self.sent.max(fraction);
        if passed > 1.0 - NO_PAGE { 1.0 } else { passed }
    }

    const fn sweeping(&self) -> Sweeping<'_> {
        Sweeping {
            classes: self.model.classes.as_slice(),
            to_send: self.to_send.as_slice(),
            rest: self.rest,
        }
    }

    /// Whether pages that are dirty again are left out of a round.
    pub fn leaves_out(&self) -> bool {
        self.model.log == Log::SkipDirty
    }

    /// Seconds until the sweep is through when it sends `pace` of the round's map each second, where it leaves pages out;
    /// `note_sent` must have been told all up to now.
    pub fn swept_in(&self, pace: f64) -> Option<f64> {
        let (from, exposure) = self.sweep.last();
        let writing = self.share * (1.0 - self.throttle);
        self.leaves_out()
            .then(|| self.sweeping().seconds_left(from, exposure, pace, writing))
    }

    /// Forgets what was written before `now`: the full copy begins.
    pub fn start(&mut self, now: SimTime) {
        self.sweep = Sweep::default();
        self.sent = 0.0;
        self.last = now;
    }

    /// Ends a round of which `fraction` was sent, and begins the next: what is left is its map.
    pub fn collect(&mut self, now: SimTime, fraction: f64) -> Collected {
        self.note_sent(now, fraction);
        let fraction = self.sweep.sent();
        let mut dirtied = 0.0;
        let mut unsent = self.rest * (1.0 - fraction);
        self.rest = unsent;
        for (class, to_send) in self.model.classes.iter().zip(&mut self.to_send) {
            let not_sent = *to_send * (1.0 - fraction);
            let again = match self.model.log {
                Log::RoundStart | Log::SkipDirty => *to_send * fraction * self.sweep.written(class),
                Log::EarlyClear => *to_send * self.sweep.written_after_sent(class),
            };
            let newly = again + (class.size - *to_send).max(0.0) * self.sweep.written(class);
            dirtied += newly;
            unsent += not_sent;
            *to_send = not_sent + newly;
        }
        self.sweep = Sweep::default();
        self.sent = 0.0;
        Collected {
            dirtied: self.bytes(dirtied).min(self.model.most),
            left: self.bytes(dirtied + unsent).min(self.model.memory),
        }
    }

    /// Memory dirtied so far in this round, if it were read at `now`.
    pub fn dirtied(&mut self, now: SimTime) -> Bytes {
        self.advance(now);
        let grains: f64 = self
            .model
            .classes
            .iter()
            .map(|class| class.size * self.sweep.written(class))
            .sum();
        self.bytes(grains).min(self.model.most)
    }

    /// Pages that the present round will have seen written for the first time when it ends at `end`, all of its map sent by
    /// then and the guest writing at such a share from now on.
    pub fn first_writes(&self, now: SimTime, end: SimTime, share: Ratio) -> f64 {
        let mut foreseen = self.clone();
        foreseen.set_share(now, share);
        foreseen.collect(end, 1.0).dirtied.pages() as f64
    }

    /// Grains still to send that the guest would touch before they arrive, when they are sent in one sweep during
    /// which it writes for `exposure` seconds at full share.
    pub fn touched_early(&self, exposure: f64) -> f64 {
        let classes = self.model.classes.iter().zip(&self.to_send);
        classes
            .map(|(class, to_send)| to_send * log::mean_written(class, 0.0, exposure))
            .sum()
    }

    /// Whole grains only: a page is dirty or it is not. A millionth of a grain covers the rounding of the sum.
    fn bytes(&self, grains: f64) -> Bytes {
        Bytes(((grains + 1e-6) as u64).saturating_mul(self.model.grain.0))
    }
}

#[cfg(test)]
mod tests;
