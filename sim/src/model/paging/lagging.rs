//! Tables whose shadows lag: written to freely after a first fault, and looked at again by the next load of CR3.
//!
//! A guest's page table is write-protected while its shadow is true to it. KVM takes the protection off at the first write (a fault,
//! `c_unsync`), and lets further writes by; at a flush of the TLB, of which a load of CR3 is one, it protects the table again and compares each
//! present entry with its shadow (`c_sync`). So a load costs more the more *tables* were written to since the last, however often each
//! was (Linux, `Documentation/virt/kvm/x86/mmu.rst`, "Synchronized and unsynchronized pages").
//!
//! Writes go through a table entry by entry before the next, fills through a table of their own. With `n` of them between two loads:
//!
//! ```text
//! tables:   T(n) = min(n, 1) + max(n-1, 0) / 512
//! entries:  E(n) = 512 T(n)                           rewritten: the tables are full
//!           E(n) = 256 min(n, 1) + max(n-1, 0)        filled: the one that is being filled is half full on average
//! R = (T(n_fill) + T(n_ptw)) c_unsync + (E(n_fill) + E(n_ptw)) c_sync
//! ```

use super::PagingCosts;

/// Entries of a table.
const ENTRIES: f64 = 512.0;

/// What loads find, for each busy virtual processor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lagging {
    loads: f64,
    faults: f64,
    each: f64,
}

impl Lagging {
    /// Of so many fills and writes each second that are let by, and loads of CR3.
    pub(super) fn new(costs: &PagingCosts, [fills, writes]: [f64; 2], loads: f64) -> Self {
        if loads <= 0.0 || costs.table_unsync + costs.entry_sync <= 0.0 {
            return Self {
                loads: 0.0,
                faults: 0.0,
                each: 0.0,
            };
        }
        let (fills, writes) = (fills / loads, writes / loads);
        let faults = tables(fills) + tables(writes);
        let entries = ENTRIES / 2.0 * fills.min(1.0) + (fills - 1.0).max(0.0) + ENTRIES * tables(writes);
        Self {
            loads,
            faults,
            each: faults * costs.table_unsync + entries * costs.entry_sync,
        }
    }

    /// Seconds each second.
    pub(super) fn demand(self) -> f64 {
        self.loads * self.each
    }

    /// Faults of first writes each second.
    pub(super) fn faults_per_s(self) -> f64 {
        self.loads * self.faults
    }

    /// Passes through the VM's lock each second, and how long one takes.
    pub(super) const fn passes(self) -> (f64, f64) {
        (self.loads, self.each)
    }
}

/// Tables that so many writes fall on.
fn tables(writes: f64) -> f64 {
    writes.min(1.0) + (writes - 1.0).max(0.0) / ENTRIES
}
