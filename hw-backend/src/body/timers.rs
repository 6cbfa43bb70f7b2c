//! What is due, and when: actions, faults and the brain's wake-ups, in the order of their times, then as they were scheduled.

use std::collections::BTreeMap;

use twinrack_control::fabric::Wake;
use twinrack_scenario::HostId;
use twinrack_scenario::units::SimTime;

/// Something that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// An action of the timeline, by its index.
    Action(usize),
    /// A fault, by its index.
    Fault(usize),
    /// A fault is over, by its index.
    FaultOver(usize),
    /// A workload has another level, by its place.
    Demand(usize),
    /// A bursty VM changes its state, by its place.
    Burst(usize),
    /// A host loses power.
    Crash(HostId),
    /// The brain wants to be woken.
    Wake(Wake),
}

/// All that is due.
#[derive(Debug, Default)]
pub struct Timers {
    pending: BTreeMap<(SimTime, u64), Due>,
    scheduled: u64,
}

impl Timers {
    /// Schedules something.
    pub fn at(&mut self, at: SimTime, due: Due) {
        self.pending.insert((at, self.scheduled), due);
        self.scheduled += 1;
    }

    /// When something is due next.
    pub fn next(&self) -> Option<SimTime> {
        self.pending.keys().next().map(|(at, _)| *at)
    }

    /// The first thing that is due at `now`, and when it was.
    pub fn due(&mut self, now: SimTime) -> Option<(SimTime, Due)> {
        let entry = self.pending.first_entry().filter(|entry| entry.key().0 <= now)?;
        let ((at, _), due) = entry.remove_entry();
        Some((at, due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_in_the_order_of_time_then_of_scheduling() {
        let at = SimTime::from_secs;
        let mut timers = Timers::default();
        timers.at(at(2), Due::Action(0));
        timers.at(at(1), Due::Action(1));
        timers.at(at(1), Due::Fault(0));
        assert_eq!(timers.next(), Some(at(1)));
        assert_eq!(timers.due(at(1)), Some((at(1), Due::Action(1))));
        assert_eq!(timers.due(at(1)), Some((at(1), Due::Fault(0))));
        assert_eq!(timers.due(at(1)), None);
        assert_eq!(timers.due(at(9)), Some((at(2), Due::Action(0))));
    }
}
