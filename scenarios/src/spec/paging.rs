//! `policies.paging` — what each paging event costs: a preset, or numbers of one's own.

crate::words! {
    /// A calibration of the paging cost model.
    pub enum PagingPreset {
        /// The deck's 10 % and 2 %: fill 2.5 us, flush 5 us, 50 ns a TLB miss under SLAT.
        Deck = "deck",
        /// Cycles on a Xeon X5570 at 2.93 GHz: 10.9 % and 2.06 %.
        X5570 = "x5570",
    }
}

crate::spec! {
    /// What paging events cost.
    pub struct PagingPolicySpec {
        /// The calibration.
        preset: PagingPreset => default(PagingPreset::Deck),
    }
}
