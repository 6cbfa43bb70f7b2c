//! `policies.migration` — how VMs are moved: the pre-copy policy, its limits, and the time each step takes.
//!
//! A key without a default takes the value that its policy was published with (see [`TimingsSpec`]); numbers marked
//! *proposed* were never published for the product and are overridable estimates.

pub use super::connection::ConnectionSpec;
pub use super::timings::TimingsSpec;
pub use super::wire::WireSpec;
use crate::units::{BitsPerSecond, Bytes, Ratio, SimDuration};

crate::spec! {
    /// Hyper-V 2008 R2: all pages sent, or a fixed number of rounds.
    pub struct HyperVR2Spec {
        /// Most rounds (the product: 10).
        max_rounds: u32 [1, 1000] => default(10),
        /// Whether the full copy is one of them. Not documented for the product; counting it is the cautious reading.
        count_full_copy: bool => default(true),
        /// The loop also ends when no more pages than this are left; 0 is "all pages sent". Proposed: 0 to 4096.
        threshold_pages: u32 => default(0),
        /// The loop also ends when what is left can be sent in this time; 50 ms for "can be copied in milliseconds".
        threshold_time: SimDuration => default(SimDuration::ZERO),
    }
}

crate::spec! {
    /// QEMU (constants of `migration/options.c`, `migration/ram.c`, version 9).
    pub struct QemuSpec {
        /// Longest pause wanted (`downtime-limit`).
        downtime_limit: SimDuration => default(SimDuration::from_millis(300)),
        /// Most bandwidth (`max-bandwidth`, 128 MiB/s).
        max_bandwidth: BitsPerSecond => default(BitsPerSecond(8 * (128 << 20))),
        /// Bandwidth assumed for the pause in place of the measured one (`avail-switchover-bandwidth`).
        switchover_bandwidth: BitsPerSecond => optional,
        /// How often what is pending is compared with what the pause can carry (`BUFFER_DELAY`).
        check_interval: SimDuration => default(SimDuration::from_millis(100)),
        /// Slow the guest down when it dirties faster than is sent (`auto-converge`, off by default).
        auto_converge: bool => default(false),
        /// Share of the bytes sent that may be dirtied before a period counts as too fast (`throttle-trigger-threshold`).
        throttle_trigger: Ratio [Ratio(0.01), Ratio(1.0)] => default(Ratio(0.5)),
        /// First slow-down (`cpu-throttle-initial`).
        throttle_initial: Ratio [Ratio(0.01), Ratio(0.99)] => default(Ratio(0.2)),
        /// Each further one (`cpu-throttle-increment`).
        throttle_increment: Ratio [Ratio(0.01), Ratio(0.99)] => default(Ratio(0.1)),
        /// Greatest (`max-cpu-throttle`).
        throttle_max: Ratio [Ratio(0.01), Ratio(0.99)] => default(Ratio(0.99)),
        /// Rounds without a new least remainder after which the migration is said never to converge; the product
        /// has no such limit and goes on until an administrator cancels it.
        stalled_rounds: u32 [2, 1_000_000] => default(100),
    }
}

crate::spec! {
    /// Xen.
    pub struct XenSpec {
        /// Most rounds: 29 for the classic tool stack (Akoush et al., MASCOTS'10), 5 for today's libxenguest
        /// (`SPP_MAX_ITERATIONS`).
        max_rounds: u32 [1, 1000] => default(5),
        /// The loop ends when fewer pages than this are left (`SPP_TARGET_DIRTY_COUNT`).
        threshold_pages: u32 => default(50),
        /// The loop ends when more than so many times the memory was sent; no such limit when absent. The classic
        /// tool stack has 3.
        max_factor: u32 [1, 1000] => optional,
    }
}

crate::spec! {
    /// Adaptive rate limiting (Clark et al., NSDI'05).
    pub struct Clark2005Spec {
        /// Rate of the first round.
        min_rate: BitsPerSecond => default(BitsPerSecond(100_000_000)),
        /// Added to the dirty rate of the last round for the rate of the next.
        increment: BitsPerSecond => default(BitsPerSecond(50_000_000)),
        /// Greatest rate: the loop ends when a round would need more. The pause sends at this rate. Proposed: half of
        /// a gigabit link; the administrator sets it.
        max_rate: BitsPerSecond => default(BitsPerSecond(500_000_000)),
        /// The loop ends when less than this is left.
        threshold: Bytes => default(Bytes(256 << 10)),
        /// Most rounds, as in the tool stack that it was built into (`xc_linux_save`: `DEF_MAX_ITERS`).
        max_rounds: u32 [1, 1000] => default(29),
        /// The loop ends when more than so many times the memory was sent (`DEF_MAX_FACTOR`).
        max_factor: u32 [1, 1000] => default(3),
    }
}

crate::spec! {
    /// SimGrid's live-migration plugin, its dirty model included (`VmLiveMigration.cpp`, `dirty_page_tracking.cpp`).
    pub struct SimGridSpec {
        /// Configured migration speed: the cap of the flow and the base of the dirty rate.
        speed: BitsPerSecond => default(BitsPerSecond(1_000_000_000)),
        /// Bytes dirtied by a busy virtual processor, as a share of `speed`.
        intensity: Ratio => default(Ratio(0.1)),
        /// Most that a round can dirty, as a share of the memory.
        working_set: Ratio [Ratio(0.0), Ratio(1.0)] => default(Ratio(0.9)),
        /// Longest pause wanted.
        max_downtime: SimDuration => default(SimDuration::from_millis(30)),
        /// Rounds without a new least remainder after which the migration is said never to converge; the plugin
        /// itself ends the whole simulation there.
        stalled_rounds: u32 [2, 1_000_000] => default(100),
    }
}

crate::spec! {
    /// Post-copy (Hines and Gopalan, VEE'09): the VM moves first and its pages follow.
    pub struct PostCopySpec {
        /// Rounds of pre-copy before the switch; 0 switches at once.
        precopy_rounds: u32 [0, 1000] => default(1),
        /// Most bandwidth of the pages that follow (`max-postcopy-bandwidth`); no cap when absent.
        max_bandwidth: BitsPerSecond => optional,
        /// Time to bring a page that the guest waits for: 12.1 ms behind the bulk stream, 496 µs with a channel of
        /// its own, 229 µs with that channel and requests first (P. Xu's measurements for QEMU, 10 Gb/s, 2022).
        fault_latency: SimDuration => default(SimDuration::from_nanos(496_000)),
    }
}

crate::variants! {
    /// When a pre-copy round ends the loop.
    pub enum PrecopyPolicySpec {
        /// Hyper-V 2008 R2: at most 10 rounds, or all pages sent.
        HyperVR2(HyperVR2Spec) = "hyperv-r2",
        /// QEMU: downtime limit, bandwidth cap, auto-converge.
        Qemu(QemuSpec) = "qemu",
        /// Xen: few rounds, few pages, a limit of traffic.
        Xen(XenSpec) = "xen",
        /// Clark et al. 2005: rounds at a rate that follows the dirty rate.
        Clark2005(Clark2005Spec) = "clark-2005",
        /// SimGrid's plugin.
        SimGrid(SimGridSpec) = "simgrid",
        /// The VM moves first and its pages follow.
        PostCopy(PostCopySpec) = "post-copy",
    }
}

crate::words! {
    /// What happens to a migration whose host is busy with another.
    pub enum BusySpec {
        /// It waits (Virtual Machine Manager).
        Queue = "queue",
        /// It is refused (Failover Cluster Manager).
        Refuse = "refuse",
    }
}

crate::words! {
    /// Which writes of a round make a page dirty again.
    pub enum DirtyLogSpec {
        /// Every write since the round began: the log is read and cleared as one, at the start of a round.
        RoundStart = "round-start",
        /// Only writes after the page was sent: each part of the log is cleared just before its pages are sent
        /// (KVM's manual clear).
        EarlyClear = "early-clear",
        /// Every write since the round began, and pages that are dirty again when their turn comes are left out of it:
        /// Xen's classic tool stack looks at the log, without clearing it, before each batch (`xc_domain_save`; Clark et
        /// al., NSDI'05).
        SkipDirty = "skip-dirty",
    }
}

crate::words! {
    /// How long saving and restoring take.
    pub enum QuickModel {
        /// Seconds for each GiB, as in the product's presentations of 2008 and 2009.
        Table = "table",
        /// Twice the memory over the rate of the volume.
        Physics = "physics",
    }
}

crate::words! {
    /// How hosts reach their storage, for the table.
    pub enum QuickLink {
        /// iSCSI on 1 Gb/s: 16 s for each GiB.
        Iscsi1G = "iscsi-1gb",
        /// Fibre Channel, 2 Gb/s: 8 s for each GiB.
        Fc2G = "fc-2gb",
        /// Fibre Channel, 4 Gb/s: 4 s for each GiB.
        Fc4G = "fc-4gb",
    }
}

impl QuickLink {
    /// Save and restore together, for each GiB of memory.
    pub const fn per_gib(self) -> SimDuration {
        SimDuration::from_secs(match self {
            Self::Iscsi1G => 16,
            Self::Fc2G => 8,
            Self::Fc4G => 4,
        })
    }
}

crate::spec! {
    /// Quick migration: save, move, restore.
    pub struct QuickSpec {
        /// How long saving and restoring take.
        model: QuickModel => default(QuickModel::Table),
        /// How hosts reach their storage.
        link: QuickLink => default(QuickLink::Iscsi1G),
        /// Save and restore together for each GiB of memory, in place of the table.
        per_gib: SimDuration => optional,
        /// Moving a clustered LUN to the target; a Cluster Shared Volume takes no time. Proposed: 3 s, 1 to 10.
        disk_move: SimDuration => default(SimDuration::from_secs(3)),
    }
}

crate::spec! {
    /// What migration costs the guest and its hosts beside the pause.
    pub struct MigrationCostSpec {
        /// Guest time for the first write to a page in each round. For `qemu` and `post-copy` 1.2 µs, a write-protection fault
        /// on the lockless path (Matlack, KVM patches 2021); 20 ns with page-modification logging; 10 µs where a large page is
        /// split. None for `simgrid`, whose plugin has no such cost. For the others nothing was published: the exit costs
        /// them what `policies.paging` says, a violation under SLAT (nothing with the preset `deck`), a fill in a shadow.
        dirty_fault: SimDuration => optional,
        /// Time of one host processor to send or receive a byte, times 10^9 (nanoseconds a byte). 1 is a core for
        /// 8 Gb/s, where a single QEMU stream is bound by its core.
        send_nanos_per_byte: u32 [0, 1000] => default(1),
    }
}

impl MigrationCostSpec {
    /// Guest time for the first write to a page in each round, where it is given or was measured for the policy.
    pub const fn dirty_fault_of(&self, policy: Option<&PrecopyPolicySpec>) -> Option<SimDuration> {
        match (self.dirty_fault, policy) {
            (Some(given), _) => Some(given),
            (None, Some(PrecopyPolicySpec::Qemu(_) | PrecopyPolicySpec::PostCopy(_))) => {
                Some(SimDuration::from_nanos(1200))
            }
            (None, Some(PrecopyPolicySpec::SimGrid(_))) => Some(SimDuration::ZERO),
            (None, _) => None,
        }
    }
}

crate::spec! {
    /// How VMs are moved.
    pub struct MigrationPolicySpec {
        /// When the pre-copy loop ends; `hyperv-r2` when absent.
        policy: PrecopyPolicySpec => optional,
        /// Most bandwidth one migration takes; what the network gives when absent.
        bandwidth: BitsPerSecond => optional,
        /// Its weight where it shares a link with other migrations and with traffic: it gets so many times what one of weight 1 gets,
        /// as long as both could use more.
        weight: u32 [1, 1000] => default(1),
        /// Share of what links could carry that the streams over them reach, those of traffic too: 95.7 % through a token bucket that
        /// counts the headers of Ethernet, IP and TCP. All of it when absent. The simulated body's alone: a real one takes what it gets.
        efficiency: Ratio [Ratio(0.01), Ratio(2.0)] => optional,
        /// Most migrations that a host takes part in at once, as source or target (2008 R2: 1; 2012 and later: 2).
        per_host: u32 [1, 1000] => default(1),
        /// What happens to one more.
        when_busy: BusySpec => default(BusySpec::Queue),
        /// Which writes make a page dirty again; `early-clear` for `qemu` and `post-copy`, `skip-dirty` for `clark-2005`, else
        /// `round-start`. Xen's classic tool stack is `xen` with `skip-dirty`; today's libxenguest leaves nothing out.
        dirty_log: DirtyLogSpec => optional,
        /// Whether untouched memory is sent as 9 bytes a page; yes for `qemu` and `post-copy`, else no.
        zero_pages: bool => optional,
        /// Bytes on the wire beside each page's 4,096: 8 for `qemu` and `post-copy`, else none.
        page_header: Bytes => optional,
        /// Headers of runs and frames of pages.
        wire: WireSpec => group,
        /// Whether the KVM body encrypts what goes over the migration network; yes when absent. Without it the stream is still
        /// authenticated. The simulated body has the cost of either in `cost.send_nanos_per_byte`.
        encrypt: bool => optional,
        /// What each step takes.
        timings: TimingsSpec => group,
        /// How long it waits for a network that carries nothing.
        connection: ConnectionSpec => group,
        /// Quick migration.
        quick: QuickSpec => group,
        /// What migration costs beside the pause.
        cost: MigrationCostSpec => group,
    }
}

impl MigrationPolicySpec {
    /// Which writes make a page dirty again, with the default of the policy where nothing is said.
    pub fn log(&self) -> DirtyLogSpec {
        self.dirty_log.unwrap_or(match self.policy {
            Some(PrecopyPolicySpec::Qemu(_) | PrecopyPolicySpec::PostCopy(_)) => DirtyLogSpec::EarlyClear,
            Some(PrecopyPolicySpec::Clark2005(_)) => DirtyLogSpec::SkipDirty,
            _ => DirtyLogSpec::RoundStart,
        })
    }
}
