//! `policies.processor` — how idle processors sleep and how fast running ones are clocked.

use crate::units::{PerSecond, Ratio};

crate::words! {
    /// Who picks the idle state of a core.
    pub enum IdleGovernor {
        /// The deepest state that pays for the idle time foreseen, as Linux's `menu` does: foreseen is the mean of the
        /// last eight idle times.
        Menu = "menu",
        /// Always the shallowest: idle processors are only halted, and packages never sleep on their own.
        Halt = "halt",
    }
}

crate::words! {
    /// Who picks the clock.
    pub enum ClockGovernor {
        /// The lowest clock at which processors are not busier than `clock_target`.
        Ondemand = "ondemand",
        /// The nominal clock, always.
        Performance = "performance",
        /// The lowest clock, always: it costs capacity.
        Powersave = "powersave",
    }
}

crate::spec! {
    /// Idle states and clocks. Hosts without `c_states` or `p_states` are not touched by either.
    pub struct ProcessorSpec {
        /// Who picks the idle state.
        idle: IdleGovernor => default(IdleGovernor::Menu),
        /// Wake-ups of an idle logical processor that bring no work: timers, interrupts. 64/s when absent where every
        /// processor takes the periodic tick of 15.625 ms (Hyper-V 2008), else 1/s, assumed.
        idle_wakeups: PerSecond => optional,
        /// Bursts in which work comes, for each second of it: the mean burst is its inverse. Assumed.
        bursts: PerSecond => default(PerSecond(1000.0)),
        /// Who picks the clock.
        clock: ClockGovernor => default(ClockGovernor::Ondemand),
        /// Busy level up to which `ondemand` stays at a clock. Assumed; 60 % is the product's increase threshold as far
        /// as it is known.
        clock_target: Ratio [Ratio(0.01), Ratio(1.0)] => default(Ratio(0.6)),
        /// Share of work whose speed follows the clock; the rest waits for memory.
        clock_bound: Ratio [Ratio(0.0), Ratio(1.0)] => default(Ratio::ONE),
    }
}
