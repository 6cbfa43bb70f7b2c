//! `networks:` — what connects the hosts.

use crate::decode::Spanned;
use crate::units::{BitsPerSecond, Bytes, SimDuration};

crate::words! {
    /// The shape of a network.
    pub enum TopologySpec {
        /// One switch that never blocks; every host has a link to it.
        Star = "star",
        /// A k-ary fat tree of equal links, the least k that holds the hosts.
        FatTree = "fat-tree",
    }
}

crate::words! {
    /// What packets carry beside payload.
    pub enum FramingSpec {
        /// Ethernet, IPv4 and TCP headers: of a packet of `mtu` bytes 40 are not payload, and 38 more are on the wire.
        Ethernet = "ethernet",
        /// Nothing: speed is payload, as in fluid models such as SimGrid's.
        None = "none",
    }
}

crate::spec! {
    /// A network. Every host has one port on each network it is connected to.
    pub struct NetworkSpec {
        /// Its name.
        name: Spanned<String> => required,
        /// Shape.
        topology: TopologySpec => default(TopologySpec::Star),
        /// Speed of every link, each direction; a host's slower NIC limits its own.
        speed: BitsPerSecond [BitsPerSecond(1_000_000), BitsPerSecond(1_600_000_000_000)] => default(BitsPerSecond(1_000_000_000)),
        /// Rate of payload that one transfer can reach at most, when it was measured; else it follows from speed,
        /// MTU and TCP/IP headers.
        goodput: BitsPerSecond => optional,
        /// Largest IP packet: 1,500 bytes, or 9,000 with jumbo frames on every hop.
        mtu: Bytes [Bytes(576), Bytes(65_536)] => default(Bytes(1500)),
        /// What packets carry beside payload.
        framing: FramingSpec => default(FramingSpec::Ethernet),
        /// One-way latency of each link.
        latency: SimDuration => default(SimDuration::from_nanos(5_000)),
        /// Cluster metric: the lowest carries cluster and CSV traffic, the second lowest live migrations
        /// (`TechNet`, "Designating a Preferred Network for CSV Communication").
        metric: u32 [1, 100_000] => default(10_000),
        /// The hosts connected; all when absent.
        hosts: Spanned<String> => list,
    }
}
