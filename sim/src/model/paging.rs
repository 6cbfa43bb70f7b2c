//! Paging: shadow page tables against second-level address translation, as mechanisms with their counters.
//!
//! Two costs are kept apart. *Hypervisor time* is what exits cost: under shadow paging every first touch fills an
//! entry, every write to a guest page table is intercepted, every address-space switch and INVLPG is trapped, and the
//! guest's own faults are intercepted and handed back; under SLAT only first touches of guest-physical memory exit.
//! *Walk cost* is what the guest itself loses in longer walks: with `n` guest and `m` nested levels a TLB miss takes
//! `(n+1)(m+1)-1` references instead of `n`.
//!
//! ```text
//! shadow:  H = f_fill c_fill + f_ptw (1-p) c_ptw + f_cr3 (c_cr3 + R) + f_inv c_inv + f_fault c_refl + f_exit c_exit
//!          W = f_miss c_walk (1 - g/4)
//! SLAT:    H = f_viol c_viol + f_exit c_exit
//!          W = f_miss (c_walk (1 - g/4) + c_2d (1 - 0.75 l))
//! ```
//!
//! per busy virtual processor and second; `l` is the share of memory that the host backs by large pages, `g` the share
//! that the guest maps by them. `R` is what a load finds written to since the last (`lagging`). With page-table isolation
//! each system call loads CR3 twice. Fills, intercepted writes and such loads of one VM pass through one lock: with several
//! busy virtual processors they queue ([`Paging::lock_wait`]).
//! Sources: Hypervisor Top-Level Functional Specification 2.0a, section 12; Agesen et al., USENIX ATC 2012; Bhargava et
//! al., ASPLOS 2008 (walks in two dimensions); PVM, SOSP 2023.

mod costs;
mod lagging;
mod lock;

pub use costs::PagingCosts;

use lagging::Lagging;
use lock::Lock;
use twinrack_scenario::spec::guest::PagingRatesSpec;
use twinrack_scenario::spec::host::PagingMode;
use twinrack_scenario::units::Bytes;

/// Page-table levels of a 64-bit guest, and of the nested table.
const LEVELS: u32 = 4;
/// Guest memory that one page of a page table maps: 512 entries of 4 KiB.
const MAPPED_BY_ONE_TABLE: u64 = 512 * 4096;
/// How much of the two-level walk's cost large pages take away at most.
const LARGE_PAGE_RELIEF: f64 = 0.75;
/// A system call under page-table isolation changes to the kernel's tables and back.
const LOADS_PER_SYSTEM_CALL: f64 = 2.0;

/// What paging costs one VM, for each busy virtual processor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paging {
    /// Hypervisor time, as a share of one logical processor.
    pub overhead: f64,
    /// Time the guest loses in page walks, as a share of one logical processor.
    pub guest_walk: f64,
    /// Exits for paging each second.
    pub exits_per_s: f64,
    /// Memory of the shadow.
    pub shadow: Bytes,
    /// References of one walk after a TLB miss, the mean over pages of either size.
    pub walk_refs: f64,
    lock: Lock,
}

impl Paging {
    /// The cost for a guest with the given rates on a host with the given mode.
    pub fn new(costs: &PagingCosts, rates: &PagingRatesSpec, mode: PagingMode) -> Self {
        match mode {
            PagingMode::Shadow => Self::shadow(costs, rates),
            PagingMode::Slat => Self::slat(costs, rates),
        }
    }

    fn shadow(costs: &PagingCosts, rates: &PagingRatesSpec) -> Self {
        let writes = rates.page_table_writes.0 * (1.0 - costs.unsynced);
        let fills = rates.fills.0;
        let isolation = if rates.page_table_isolation {
            LOADS_PER_SYSTEM_CALL
        } else {
            0.0
        };
        let loads = rates.context_switches.0 + rates.system_calls.0 * isolation;
        let let_by = rates.page_table_writes.0 * costs.unsynced;
        let lagging = Lagging::new(costs, [fills, let_by], loads);
        let overhead = fills * costs.fill
            + writes * costs.page_table_write
            + loads * costs.context_switch
            + lagging.demand()
            + rates.invalidations.0 * costs.invalidation
            + rates.guest_faults.0 * costs.reflected_fault
            + rates.other_exits.0 * costs.other_exit;
        Self {
            overhead,
            guest_walk: native_walks(costs, rates),
            exits_per_s: fills
                + writes
                + loads
                + lagging.faults_per_s()
                + rates.invalidations.0
                + rates.guest_faults.0,
            shadow: shadow_memory(rates.mapped),
            walk_refs: f64::from(LEVELS) - rates.guest_large_pages.0,
            lock: Lock::new([
                (fills, costs.fill),
                (writes, costs.page_table_write),
                lagging.passes(),
            ]),
        }
    }

    fn slat(costs: &PagingCosts, rates: &PagingRatesSpec) -> Self {
        let longer =
            rates.tlb_misses.0 * costs.two_level_walk * (1.0 - LARGE_PAGE_RELIEF * rates.large_pages.0);
        let exits = rates.slat_violations.0 * costs.slat_violation + rates.other_exits.0 * costs.other_exit;
        let native = native_walks(costs, rates);
        let (overhead, guest_walk) = if costs.walks_are_overhead {
            (exits + longer, native)
        } else {
            (exits, native + longer)
        };
        Self {
            overhead,
            guest_walk,
            exits_per_s: rates.slat_violations.0,
            shadow: Bytes::ZERO,
            walk_refs: mean_references(rates.guest_large_pages.0, rates.large_pages.0),
            lock: Lock::new([(0.0, 0.0); 3]),
        }
    }

    /// Share of each busy virtual processor's time, hypervisor's included, that it waits for the VM's shadow lock when
    /// `busy` of them compete; 0 under SLAT and for one alone. Between whole numbers it is interpolated.
    pub fn lock_wait(&self, busy: f64) -> f64 {
        if busy.is_nan() || busy <= 1.0 {
            return 0.0;
        }
        let below = busy.floor();
        let (low, high) = (self.lock.wait(below as u32), self.lock.wait(busy.ceil() as u32));
        low + (high - low) * (busy - below)
    }
}

/// Time in native walks each second; a large page of the guest saves the last of four references.
fn native_walks(costs: &PagingCosts, rates: &PagingRatesSpec) -> f64 {
    let kept = 1.0 - rates.guest_large_pages.0 / f64::from(LEVELS);
    rates.tlb_misses.0 * costs.walk * kept
}

/// References of one walk with `guest` and `nested` levels: `(n+1)(m+1)-1`; 24 for four and four.
pub const fn walk_references(guest: u32, nested: u32) -> u32 {
    (guest + 1) * (nested + 1) - 1
}

/// The mean of [`walk_references`] when such shares of the guest's and the host's pages are large, independently: a
/// large page ends its dimension one level early.
fn mean_references(guest_large: f64, host_large: f64) -> f64 {
    let levels = f64::from(LEVELS);
    (levels - guest_large + 1.0) * (levels - host_large + 1.0) - 1.0
}

/// Memory of the shadow of so much 4 KiB-mapped memory: a 4 KiB table for each 2 MiB; 1 MiB for 512 MiB.
pub fn shadow_memory(mapped: Bytes) -> Bytes {
    Bytes(mapped.0.div_ceil(MAPPED_BY_ONE_TABLE).saturating_mul(4096))
}

#[cfg(test)]
mod tests;
