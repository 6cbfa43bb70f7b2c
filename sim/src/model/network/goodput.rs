//! What a link carries of payload: Ethernet and TCP/IP headers, packets, and what receiving them costs the processor.

use twinrack_scenario::units::{BitsPerSecond, Bytes};

/// Ethernet around an IP packet: header 14, check sequence 4, preamble 8, gap 12 bytes (IEEE 802.3).
const ETHERNET: f64 = 38.0;
/// IPv4 and TCP headers without options.
const TCP_IP: f64 = 40.0;

/// Payload over wire time at full packets: 1460/1538 for 1,500 bytes, 8960/9038 for 9,000.
pub fn efficiency(mtu: Bytes) -> f64 {
    (mtu.as_f64() - TCP_IP).max(0.0) / (mtu.as_f64() + ETHERNET)
}

/// What a link of that speed carries of payload.
pub fn payload_rate(speed: BitsPerSecond, mtu: Bytes) -> BitsPerSecond {
    BitsPerSecond((speed.as_f64() * efficiency(mtu)) as u64)
}

/// Full packets each second that carry so much payload.
pub fn packets_per_second(payload: f64, mtu: Bytes) -> f64 {
    payload / 8.0 / (mtu.as_f64() - TCP_IP).max(1.0)
}

/// What the adapters of a receiving host take over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offloads {
    /// Packets go straight into VM memory (VMQ): no copy, no look-up, and receiving spreads over processors.
    pub vmq: bool,
    /// TCP is handled by the adapter (Chimney).
    pub chimney: bool,
}

/// Seconds of processor time to receive one packet of that payload, in parent and guest together.
///
/// 1.5 us in any case; without VMQ a route look-up of 0.6 us and a copy of 0.85 ns a byte; TCP in the guest 2.0 us, or 0.2 us
/// with Chimney. Assumed, +-50 %; calibrated to "one processor saturates at 3-4 Gb/s without VMQ" (workinghardinit).
pub fn receive_seconds(payload: f64, offloads: Offloads) -> (f64, f64) {
    let parent = 1.5e-6
        + if offloads.vmq {
            0.0
        } else {
            0.6e-6 + 0.85e-9 * payload
        };
    let guest = if offloads.chimney { 0.2e-6 } else { 2.0e-6 };
    (parent, guest)
}

/// A host as a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Receiver {
    /// What its adapters take over.
    pub offloads: Offloads,
    /// Clock in hertz.
    pub clock: f64,
}

impl Receiver {
    /// The parent partition of the host, which gets its own packets in the ordinary way: queues are for VMs.
    #[must_use]
    pub const fn parent(self) -> Self {
        Self {
            offloads: Offloads {
                vmq: false,
                chimney: self.offloads.chimney,
            },
            clock: self.clock,
        }
    }

    /// Cycles for each byte of payload in full packets.
    pub fn cycles_per_byte(self, mtu: Bytes) -> f64 {
        let payload = (mtu.as_f64() - TCP_IP).max(1.0);
        let (parent, guest) = receive_seconds(payload, self.offloads);
        (parent + guest) * self.clock / payload
    }
}

/// Payload that one processor can receive without VMQ, where a single one does all of the parent's work.
pub fn single_processor_limit(mtu: Bytes) -> BitsPerSecond {
    let payload = (mtu.as_f64() - TCP_IP).max(0.0);
    let (parent, _) = receive_seconds(payload, Offloads::default());
    BitsPerSecond((payload * 8.0 / parent) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDINARY: Bytes = Bytes(1500);
    const JUMBO: Bytes = Bytes(9000);

    #[test]
    fn packets_of_one_gigabit() {
        let packets = |mtu| packets_per_second(1e9 * efficiency(mtu), mtu);
        assert_eq!(packets(ORDINARY).round(), 81_274.0);
        assert_eq!(packets(JUMBO).round(), 13_830.0);
        assert!((efficiency(ORDINARY) - 0.949).abs() < 0.0005);
        assert!((efficiency(JUMBO) - 0.991).abs() < 0.0005);
    }

    #[test]
    fn offloads_save_cycles() {
        let receiver = |vmq, chimney| Receiver {
            offloads: Offloads { vmq, chimney },
            clock: 2.93e9,
        };
        // 3.341 + 2.0 us of 2.93 GHz for 1,460 bytes; with VMQ and Chimney 1.5 + 0.2 us.
        let plain = receiver(false, false).cycles_per_byte(ORDINARY);
        assert!((plain - 10.719).abs() < 0.001);
        assert!((receiver(true, true).cycles_per_byte(ORDINARY) - 3.412).abs() < 0.001);
        assert_eq!(receiver(true, false).parent().cycles_per_byte(ORDINARY), plain);
    }

    #[test]
    fn one_processor_receives_three_and_a_half_gigabits() {
        // 1.5 + 0.6 + 0.85 ns * 1460 = 3.341 us a packet: 299,312 packets, 3.50 Gb/s.
        assert!((receive_seconds(1460.0, Offloads::default()).0 - 3.341e-6).abs() < 1e-12);
        assert!((single_processor_limit(ORDINARY).as_f64() / 3.496e9 - 1.0).abs() < 0.001);
        let line_rate = packets_per_second(10e9 * efficiency(ORDINARY), ORDINARY);
        let (parent, _) = receive_seconds(
            1460.0,
            Offloads {
                vmq: true,
                chimney: false,
            },
        );
        assert!(
            (line_rate * parent - 1.22).abs() < 0.005,
            "VMQ needs 1.22 processors at line rate"
        );
    }
}
