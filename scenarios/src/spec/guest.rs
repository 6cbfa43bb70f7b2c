//! `vms:` — virtual machines: size, place, demand, and how they dirty memory and load the paging machinery.

use crate::decode::Spanned;
use crate::units::{BitsPerSecond, Bytes, Hertz, PerSecond, Ratio};

crate::words! {
    /// In which order a page class is written.
    pub enum WritePattern {
        /// Uniformly at random: distinct pages saturate exponentially.
        Random = "random",
        /// From the first page to the last and again: distinct pages grow linearly up to the size.
        Sequential = "sequential",
    }
}

crate::spec! {
    /// A class of pages that the guest writes alike.
    pub struct PageClassSpec {
        /// Size of the class: the most that it can dirty; the whole memory when absent.
        size: Bytes => optional,
        /// Page writes each second at full processor share.
        rate: PerSecond => required,
        /// Order of the writes.
        pattern: WritePattern => default(WritePattern::Sequential),
    }
}

crate::spec! {
    /// How the guest loads the paging machinery, each second of one busy virtual processor.
    pub struct PagingRatesSpec {
        /// Address-space switches: CR3 loads, those of system calls apart.
        context_switches: PerSecond => default(PerSecond(0.0)),
        /// Writes to page-table entries.
        page_table_writes: PerSecond => default(PerSecond(0.0)),
        /// First touches that fill a shadow entry.
        fills: PerSecond => default(PerSecond(0.0)),
        /// Single-page invalidations (INVLPG).
        invalidations: PerSecond => default(PerSecond(0.0)),
        /// The guest's own page faults, which a shadow intercepts and hands back to it.
        guest_faults: PerSecond => default(PerSecond(0.0)),
        /// System calls; they cost nothing here unless the guest isolates its kernel's page tables.
        system_calls: PerSecond => default(PerSecond(0.0)),
        /// Whether the guest isolates its kernel's page tables (KPTI, 2018 and later): two CR3 loads a system call.
        page_table_isolation: bool => default(false),
        /// Other exits: timers, APIC, I/O.
        other_exits: PerSecond => default(PerSecond(0.0)),
        /// TLB misses.
        tlb_misses: PerSecond => default(PerSecond(0.0)),
        /// First touches of guest-physical memory under SLAT.
        slat_violations: PerSecond => default(PerSecond(0.0)),
        /// Memory mapped by 4 KiB pages and in use, which a shadow must cover.
        mapped: Bytes => default(Bytes(512 << 20)),
        /// Share of memory that the host backs by 2 MiB pages.
        large_pages: Ratio [Ratio(0.0), Ratio(1.0)] => default(Ratio(0.0)),
        /// Share of TLB misses that fall on 2 MiB pages of the guest's own.
        guest_large_pages: Ratio [Ratio(0.0), Ratio(1.0)] => default(Ratio(0.0)),
    }
}

crate::spec! {
    /// How the guest uses its disk, on its volume: blocks of 4 KiB anywhere on it.
    pub struct DiskSpec {
        /// Size of the disk.
        size: Bytes [Bytes(4096), Bytes(1 << 40)] => default(Bytes(64 << 20)),
        /// Blocks read each second, while the VM gets the processors that it asks for.
        reads: PerSecond => default(PerSecond(0.0)),
        /// Blocks written each second, likewise.
        writes: PerSecond => default(PerSecond(0.0)),
    }
}

crate::spec! {
    /// Traffic that the guest sends all the time.
    pub struct TrafficSpec {
        /// The VM or host it goes to.
        to: Spanned<String> => required,
        /// The rate it would have on an empty network.
        rate: BitsPerSecond => required,
        /// The network it takes; the one with the highest metric when absent.
        network: Spanned<String> => optional,
        /// Its weight where it shares a link with other traffic and with migrations: it gets so many times what one of weight 1 gets, as
        /// long as both could use more.
        weight: u32 [1, 1000] => default(1),
    }
}

crate::spec! {
    /// A virtual machine, or `count` alike.
    pub struct VmSpec, filled from "profile" {
        /// Its name; with `count` above 1 they are called `name1`, `name2`, ….
        name: Spanned<String> => required,
        /// How many alike.
        count: Spanned<u32> => optional,
        /// The profile it was taken from.
        model: String => optional,
        /// Where the profile's numbers come from.
        source: String => optional,
        /// The host it starts on; chosen by `policies.placement` when absent. With `count` on a host group, the VMs
        /// are dealt round.
        host: Spanned<String> => optional,
        /// The volume it lives on; the first of `storage` when absent.
        volume: Spanned<String> => optional,
        /// Memory.
        memory: Spanned<Bytes> => required,
        /// Virtual processors.
        vcpus: Spanned<u32> => optional,
        /// The clock that its demand is stated for: on a slower host the same demand takes more of a processor. The
        /// host's own when absent.
        clock: Hertz => optional,
        /// Scheduler weight.
        weight: u32 [1, 10_000] => default(100),
        /// Guaranteed share of its virtual processors.
        reserve: Ratio [Ratio(0.0), Ratio(1.0)] => default(Ratio(0.0)),
        /// Most it may use of its virtual processors.
        cap: Ratio [Ratio(0.0), Ratio(1.0)] => default(Ratio(1.0)),
        /// Constant processor demand, as a share of its virtual processors.
        cpu: Spanned<Ratio> => optional,
        /// The workload it follows, in place of `cpu`.
        workload: Spanned<String> => optional,
        /// How it dirties memory.
        dirtying: PageClassSpec => list,
        /// Memory never touched: sent as zero pages by migrations that look for them.
        untouched: Bytes => default(Bytes(0)),
        /// How it loads the paging machinery.
        paging: PagingRatesSpec => group,
        /// How it uses its disk; it has none worth a word when absent.
        disk: DiskSpec => optional,
        /// What it sends.
        traffic: TrafficSpec => list,
        /// Whether the cluster may move and restart it.
        highly_available: bool => default(true),
        /// Whether it hides the processor features that differ between generations (processor compatibility mode).
        processor_compatibility: bool => default(false),
        /// The hosts that may own it, when not every node of its cluster may (possible owners).
        possible_owners: Spanned<String> => list,
        /// Something attached to it that only its host has, such as a physical drive or a local image: it keeps the VM
        /// from being moved.
        local_device: String => optional,
        /// Whether its host starts it by itself (automatic start action); the product warns of it in a cluster.
        automatic_start: bool => default(false),
        /// Whether it runs from the start.
        running: bool => default(true),
    }
}
