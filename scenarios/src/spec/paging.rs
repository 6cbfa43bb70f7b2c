//! `policies.paging` — what each paging event costs: a preset, or numbers of one's own.

use crate::units::{Cycles, Ratio, SimDuration};

crate::words! {
    /// A calibration of the paging cost model.
    pub enum PagingPreset {
        /// The deck's "10 % and 2 %": a fill 2.5 us, a flush 5 us, and under SLAT 50 ns for each TLB miss, all of it
        /// called hypervisor time as the deck does.
        Deck = "deck",
        /// Cycles on a Xeon X5570: 10.9 % and 2.06 %, the longer walk counted apart, as the guest's.
        X5570 = "x5570",
        /// KVM on a Xeon Platinum 8269CY (PVM, SOSP 2023): 0.93 us a CR3 trap, one shadow lock a VM.
        Kvm2023 = "kvm-2023",
    }
}

crate::spec! {
    /// Costs that replace those of the preset.
    pub struct PagingCostSpec {
        /// A shadow fill: intercept, walk of the guest's table, entry written.
        fill: SimDuration => optional,
        /// An intercepted write to a guest page table, with the invalidation that follows.
        page_table_write: SimDuration => optional,
        /// A trapped CR3 load.
        context_switch: SimDuration => optional,
        /// The first write to a page table since the last CR3 load, where tables may lag until the next (`unsynced`): a fault that lets
        /// the table go by. None in the presets.
        table_unsync: SimDuration => optional,
        /// At a CR3 load, one present entry of a table that was written to since the last: compared, and its shadow mended. None in the
        /// presets.
        entry_sync: SimDuration => optional,
        /// A trapped INVLPG.
        invalidation: SimDuration => optional,
        /// A guest's own page fault, intercepted and handed back to it.
        reflected_fault: SimDuration => optional,
        /// Any other exit.
        other_exit: SimDuration => optional,
        /// A SLAT violation: first touch of guest-physical memory.
        slat_violation: SimDuration => optional,
        /// What a TLB miss costs beyond a native walk when both levels are walked.
        two_level_walk: SimDuration => optional,
        /// A native walk after a TLB miss.
        walk: Cycles => optional,
        /// Share of page-table writes that need no trap because the shadow is allowed to lag (unsync pages).
        unsynced: Ratio [Ratio(0.0), Ratio(1.0)] => optional,
    }
}

crate::spec! {
    /// What paging events cost.
    pub struct PagingPolicySpec {
        /// The calibration.
        preset: PagingPreset => default(PagingPreset::Deck),
        /// Costs that replace those of the preset.
        costs: PagingCostSpec => group,
    }
}
