//! `hosts:` — physical hosts, usually from a profile, singly or by the thousand.

use super::Edition;
use super::generation::Generation;
use crate::decode::Spanned;
use crate::units::{BitsPerSecond, Bytes, Hertz, Ratio, SimDuration, Watts};

crate::words! {
    /// How guest addresses are translated.
    pub enum PagingMode {
        /// Shadow page tables kept by the hypervisor.
        Shadow = "shadow",
        /// Second-level address translation by the processor (EPT, NPT/RVI).
        Slat = "slat",
    }
}

crate::words! {
    /// Who made the processor: live migration never crosses this line.
    pub enum CpuVendor {
        /// Intel.
        Intel = "intel",
        /// AMD.
        Amd = "amd",
    }
}

crate::spec! {
    /// A network adapter.
    pub struct NicSpec {
        /// Line rate.
        speed: BitsPerSecond => required,
        /// Receive queues for VMs (VMQ), the default queue included; 0 when it has none.
        vmq_queues: u32 [0, 2048] => default(0),
        /// Queues over which receiving spreads (RSS), each kept by one logical processor, which receives 3 to 4 Gb/s in
        /// packets of 1,500 bytes. Receiving is not bound by them when absent.
        receive_queues: u32 [1, 2048] => optional,
        /// TCP connections it can take over (Chimney); 0 when it has none.
        chimney_connections: u32 [0, 1_000_000] => default(0),
        /// Largest packet it can carry. The least of the network's and of all adapters on it holds for the whole network.
        mtu: Bytes [Bytes(576), Bytes(65_536)] => default(Bytes(9000)),
    }
}

crate::spec! {
    /// An idle state of a core.
    pub struct CStateSpec {
        /// Its name: `C1`, `C1E`, `C2`, `C3`, `C6`. Those that begin with `C1` keep the package awake, deeper ones let
        /// it sleep when all its cores are in them.
        name: String => required,
        /// Time to wake from it.
        exit_latency: SimDuration => required,
        /// Least stay for which it pays.
        target_residency: SimDuration => required,
        /// Power of one logical processor in it, when known; `core_halt` otherwise.
        power: Watts => optional,
    }
}

crate::spec! {
    /// A performance state: a clock below the nominal one that cores can run at.
    pub struct PStateSpec {
        /// The clock.
        clock: Hertz => required,
        /// Core voltage at it, as a share of that at the nominal clock. When absent it falls by 4 % for each 10 % of
        /// clock, assumed.
        voltage: Ratio [Ratio(0.1), Ratio(1.0)] => optional,
    }
}

crate::words! {
    /// When a package may sleep.
    pub enum PackageSleep {
        /// When all its own cores do.
        Alone = "alone",
        /// Only when all cores of the host do.
        Together = "together",
    }
}

crate::spec! {
    /// What a host draws: its measured curve, and how it is split over parts where that is known.
    pub struct PowerSpec {
        /// Watts at the wall at active idle and at 10, 20, …, 100 % load: 11 values.
        curve: Watts => list,
        /// One logical processor running at full clock (C0, P0); with this or `first_thread` the parts are used as
        /// given instead of being worked out from the curve.
        core_active: Watts => optional,
        /// A core with one thread running, the others idle: taken instead of `core_active` where cores were measured
        /// one by one.
        first_thread: Watts => optional,
        /// What each further running thread of a core adds to `first_thread`.
        further_thread: Watts => optional,
        /// One logical processor halted (C1), transitions included.
        core_halt: Watts => optional,
        /// One logical processor parked in the deepest state.
        core_parked: Watts => optional,
        /// A package with a core awake, beyond its cores.
        package_awake: Watts => optional,
        /// A package with every core in the deepest state.
        package_asleep: Watts => optional,
        /// When a package may sleep.
        packages_sleep: PackageSleep => default(PackageSleep::Alone),
        /// What it draws while it is switched off: the management controller. Assumed; 5 to 15 W.
        standby: Watts => default(Watts(8.0)),
        /// Everything else: fans, disks, memory, losses.
        base: Watts => optional,
    }
}

crate::spec! {
    /// A host, or `count` alike.
    pub struct HostSpec, filled from "profile" {
        /// Its name; with `count` above 1 they are called `name1`, `name2`, ….
        name: Spanned<String> => required,
        /// How many alike.
        count: Spanned<u32> => optional,
        /// The racks that the hosts of the group stand in, dealt round: the first host in the first rack, the second in the
        /// second. A name that several groups give is one rack.
        racks: String => list,
        /// The power feeds that they hang on, dealt round likewise: with `racks: [r1, r2, r3, r4]` and `feeds: [a, b]` the first
        /// and the third rack hang on `a`. A host on two feeds lives through the loss of either: name none.
        feeds: String => list,
        /// The profile it was taken from.
        model: String => optional,
        /// Where the profile's numbers come from.
        source: String => optional,
        /// Processor sockets.
        sockets: u32 [1, 64] => default(2),
        /// Cores of each socket.
        cores: u32 [1, 512] => default(4),
        /// Threads of each core.
        threads: u32 [1, 8] => default(1),
        /// Nominal clock.
        clock: Hertz [Hertz(100_000_000), Hertz(10_000_000_000)] => default(Hertz(2_930_000_000)),
        /// Installed memory.
        memory: Spanned<Bytes> => required,
        /// How guest addresses are translated.
        paging: PagingMode => default(PagingMode::Slat),
        /// Processor vendor.
        vendor: CpuVendor => default(CpuVendor::Intel),
        /// Processor generation: the features that guests see and that live migration compares. A host without one takes any guest
        /// of its vendor.
        generation: Generation => optional,
        /// Network adapters, one for each network in order; a 1 Gb/s adapter each when absent.
        nics: NicSpec => list,
        /// Idle states, shallowest first.
        c_states: CStateSpec => list,
        /// Clocks below the nominal one, in any order; none when absent.
        p_states: PStateSpec => list,
        /// Power.
        power: PowerSpec => group,
        /// The product it runs, when it is another than the scenario's.
        edition: Edition => optional,
        /// Drive of its system; nodes of one cluster need the same for Cluster Shared Volumes.
        system_drive: String => default("C:".to_owned()),
        /// Memory kept for the parent partition and the hypervisor; the product's default is 2 GiB.
        reserve: Bytes => default(Bytes(2 << 30)),
        /// Time from power-on until VMs can run on it.
        boot: SimDuration => default(SimDuration::from_secs(180)),
    }
}
