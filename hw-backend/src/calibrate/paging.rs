//! What events of shadow paging cost, by turns: one busy guest that has them in every other slice of its time.
//!
//! The guest is never idle: what its events leave of its processor it burns, in a loop whose turns it counts. A slice without the events tells
//! what processor time a turn takes, and the slice beside it what is missing. Both are processor time of the virtual processor's thread, in which
//! every exit is handled, the host's kernel included. Drifts of the clock and of caches fall on both slices of a pair, whose order changes
//! from pair to pair; work that wakes up in one of them is an outlier to the median.
//!
//! Events are even in time: no period has more than one switch, and fills and writes are dealt over the periods between. All memory that
//! the guest maps is walked, so that the tables it writes to are in use, and shadowed.
//!
//! *Prices* (`docs/src/models/paging.md`). A fill and a switch are measured alone. A table that is written to between two switches costs
//! the fault of its first write and, at the switch, a look at each of its entries: in a full table 512 of them, in one that is being filled
//! half as many. So of two guests that write to one table between switches, one to full tables and one to such that it fills, the
//! difference is the price of the entries.

use std::thread;
use std::time::{Duration, Instant};

use twinrack_scenario::units::{Bytes, PerSecond, Ratio, SimDuration};

use super::costs::Effort;
use super::figure::{Figure, median};
use super::moved::shape;
use crate::guest::ledger::Counters;
use crate::guest::machine::{Machine, MachineError};
use crate::guest::workload::{Paging, Workload};
use crate::kvm::System;

/// Data of 32 MiB, a power of two of pages so that all of it is walked, above 4 MiB of tables.
const MEMORY: Bytes = Bytes(36 << 20);
/// Steps of the walk each second, in all slices: once over all data in 0.2 s.
const WALK: PerSecond = PerSecond(40_000.0);
/// Longest period: the events of a millisecond are a batch.
const PERIOD: f64 = 1e-3;
const SLICE: Duration = Duration::from_millis(10);
/// Until a period has ended that began with the other rates.
const SETTLE: Duration = Duration::from_millis(1);
/// A guest that has not gone over its memory by then is not run by its host.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pairs of slices that one figure is the median of.
const PAIRS: usize = 24;
/// Entries of a page table.
const ENTRIES: f64 = 512.0;

/// The switches and writes of the guests that the price of a table is from.
const SWITCHES: f64 = 2000.0;
const WRITES: f64 = 10.0 * SWITCHES;

/// What a guest did in a slice.
#[derive(Debug, Clone, Copy)]
struct Slice {
    busy: f64,
    counters: Counters,
}

/// What the events of some slices took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Taken {
    /// Seconds of processor for each second of the guest's own.
    pub overhead: f64,
    /// What there was of each kind, for each second of the guest's own: less than was asked for where the guest had to wait, more
    /// where it caught up.
    pub there: Paging,
}

/// One pair of slices.
fn pair(with: [Slice; 2], without: [Slice; 2]) -> Option<Taken> {
    let delta = |slice: [Slice; 2], count: fn(&Counters) -> u64| {
        count(&slice[1].counters).wrapping_sub(count(&slice[0].counters)) as f64
    };
    let burned: fn(&Counters) -> u64 = |counters| counters.burned;
    let busy = |slice: [Slice; 2]| slice[1].busy - slice[0].busy;
    let turn = busy(without) / delta(without, burned);
    let own = delta(with, burned) * turn;
    let rate = |count| PerSecond(delta(with, count) / own);
    let taken = Taken {
        overhead: busy(with) / own - 1.0,
        there: Paging {
            fills: rate(|counters| counters.filled),
            page_table_writes: rate(|counters| counters.rewritten),
            context_switches: rate(|counters| counters.switches),
            ..Paging::default()
        },
    };
    // A slice in which the guest did not come to run tells nothing.
    taken.overhead.is_finite().then_some(taken)
}

/// The overhead of the events of `with` beyond those of `base`, once for each of the effort's pairs.
pub fn taken(
    system: &System,
    effort: Effort,
    base: Paging,
    with: Paging,
) -> Result<Vec<Taken>, MachineError> {
    let walking = |paging: Paging| Paging {
        tlb_misses: WALK,
        mapped: MEMORY,
        ..paging
    };
    let [base, with] = [base, with].map(walking);
    let switches = with.context_switches.0.max(base.context_switches.0).max(1.0);
    let workload = Workload {
        period: SimDuration::from_nanos((PERIOD.min(1.0 / switches) * 1e9) as u64),
        cpu: Ratio::ONE,
        paging: with,
        ..Workload::dirtying(Vec::new())
    };
    let mut machine = Machine::new(system, shape(system, MEMORY, 1), &workload)?;
    machine.run()?;
    walked_once(&machine)?;
    let slice = |paging| -> Result<[Slice; 2], MachineError> {
        workload.load_paging(paging, machine.memory(), 0)?;
        thread::sleep(SETTLE);
        let before = now(&machine)?;
        thread::sleep(SLICE);
        Ok([before, now(&machine)?])
    };
    let mut groups = Vec::new();
    for _ in 0..effort.pairs {
        let mut pairs = Vec::new();
        for index in 0..PAIRS {
            let (first, second) = if index % 2 == 0 {
                (with, base)
            } else {
                (base, with)
            };
            let (first, second) = (slice(first)?, slice(second)?);
            let (on, off) = if index % 2 == 0 {
                (first, second)
            } else {
                (second, first)
            };
            pairs.extend(pair(on, off));
        }
        groups.push(middle(&pairs));
    }
    machine.pause()?;
    Ok(groups)
}

/// Waits until the guest has been on every page: tables that were never used are not shadowed.
fn walked_once(machine: &Machine) -> Result<(), MachineError> {
    let began = Instant::now();
    while machine.counters(0)?.walked < MEMORY.pages() {
        if began.elapsed() > PATIENCE {
            return Err(MachineError::Stands(PATIENCE));
        }
        thread::sleep(SETTLE);
    }
    Ok(())
}

fn now(machine: &Machine) -> Result<Slice, MachineError> {
    Ok(Slice {
        busy: machine.busy().unwrap_or_default().as_secs_f64(),
        counters: machine.counters(0)?,
    })
}

/// The median of each.
fn middle(pairs: &[Taken]) -> Taken {
    let of = |value: fn(&Taken) -> f64| median(pairs.iter().map(value));
    Taken {
        overhead: of(|taken| taken.overhead),
        there: Paging {
            fills: PerSecond(of(|taken| taken.there.fills.0)),
            page_table_writes: PerSecond(of(|taken| taken.there.page_table_writes.0)),
            context_switches: PerSecond(of(|taken| taken.there.context_switches.0)),
            ..Paging::default()
        },
    }
}

/// Seconds of one event.
fn each(
    system: &System,
    effort: Effort,
    [base, with]: [Paging; 2],
    events: fn(&Paging) -> PerSecond,
) -> Result<Vec<f64>, MachineError> {
    let taken = taken(system, effort, base, with)?;
    Ok(taken
        .iter()
        .map(|taken| taken.overhead / events(&taken.there).0.max(1.0))
        .collect())
}

/// Entries, and tables, written to by `writes` one after the other.
fn tables(writes: f64) -> f64 {
    writes.min(1.0) + (writes - 1.0).max(0.0) / ENTRIES
}

/// The prices of a shadow.
pub fn prices(system: &System, effort: Effort) -> Result<Vec<Figure>, MachineError> {
    let none = Paging::default();
    let filling = |rate| Paging {
        fills: PerSecond(rate),
        ..none
    };
    let writing = |rate| Paging {
        page_table_writes: PerSecond(rate),
        ..none
    };
    let switching = |paging| Paging {
        context_switches: PerSecond(SWITCHES),
        ..paging
    };
    let fills = each(system, effort, [none, filling(50_000.0)], |there| there.fills)?;
    let writes = each(system, effort, [none, writing(50_000.0)], |there| {
        there.page_table_writes
    })?;
    let switches = each(system, effort, [none, switching(none)], |there| {
        there.context_switches
    })?;
    let beside = |paging| {
        each(system, effort, [switching(none), switching(paging)], |there| {
            there.context_switches
        })
    };
    let full = beside(writing(WRITES))?;
    let half = beside(filling(SWITCHES))?;
    let of_tables: Vec<(f64, f64)> = full
        .iter()
        .zip(&half)
        .zip(&fills)
        .map(|((full, half), fill)| table(full / tables(WRITES / SWITCHES), half - fill))
        .collect();
    Ok(vec![
        Figure::of(
            "fill",
            "an entry made present and the page behind it touched",
            "s",
            fills,
        ),
        Figure::of(
            "page_table_write",
            "an entry rewritten of a table that is let go by, without a switch",
            "s",
            writes,
        ),
        Figure::of(
            "context_switch",
            "another address space, by the host on a doorbell; nothing was written to",
            "s",
            switches,
        ),
        Figure::of(
            "table_unsync",
            "the first write to a table since the last switch",
            "s",
            of_tables.iter().map(|(table, _)| *table).collect(),
        ),
        Figure::of(
            "entry_sync",
            "at a switch, one entry of a table that was written to since the last",
            "s",
            of_tables.iter().map(|(_, entry)| *entry).collect(),
        ),
    ])
}

/// The prices of a table and of each of its entries, of what a full one costs at a switch and what one that is half full does.
fn table(full: f64, half: f64) -> (f64, f64) {
    let entry = ((full - half) / (ENTRIES / 2.0)).max(0.0);
    ((full - ENTRIES * entry).max(0.0), entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::require_kvm;

    #[test]
    fn what_is_missing_is_what_the_events_took() {
        let slice = |busy, burned, filled| Slice {
            busy,
            counters: Counters {
                filled,
                burned,
                ..Counters::default()
            },
        };
        // 10 ms are a million turns; with 100 fills there were 800,000 in them: 2 ms for 8 of its own.
        let without = [slice(1.0, 5, 7), slice(1.01, 1_000_005, 7)];
        let with = [slice(2.0, 0, 7), slice(2.01, 800_000, 107)];
        let taken = pair(with, without).expect("both ran");
        assert!((taken.overhead - 0.25).abs() < 1e-9, "{taken:?}");
        assert!((taken.there.fills.0 - 12_500.0).abs() < 1e-6, "{taken:?}");
        assert!(pair(with, [without[0]; 2]).is_none(), "no turn was made");
    }

    #[test]
    fn a_table_and_its_entries_have_a_price_each() {
        // 3 us and 512 or 256 times 100 ns.
        let (table, entry) = table(54.2e-6, 28.6e-6);
        assert!((table - 3e-6).abs() < 1e-12 && (entry - 1e-7).abs() < 1e-15);
        assert_eq!(tables(0.25), 0.25);
        assert_eq!(tables(513.0), 2.0);
    }

    /// Counts alone are asserted: what an event costs is the machine's affair.
    #[test]
    fn a_guest_has_its_events_by_turns() {
        let system = require_kvm!();
        let effort = Effort {
            pairs: 1,
            window: Duration::ZERO,
        };
        let with = Paging {
            fills: PerSecond(20_000.0),
            context_switches: PerSecond(500.0),
            ..Paging::default()
        };
        // On a crowded machine a guest may not come to run in most of its slices.
        let once = || taken(&system, effort, Paging::default(), with).expect("it runs")[0];
        let taken = (0..20).map(|_| once()).find(|taken| taken.there.fills.0 > 0.0);
        let taken = taken.expect("in one of 20 turns it had its events");
        assert_eq!(taken.there.page_table_writes.0, 0.0, "{taken:?}");
    }
}
