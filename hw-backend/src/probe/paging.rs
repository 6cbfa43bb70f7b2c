//! Second-level or shadow paging, told by counting.
//!
//! A guest makes 2,048 of its page-table entries present and touches the page behind each; the memory behind them has been in use before.
//! With second-level paging (EPT, NPT) the hypervisor has no part in that: no exit. With shadow paging each first touch
//! faults into the hypervisor, which makes the shadow's entry: one exit each. The guest empties its entries and does it again, and what
//! is counted is the exits of the later times. Vendor and module names say nothing: every one of them can run both ways.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use twinrack_scenario::units::{Bytes, PerSecond};

use crate::guest::layout::{GuestPages, WINDOW_PAGES};
use crate::guest::machine::{Machine, MachineError, Shape};
use crate::guest::workload::{Paging, Workload};
use crate::kvm::{Backing, DirtyMechanism, System};

/// How guest-physical memory is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The processor walks two tables: EPT, NPT.
    SecondLevel,
    /// The hypervisor keeps shadows of the guest's tables.
    Shadow,
    /// The counts fit neither.
    Unclear,
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// What follows from it.
    pub mode: Mode,
    /// Entries made present and touched.
    pub fills: u64,
    /// Page faults that the hypervisor took meanwhile (`pf_taken`), or all exits where it does not count those.
    pub faults: u64,
}

impl Counted {
    /// A shadow takes one fault each, second-level paging none; half and a tenth leave room for faults of other causes.
    fn of(fills: u64, faults: u64) -> Self {
        let mode = if fills == 0 {
            Mode::Unclear
        } else if faults * 2 >= fills {
            Mode::Shadow
        } else if faults * 10 <= fills {
            Mode::SecondLevel
        } else {
            Mode::Unclear
        };
        Self { mode, fills, faults }
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            Mode::SecondLevel => "second-level paging",
            Mode::Shadow => "shadow paging",
            Mode::Unclear => "neither clearly",
        };
        write!(
            f,
            "{mode}: {} faults for {} entries filled",
            self.faults, self.fills
        )
    }
}

/// Runs the guest and counts.
pub fn count(system: &System) -> Result<Counted, MachineError> {
    const WARM: u64 = WINDOW_PAGES;
    let shape = Shape {
        memory: Bytes(16 << 20),
        vcpus: 1,
        backing: Backing::Anonymous,
        pages: GuestPages::Small,
        mechanism: DirtyMechanism::Bitmap,
    };
    // A quarter of a window in each period of a millisecond.
    let paging = Paging {
        fills: PerSecond(WINDOW_PAGES as f64 * 250.0),
        ..Paging::default()
    };
    let workload = Workload {
        paging,
        ..Workload::dirtying(Vec::new())
    };
    let mut machine = Machine::new(system, shape, &workload)?;
    let warm = run_until(&mut machine, WARM)?;
    let counted = run_until(&mut machine, warm.0 + 2 * WINDOW_PAGES)?;
    Ok(Counted::of(counted.0 - warm.0, counted.1.saturating_sub(warm.1)))
}

/// Runs until so many entries were filled; says how many were, and the faults so far.
fn run_until(machine: &mut Machine, fills: u64) -> Result<(u64, u64), MachineError> {
    const LIMIT: Duration = Duration::from_secs(10);
    let began = Instant::now();
    machine.run()?;
    while machine.counters(0)?.filled < fills && began.elapsed() < LIMIT {
        thread::sleep(Duration::from_millis(1));
    }
    machine.pause()?;
    let faults = match machine.stat(0, "pf_taken")? {
        Some(faults) => faults,
        None => machine.stat(0, "exits")?.unwrap_or(0),
    };
    Ok((machine.counters(0)?.filled, faults))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::require_kvm;

    #[test]
    fn the_mode_follows_from_the_counts() {
        assert_eq!(Counted::of(4096, 4100).mode, Mode::Shadow);
        assert_eq!(Counted::of(4096, 9).mode, Mode::SecondLevel);
        assert_eq!(Counted::of(4096, 1000).mode, Mode::Unclear);
        assert_eq!(Counted::of(0, 0).mode, Mode::Unclear, "nothing was seen");
    }

    #[test]
    fn a_host_is_one_or_the_other_and_stays_so() {
        let system = require_kvm!();
        let first = count(&system).expect("counted");
        println!("{first}");
        assert_ne!(first.mode, Mode::Unclear, "{first}");
        assert!(first.fills >= 2 * WINDOW_PAGES);
        assert_eq!(count(&system).expect("counted").mode, first.mode);
    }

    /// Where the environment says how KVM was loaded (`tests/svm/run` does), the count must say the same.
    #[test]
    fn the_mode_is_the_one_that_kvm_was_loaded_with() {
        let system = require_kvm!();
        let counted = count(&system).expect("counted");
        let per_fill = counted.faults as f64 / counted.fills as f64;
        let (expected, faults) = match std::env::var("TWINRACK_EXPECT_PAGING").as_deref() {
            Ok("second-level") => (Mode::SecondLevel, 0.0),
            Ok("shadow") => (Mode::Shadow, 1.0),
            Ok(other) => panic!("TWINRACK_EXPECT_PAGING is `{other}`; write second-level or shadow"),
            Err(_) => {
                assert_ne!(counted.mode, Mode::Unclear, "{counted}");
                return;
            }
        };
        assert_eq!(counted.mode, expected, "{counted}");
        assert!((per_fill - faults).abs() <= 0.05, "{counted}: {per_fill} each");
    }
}
