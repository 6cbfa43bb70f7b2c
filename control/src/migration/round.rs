//! A round of pre-copy, what a policy sees of the rounds so far, and what it decides.

use serde::{Deserialize, Serialize};
use twinrack_scenario::record::event::StopReason;
use twinrack_scenario::units::{BitsPerSecond, Bytes, Ratio, SimDuration};

/// A round that was sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Round {
    /// Its number, from 1; the full copy is 1.
    pub number: u32,
    /// Guest memory that the round set out to send.
    pub map: Bytes,
    /// Guest memory it sent: less than `map` when it was cut short.
    pub copied: Bytes,
    /// Bytes on the wire, headers included and zero pages shortened.
    pub sent: Bytes,
    /// How long it took.
    pub elapsed: SimDuration,
    /// Guest memory that became dirty meanwhile.
    pub dirtied: Bytes,
    /// Guest memory to send after it: what became dirty and what a cut left.
    pub left: Bytes,
}

impl Round {
    /// The rate at which it was sent, in bytes per second; nothing when it took no time.
    pub fn bandwidth(&self) -> Option<f64> {
        (self.elapsed > SimDuration::ZERO).then(|| self.sent.as_f64() / self.elapsed.as_secs_f64())
    }

    /// The rate at which the guest dirtied memory, in bytes per second; nothing when it took no time.
    pub fn dirty_rate(&self) -> Option<f64> {
        (self.elapsed > SimDuration::ZERO).then(|| self.dirtied.as_f64() / self.elapsed.as_secs_f64())
    }
}

/// What a policy decides on: nothing else is known to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress<'a> {
    /// Memory of the VM.
    pub memory: Bytes,
    /// The rounds so far, oldest first; none before the full copy.
    pub rounds: &'a [Round],
    /// Guest memory left to send.
    pub left: Bytes,
    /// Measured bandwidth in bytes per second: that of the last round that took time.
    pub bandwidth: Option<f64>,
}

impl<'a> Progress<'a> {
    /// The progress after `rounds`.
    pub fn after(memory: Bytes, rounds: &'a [Round]) -> Self {
        Self {
            memory,
            rounds,
            left: rounds.last().map_or(memory, |round| round.left),
            bandwidth: rounds.iter().rev().find_map(Round::bandwidth),
        }
    }

    /// How many rounds at the end brought no new least remainder.
    pub fn stalled(&self) -> usize {
        let mut least = u64::MAX;
        let mut stalled = 0;
        for round in self.rounds {
            if round.left.0 < least {
                least = round.left.0;
                stalled = 0;
            } else {
                stalled += 1;
            }
        }
        stalled
    }

    /// Bytes sent in all rounds.
    pub fn sent(&self) -> Bytes {
        self.rounds.iter().map(|round| round.sent).sum()
    }

    /// Whether more than so many times the memory was sent.
    pub fn sent_more_than(&self, times: u32) -> bool {
        self.sent().0 > self.memory.0.saturating_mul(u64::from(times))
    }
}

/// When a round is over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// When its whole map was sent.
    MapSent,
    /// When what is left of its map can be sent in `limit` at the present rate, looked at each `every`; at the latest
    /// when the whole map was sent. QEMU synchronises its dirty bitmap just then.
    LeftTakes {
        /// The pause that is wanted.
        limit: SimDuration,
        /// Between two looks; the first look is one such time after the round began.
        every: SimDuration,
        /// Rate assumed for the pause, bytes per second; the present one when absent.
        rate: Option<f64>,
    },
}

impl Until {
    /// Seconds from now until the round is over, when `left` bytes of its map are still to be sent, it goes on at
    /// `rate` bytes per second, and began `elapsed` ago. Infinite when the rate is nothing.
    ///
    /// A body asks anew whenever the rate changes; asking again at the same rate gives the same end.
    pub fn seconds_left(self, elapsed: SimDuration, left: f64, rate: f64) -> f64 {
        if left <= 0.0 {
            return 0.0;
        }
        if rate <= 0.0 {
            return f64::INFINITY;
        }
        let whole = left / rate;
        match self {
            Self::MapSent => whole,
            Self::LeftTakes {
                limit,
                every,
                rate: assumed,
            } => {
                let allowed = assumed.unwrap_or(rate) * limit.as_secs_f64();
                let reached = elapsed.as_secs_f64() + ((left - allowed) / rate).max(0.0);
                let every = every.as_secs_f64().max(1e-9);
                // A nanosecond of slack: a look that falls on the instant of the last change is that look.
                let look = libm::ceil((reached - 1e-9) / every).max(1.0) * every;
                (look - elapsed.as_secs_f64()).max(0.0).min(whole)
            }
        }
    }
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decision {
    /// Send what is left while the VM runs.
    Continue {
        /// Most bandwidth to use; all there is when absent.
        rate_limit: Option<BitsPerSecond>,
        /// Share of its processor time that is taken from the guest.
        throttle: Ratio,
        /// When the round is over.
        until: Until,
    },
    /// Pause the VM and send what is left.
    StopAndCopy {
        /// Why.
        reason: StopReason,
        /// Most bandwidth to use; all there is when absent.
        rate_limit: Option<BitsPerSecond>,
    },
    /// It never converges: leave the VM where it is.
    GiveUp,
}

impl Decision {
    /// Go on with a full-speed round.
    pub const fn go_on() -> Self {
        Self::Continue {
            rate_limit: None,
            throttle: Ratio::ZERO,
            until: Until::MapSent,
        }
    }

    /// Stop, at full speed.
    pub const fn stop(reason: StopReason) -> Self {
        Self::StopAndCopy {
            reason,
            rate_limit: None,
        }
    }

    /// Stop because little is left: nothing, or few pages.
    pub const fn converged(left: Bytes) -> Self {
        Self::stop(if left.0 == 0 {
            StopReason::AllPagesSent
        } else {
            StopReason::FewPagesLeft
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QEMU: Until = Until::LeftTakes {
        limit: SimDuration::from_millis(300),
        every: SimDuration::from_millis(100),
        rate: None,
    };

    #[test]
    fn a_round_is_cut_at_the_first_look_below_the_limit() {
        // 1,000 B at 100 B/s: the 30 B of 300 ms are reached after 9.7 s, on a look.
        assert!((QEMU.seconds_left(SimDuration::ZERO, 1000.0, 100.0) - 9.7).abs() < 1e-9);
        // 1,005 B: reached after 9.75 s, looked at after 9.8 s.
        assert!((QEMU.seconds_left(SimDuration::ZERO, 1005.0, 100.0) - 9.8).abs() < 1e-9);
        // The rest of a map is never exceeded.
        assert!((QEMU.seconds_left(SimDuration::ZERO, 5.0, 100.0) - 0.05).abs() < 1e-9);
        assert_eq!(QEMU.seconds_left(SimDuration::ZERO, 5.0, 0.0), f64::INFINITY);
    }

    #[test]
    fn asking_again_at_the_same_rate_gives_the_same_end() {
        let later = QEMU.seconds_left(SimDuration::from_millis(4321), 1005.0 - 432.1, 100.0);
        assert!((later + 4.321 - 9.8).abs() < 1e-9);
    }

    #[test]
    fn stalled_counts_rounds_since_the_least() {
        let round = |left| Round {
            number: 1,
            map: Bytes(0),
            copied: Bytes(0),
            sent: Bytes(0),
            elapsed: SimDuration::ZERO,
            dirtied: Bytes(left),
            left: Bytes(left),
        };
        let rounds = [round(9), round(5), round(5), round(7)];
        assert_eq!(Progress::after(Bytes(10), &rounds).stalled(), 2);
        assert_eq!(Progress::after(Bytes(10), &rounds[..2]).stalled(), 0);
    }
}
