//! Paging: shadow page tables against second-level address translation, as mechanisms with their counters.
//!
//! Two costs are kept apart. *Hypervisor time* is what exits cost: under shadow paging every first touch fills an
//! entry, every write to a guest page table is intercepted, every address-space switch and INVLPG is trapped; under SLAT
//! only first touches of guest-physical memory exit. *Walk cost* is what the guest itself loses in longer walks: with
//! `n` guest and `m` nested levels a TLB miss takes `(n+1)(m+1)-1` references instead of `n`.
//!
//! ```text
//! shadow:  H = f_fill c_fill + f_ptw (1-p) c_ptw + f_cr3 c_cr3 + f_inv c_inv + f_exit c_exit
//! SLAT:    H = f_viol c_viol + f_exit c_exit            W = f_miss c_2d (1 - 0.75 l)
//! ```
//!
//! per busy virtual processor and second; `l` is the share of large pages. Fills and intercepted writes of one VM pass
//! through one lock: with several busy virtual processors they queue ([`Paging::lock_wait`]).
//! Sources: Hypervisor Top-Level Functional Specification 2.0a, section 12; Agesen et al., USENIX ATC 2012; PVM, SOSP 2023.

use twinrack_scenario::spec::guest::PagingRatesSpec;
use twinrack_scenario::spec::host::PagingMode;
use twinrack_scenario::spec::paging::{PagingPolicySpec, PagingPreset};
use twinrack_scenario::units::{Bytes, Hertz, SimDuration};

/// Page-table levels of a 64-bit guest, and of the nested table.
const LEVELS: u32 = 4;
/// Guest memory that one page of a page table maps: 512 entries of 4 KiB.
const MAPPED_BY_ONE_TABLE: u64 = 512 * 4096;
/// How much of the two-level walk's cost large pages take away at most.
const LARGE_PAGE_RELIEF: f64 = 0.75;

/// What each event costs, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PagingCosts {
    /// A shadow fill.
    pub fill: f64,
    /// An intercepted page-table write.
    pub page_table_write: f64,
    /// A trapped CR3 load.
    pub context_switch: f64,
    /// A trapped INVLPG.
    pub invalidation: f64,
    /// Any other exit.
    pub other_exit: f64,
    /// A SLAT violation.
    pub slat_violation: f64,
    /// What a two-level walk costs beyond a native one.
    pub two_level_walk: f64,
    /// A native walk.
    pub walk: f64,
    /// Share of page-table writes that are not trapped.
    pub unsynced: f64,
    /// Whether longer walks are called hypervisor time, as the deck does.
    pub walks_are_overhead: bool,
}

impl PagingCosts {
    /// The costs of a policy on a processor of the given clock.
    pub fn new(policy: &PagingPolicySpec, clock: Hertz) -> Self {
        let preset = Self::preset(policy.preset, clock);
        let own = &policy.costs;
        let or = |given: Option<SimDuration>, preset: f64| given.map_or(preset, SimDuration::as_secs_f64);
        Self {
            fill: or(own.fill, preset.fill),
            page_table_write: or(own.page_table_write, preset.page_table_write),
            context_switch: or(own.context_switch, preset.context_switch),
            invalidation: or(own.invalidation, preset.invalidation),
            other_exit: or(own.other_exit, preset.other_exit),
            slat_violation: or(own.slat_violation, preset.slat_violation),
            two_level_walk: or(own.two_level_walk, preset.two_level_walk),
            walk: own
                .walk
                .map_or(preset.walk, |cycles| cycles.0 / clock.as_f64().max(1.0)),
            unsynced: own.unsynced.map_or(preset.unsynced, |share| share.0),
            walks_are_overhead: preset.walks_are_overhead,
        }
    }

    fn preset(preset: PagingPreset, clock: Hertz) -> Self {
        let cycles = |count: f64| count / clock.as_f64().max(1.0);
        let none = Self {
            fill: 0.0,
            page_table_write: 0.0,
            context_switch: 0.0,
            invalidation: 0.0,
            other_exit: 0.0,
            slat_violation: 0.0,
            two_level_walk: 0.0,
            walk: cycles(35.0),
            unsynced: 0.0,
            walks_are_overhead: false,
        };
        match preset {
            // Tuned to the deck's 10 % and 2 %; ranges 1-5 us, 2-10 us, 10-150 ns.
            PagingPreset::Deck => Self {
                fill: 2.5e-6,
                page_table_write: 5e-6,
                two_level_walk: 50e-9,
                walks_are_overhead: true,
                ..none
            },
            // Nehalem: about 1,000 cycles of hardware round trip and the handler's work on top; a switch traps twice.
            PagingPreset::X5570 => Self {
                fill: cycles(5000.0),
                page_table_write: cycles(12_000.0),
                context_switch: cycles(6000.0),
                invalidation: cycles(3500.0),
                other_exit: cycles(4000.0),
                slat_violation: cycles(6000.0),
                two_level_walk: cycles(40.0),
                ..none
            },
            // PVM, SOSP 2023, tables 1-4: 0.93 us a CR3 trap, page fault 0.93 against 0.15 us, exits 0.5 us.
            PagingPreset::Kvm2023 => Self {
                fill: 0.78e-6,
                page_table_write: 2.6e-6,
                context_switch: 0.93e-6,
                invalidation: 1.1e-6,
                other_exit: 0.5e-6,
                slat_violation: 2e-6,
                two_level_walk: 11e-9,
                walk: 14e-9,
                ..none
            },
        }
    }
}

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
    /// References of one walk after a TLB miss.
    pub walk_refs: u32,
    lock_rate: f64,
    lock_service: f64,
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
        let locked = fills * costs.fill + writes * costs.page_table_write;
        let overhead = locked
            + rates.context_switches.0 * costs.context_switch
            + rates.invalidations.0 * costs.invalidation
            + rates.other_exits.0 * costs.other_exit;
        let lock_rate = fills + writes;
        Self {
            overhead,
            guest_walk: rates.tlb_misses.0 * costs.walk,
            exits_per_s: lock_rate + rates.context_switches.0 + rates.invalidations.0,
            shadow: shadow_memory(rates.mapped),
            walk_refs: LEVELS,
            lock_rate,
            lock_service: if lock_rate > 0.0 { locked / lock_rate } else { 0.0 },
        }
    }

    fn slat(costs: &PagingCosts, rates: &PagingRatesSpec) -> Self {
        let longer =
            rates.tlb_misses.0 * costs.two_level_walk * (1.0 - LARGE_PAGE_RELIEF * rates.large_pages.0);
        let exits = rates.slat_violations.0 * costs.slat_violation + rates.other_exits.0 * costs.other_exit;
        let native = rates.tlb_misses.0 * costs.walk;
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
            walk_refs: walk_references(LEVELS, LEVELS),
            lock_rate: 0.0,
            lock_service: 0.0,
        }
    }

    /// Share of each busy virtual processor's time that it waits for the VM's shadow lock when `busy` of them compete.
    ///
    /// A closed queue of `busy` customers with one deterministic server: each computes for `1/rate`, then is served.
    /// The wait of an arrival is that of an M/D/1 queue at the load of the others, solved for the throughput at which
    /// load and wait agree.
    pub fn lock_wait(&self, busy: f64) -> f64 {
        if busy <= 1.0 || self.lock_rate <= 0.0 {
            return 0.0;
        }
        let (think, service) = (1.0 / self.lock_rate, self.lock_service);
        let others = (busy - 1.0) / busy;
        let cycle = |throughput: f64| {
            let load = (throughput * service * others).min(0.999_999);
            think + service + load * service / (2.0 * (1.0 - load))
        };
        // Bisection on the throughput: the more pass, the longer each takes, so the two meet once.
        let (mut low, mut high) = (0.0, busy / (think + service));
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if middle * cycle(middle) < busy {
                low = middle;
            } else {
                high = middle;
            }
        }
        let cycle = cycle(low);
        (cycle - think - service) / cycle
    }
}

/// References of one walk with `guest` and `nested` levels: `(n+1)(m+1)-1`; 24 for four and four.
pub const fn walk_references(guest: u32, nested: u32) -> u32 {
    (guest + 1) * (nested + 1) - 1
}

/// Memory of the shadow of so much 4 KiB-mapped memory: a 4 KiB table for each 2 MiB; 1 MiB for 512 MiB.
pub fn shadow_memory(mapped: Bytes) -> Bytes {
    Bytes(mapped.0.div_ceil(MAPPED_BY_ONE_TABLE).saturating_mul(4096))
}

#[cfg(test)]
mod tests {
    use twinrack_scenario::decode::{Decoder, Field};
    use twinrack_scenario::fault::SourceId;
    use twinrack_scenario::yaml::parse;

    use super::*;

    fn spec<T: Field>(text: &str) -> T {
        let (node, _) = parse(text, SourceId(0)).expect("valid YAML");
        T::decode(&node, &mut Decoder::default()).expect("valid")
    }

    fn costs(preset: &str) -> PagingCosts {
        PagingCosts::new(&spec(&format!("{{preset: {preset}}}")), Hertz(2_930_000_000))
    }

    const RDS: &str = "{fills: 30000/s, page_table_writes: 5000/s, tlb_misses: 400000/s}";

    #[test]
    fn the_deck_sees_ten_percent_and_two() {
        let rates = spec(RDS);
        let shadow = Paging::new(&costs("deck"), &rates, PagingMode::Shadow);
        // 30,000 * 2.5 us + 5,000 * 5 us = 7.5 % + 2.5 %.
        assert!((shadow.overhead - 0.10).abs() < 1e-12);
        assert_eq!(shadow.shadow, Bytes::MIB, "512 MiB mapped");
        let slat = Paging::new(&costs("deck"), &rates, PagingMode::Slat);
        assert!((slat.overhead - 0.02).abs() < 1e-12);
        assert_eq!(
            (slat.shadow, slat.walk_refs, slat.exits_per_s),
            (Bytes::ZERO, 24, 0.0)
        );
    }

    #[test]
    fn cycles_on_an_x5570_give_the_same() {
        let rates = spec(
            "{context_switches: 4000/s, page_table_writes: 12000/s, fills: 15000/s, invalidations: 5000/s, \
             other_exits: 15000/s, tlb_misses: 1M/s, slat_violations: 50/s}",
        );
        let shadow = Paging::new(&costs("x5570"), &rates, PagingMode::Shadow);
        assert!((shadow.overhead - 0.109).abs() < 0.001, "{}", shadow.overhead);
        let slat = Paging::new(&costs("x5570"), &rates, PagingMode::Slat);
        assert!((slat.overhead - 0.0206).abs() < 0.0001, "{}", slat.overhead);
        // 1 M misses a second * 40 cycles: 1.4 % that is the guest's, not the hypervisor's.
        assert!((slat.guest_walk - shadow.guest_walk - 0.01365).abs() < 0.0001);
    }

    #[test]
    fn a_thousand_touches_are_a_thousand_fills() {
        let rates = spec("{fills: 1000/s, page_table_writes: 50/s}");
        assert_eq!(
            Paging::new(&costs("deck"), &rates, PagingMode::Shadow).exits_per_s,
            1050.0
        );
        assert_eq!(
            Paging::new(&costs("deck"), &rates, PagingMode::Slat).exits_per_s,
            0.0
        );
    }

    #[test]
    fn references_of_the_published_walks() {
        assert_eq!(
            [(4, 4), (4, 3), (3, 3), (5, 5)].map(|(n, m)| walk_references(n, m)),
            [24, 19, 15, 35]
        );
    }

    #[test]
    fn one_lock_serves_few() {
        let paging = Paging::new(&costs("kvm-2023"), &spec(RDS), PagingMode::Shadow);
        assert_eq!(paging.lock_wait(1.0), 0.0);
        let waits = [2.0, 8.0, 32.0].map(|busy| paging.lock_wait(busy));
        assert!(waits[0] < waits[1] && waits[1] < waits[2], "{waits:?}");
        // 35,000 passes a second of 1.04 us each: 32 processors ask for 1.16 of the lock. It serves no more than 1, so
        // each needs at least 32 * 1.04 = 33.3 us for what took 29.6 us alone: 11 % of its time is waiting.
        assert!((0.11..0.2).contains(&waits[2]), "{waits:?}");
    }
}
