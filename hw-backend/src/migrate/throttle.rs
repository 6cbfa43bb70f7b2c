//! Slowing a guest down: each slice that it runs is followed by a nap, so that it keeps the share of time that is left to it.
//!
//! As QEMU's `cpu-throttle` does it: the guest runs for 10 ms and then sleeps for `share / (1 - share)` of that (`system/cpu-throttle.c`,
//! `CPU_THROTTLE_TIMESLICE_NS`). The nap is taken by the vCPU's own thread, so nothing is taken from a guest that has been paused.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use twinrack_scenario::units::Ratio;

use crate::kvm::thread::Napper;

/// Time that a guest runs between two naps.
const SLICE: Duration = Duration::from_millis(10);
/// Most that is taken: beyond it a nap would last for ever.
const MOST: f64 = 0.99;

/// How much was asked to be taken from a guest, and how much was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Throttled {
    /// Share of its time asked for.
    pub asked: Ratio,
    /// Share that it slept, on average over its processors.
    pub measured: Ratio,
    /// How long that went on.
    pub lasted: Duration,
}

/// A guest that is being slowed down; at full speed again when dropped.
#[derive(Debug)]
pub(super) struct Throttle {
    share: Ratio,
    nappers: Vec<Napper>,
    began: Instant,
    /// What its processors had slept when it began.
    before: Duration,
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Throttle {
    /// Takes `share` of its time from a guest, from now on.
    pub(super) fn start(nappers: Vec<Napper>, share: Ratio) -> io::Result<Self> {
        let (end, ended) = channel::<()>();
        let nap = nap(share);
        let (ours, before) = (nappers.clone(), taken(&nappers));
        let thread = thread::Builder::new()
            .name("throttle".to_owned())
            .spawn(move || {
                let mut next = Instant::now() + SLICE;
                while ended.recv_timeout(next.saturating_duration_since(Instant::now()))
                    == Err(RecvTimeoutError::Timeout)
                {
                    for napper in &ours {
                        napper.nap(nap);
                    }
                    next += SLICE + nap;
                }
            })?;
        Ok(Self {
            share,
            nappers,
            began: Instant::now(),
            before,
            end: Some(end),
            thread: Some(thread),
        })
    }

    /// The share asked for.
    pub(super) const fn share(&self) -> Ratio {
        self.share
    }

    /// Ends it and says what came of it.
    pub(super) fn end(self) -> Throttled {
        let lasted = self.began.elapsed();
        let slept = taken(&self.nappers).saturating_sub(self.before);
        let all = lasted.as_secs_f64() * self.nappers.len() as f64;
        Throttled {
            asked: self.share,
            measured: Ratio(if all > 0.0 {
                (slept.as_secs_f64() / all).min(1.0)
            } else {
                0.0
            }),
            lasted,
        }
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has already said so.
            let _ = thread.join();
        }
    }
}

/// The nap after each slice.
fn nap(share: Ratio) -> Duration {
    let share = share.0.clamp(0.0, MOST);
    SLICE.mul_f64(share / (1.0 - share))
}

fn taken(nappers: &[Napper]) -> Duration {
    nappers.iter().map(Napper::taken).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nap_is_to_the_slice_as_what_is_taken_to_what_is_left() {
        assert_eq!(nap(Ratio::ZERO), Duration::ZERO);
        assert_eq!(nap(Ratio(0.2)), Duration::from_micros(2500));
        assert_eq!(nap(Ratio(0.5)), SLICE);
        assert!(nap(Ratio::ONE) <= Duration::from_secs(1));
    }
}
