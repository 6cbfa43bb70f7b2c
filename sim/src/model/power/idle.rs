//! Idle states of cores (C-states): which one a governor picks, how long cores stay in it, and what waking costs.
//!
//! Work comes to each thread in bursts, and threads are woken now and then without work. Seen as memoryless arrivals, a
//! thread that is busy for a share `u` of its time has `b u + i` of them a second (`b` bursts for each second of
//! work, `i` idle wake-ups). A core idles while all its `T` threads do:
//!
//! ```text
//! share of time idle      I = (1-u)^T
//! mean idle time          m = 1 / (T (b u + i))
//! wake-ups a second       r = I / m
//! ```
//!
//! Linux's `menu` governor foresees the mean of the last eight idle times ("typical interval", `INTERVALS` = 8) and picks
//! the deepest state whose target residency is not above it. The mean of eight exponential times is Erlang
//! distributed, and says nothing of the next one, so the state with target residencies from `a` to `b` is picked with
//!
//! ```text
//! p = F(b/m) - F(a/m)      F(x) = 1 - exp(-8x) sum_{j<8} (8x)^j / j!
//! ```
//!
//! Each wake-up takes the exit latency of its state, in which the core runs nothing and draws what it does when it runs;
//! bursts that find the core idle wait for it.
//! The sharp timer that `menu` also looks at, its correction factors and the shortest polling are left out: with eight
//! alike exponential times none of them changes the pick by much.

use twinrack_scenario::spec::host::HostSpec;
use twinrack_scenario::spec::processor::{IdleGovernor, ProcessorSpec};

/// Idle times whose mean a governor foresees (`INTERVALS` of Linux's `menu`).
const INTERVALS: u32 = 8;

/// Idle wake-ups of a processor that takes no periodic tick, each second. Assumed.
pub const TICKLESS_WAKEUPS: f64 = 1.0;
/// Idle wake-ups of a processor that takes the periodic tick of 15.625 ms, each second.
pub const TICKING_WAKEUPS: f64 = 64.0;

/// An idle state.
#[derive(Debug, Clone, Copy, PartialEq)]
struct State {
    latency: f64,
    residency: f64,
    /// Whether the package may sleep when all its cores are in it.
    deep: bool,
}

/// How the cores of one kind of host idle.
#[derive(Debug, Clone, PartialEq)]
pub struct Idle {
    states: Vec<State>,
    threads: u32,
    /// Wake-ups a second: idle ones, and for each second of work.
    wakeups: f64,
    bursts: f64,
}

/// How one core spends its time; shares of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CoreTime {
    /// With all its threads idle, in each state, shallowest first; without what waking takes.
    pub states: Vec<f64>,
    /// Waking.
    pub waking: f64,
    /// In states that let its package sleep.
    pub deep: f64,
    /// Seconds that work waits for waking cores, for each second of it.
    pub delay: f64,
}

impl Idle {
    /// The idle states of a host under a policy. `ticks` says whether idle processors take the periodic tick.
    pub fn new(host: &HostSpec, policy: &ProcessorSpec, ticks: bool) -> Self {
        let wakeups = if ticks { TICKING_WAKEUPS } else { TICKLESS_WAKEUPS };
        let mut states: Vec<State> = host
            .c_states
            .iter()
            .map(|state| State {
                latency: state.exit_latency.as_secs_f64(),
                residency: state.target_residency.as_secs_f64(),
                deep: !state.name.to_ascii_uppercase().starts_with("C1"),
            })
            .collect();
        if policy.idle == IdleGovernor::Halt {
            states.truncate(1);
        }
        Self {
            states,
            threads: host.threads.max(1),
            wakeups: policy.idle_wakeups.map_or(wakeups, |rate| rate.0),
            bursts: policy.bursts.0,
        }
    }

    /// Whether any state is known.
    pub fn is_known(&self) -> bool {
        !self.states.is_empty()
    }

    /// Whether the package can sleep while its cores only idle.
    pub fn reaches_deep(&self) -> bool {
        self.states.iter().any(|state| state.deep)
    }

    /// How a core spends its time when each of its threads is busy for a share `u` of it.
    pub fn core(&self, u: f64, time: &mut CoreTime) {
        let u = u.clamp(0.0, 1.0);
        time.states.clear();
        (time.waking, time.deep, time.delay) = (0.0, 0.0, 0.0);
        let idle = power(1.0 - u, self.threads);
        if self.states.is_empty() {
            time.states.push(idle);
            return;
        }
        let arrivals = (self.bursts * u + self.wakeups) * f64::from(self.threads);
        let mut latency = 0.0;
        // Picked with a target residency of `a` or more; the shallowest is picked at least.
        let mut least = 1.0;
        for (index, state) in self.states.iter().enumerate() {
            let deeper = self
                .states
                .get(index + 1)
                .map_or(0.0, |next| (1.0 - erlang(next.residency * arrivals)).min(least));
            time.states.push(least - deeper);
            latency += (least - deeper) * state.latency;
            least = deeper;
        }
        time.waking = (arrivals * latency).min(1.0) * idle;
        for (share, state) in time.states.iter_mut().zip(&self.states) {
            *share *= idle - time.waking;
            if state.deep {
                time.deep += *share;
            }
        }
        // A burst waits when it finds the core idle, which memoryless arrivals do with probability I.
        time.delay = self.bursts * idle * latency;
    }
}

/// Probability that the mean of [`INTERVALS`] exponential times of mean 1 is below `x`.
fn erlang(x: f64) -> f64 {
    let y = x * f64::from(INTERVALS);
    if y > 700.0 {
        return 1.0;
    }
    let (mut term, mut sum) = (1.0, 1.0);
    for j in 1..INTERVALS {
        term *= y / f64::from(j);
        sum += term;
    }
    1.0 - libm::exp(-y) * sum
}

/// `base^exponent` by squaring: the same on every platform.
pub fn power(base: f64, exponent: u32) -> f64 {
    let (mut result, mut square, mut left) = (1.0, base, exponent);
    while left > 0 {
        if left & 1 == 1 {
            result *= square;
        }
        square *= square;
        left >>= 1;
    }
    result
}

#[cfg(test)]
mod tests;
