//! QEMU: stop when what is pending fits the downtime limit; slow the guest down when it dirties faster than is sent.

use twinrack_scenario::spec::migration::QemuSpec;
use twinrack_scenario::units::{BitsPerSecond, Ratio, SimDuration};

use super::PrecopyPolicy;
use crate::migration::round::{Decision, Progress, Round, Until};

/// The policy and its parameters, under QEMU's names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Qemu {
    /// Longest pause wanted.
    pub downtime_limit: SimDuration,
    /// Most bandwidth.
    pub max_bandwidth: BitsPerSecond,
    /// Bandwidth assumed for the pause in place of the measured one.
    pub switchover_bandwidth: Option<BitsPerSecond>,
    /// How often what is pending is compared with the limit.
    pub check_interval: SimDuration,
    /// The slow-down; none when absent.
    pub auto_converge: Option<AutoConverge>,
    /// Rounds without a new least remainder after which it gives up.
    pub stalled_rounds: u32,
}

/// Slowing the guest down step by step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AutoConverge {
    /// Share of the bytes sent that may be dirtied before a period counts as too fast.
    pub trigger: f64,
    /// First slow-down.
    pub initial: f64,
    /// Each further one.
    pub increment: f64,
    /// Greatest.
    pub max: f64,
}

/// Least length of a period for auto-converge (`migration_bitmap_sync`: more than 1,000 ms since the last).
const PERIOD: SimDuration = SimDuration::from_secs(1);
/// Periods too fast, not necessarily in a row, that make a step (`dirty_rate_high_cnt`).
const FAST_PERIODS: u32 = 2;

impl From<&QemuSpec> for Qemu {
    fn from(spec: &QemuSpec) -> Self {
        Self {
            downtime_limit: spec.downtime_limit,
            max_bandwidth: spec.max_bandwidth,
            switchover_bandwidth: spec.switchover_bandwidth,
            check_interval: spec.check_interval,
            auto_converge: spec.auto_converge.then_some(AutoConverge {
                trigger: spec.throttle_trigger.0,
                initial: spec.throttle_initial.0,
                increment: spec.throttle_increment.0,
                max: spec.throttle_max.0,
            }),
            stalled_rounds: spec.stalled_rounds,
        }
    }
}

impl AutoConverge {
    /// The slow-down after `rounds`: two periods of at least a second, each with more dirtied than `trigger` of what
    /// was sent, make a step.
    pub fn throttle(&self, rounds: &[Round]) -> f64 {
        let (mut throttle, mut fast) = (0.0_f64, 0);
        let (mut dirtied, mut sent, mut elapsed) = (0.0, 0.0, SimDuration::ZERO);
        for round in rounds {
            dirtied += round.dirtied.as_f64();
            sent += round.sent.as_f64();
            elapsed += round.elapsed;
            if elapsed <= PERIOD {
                continue;
            }
            if dirtied > self.trigger * sent {
                fast += 1;
                if fast >= FAST_PERIODS {
                    fast = 0;
                    throttle = if throttle == 0.0 {
                        self.initial.min(self.max)
                    } else {
                        (throttle + self.increment).min(self.max)
                    };
                }
            }
            (dirtied, sent, elapsed) = (0.0, 0.0, SimDuration::ZERO);
        }
        throttle
    }
}

impl Qemu {
    /// Rate assumed for the pause, in bytes per second.
    fn switchover_rate(&self) -> Option<f64> {
        self.switchover_bandwidth.map(|rate| rate.as_f64() / 8.0)
    }
}

impl PrecopyPolicy for Qemu {
    fn decide(&self, progress: &Progress) -> Decision {
        let throttle = self
            .auto_converge
            .map_or(0.0, |auto| auto.throttle(progress.rounds));
        if !progress.rounds.is_empty() {
            let rate = self.switchover_rate().or(progress.bandwidth).unwrap_or(0.0);
            if progress.left.as_f64() <= rate * self.downtime_limit.as_secs_f64() {
                return Decision::converged(progress.left);
            }
            let can_throttle = self.auto_converge.is_some_and(|auto| throttle < auto.max);
            if !can_throttle && progress.stalled() >= self.stalled_rounds as usize {
                return Decision::GiveUp;
            }
        }
        Decision::Continue {
            rate_limit: Some(self.max_bandwidth),
            throttle: Ratio(throttle),
            until: Until::LeftTakes {
                limit: self.downtime_limit,
                every: self.check_interval,
                rate: self.switchover_rate(),
            },
        }
    }
}
