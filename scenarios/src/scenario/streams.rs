//! The streams of a scenario: who sends to whom, over which network; the same for both bodies.

use super::Scenario;
use crate::fleet::{HostId, VmId};
use crate::units::BitsPerSecond;

/// Traffic that one VM sends all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// Who sends.
    pub from: VmId,
    /// Who receives.
    pub to: StreamEnd,
    /// The network it takes, by its index; 0 where the scenario has none.
    pub network: usize,
    /// The rate it would have on an empty network.
    pub rate: BitsPerSecond,
    /// Its weight where it shares a link.
    pub weight: u32,
}

/// Who receives a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// A VM, wherever it runs.
    Vm(VmId),
    /// A host.
    Host(HostId),
}

impl Scenario {
    /// All streams, in the order of the VMs that send them; their numbers are their places here.
    pub fn streams(&self) -> Vec<Stream> {
        let networks = &self.spec.networks;
        let busiest = networks
            .iter()
            .enumerate()
            .max_by_key(|(_, network)| network.metric);
        let default = busiest.map_or(0, |(index, _)| index);
        let mut streams = Vec::new();
        for (group, spec) in self.spec.vms.iter().enumerate() {
            for traffic in &spec.traffic {
                let named = traffic.network.as_ref().and_then(|name| {
                    networks
                        .iter()
                        .position(|network| network.name.value == name.value)
                });
                for (at, from) in self.vms.members(group).enumerate() {
                    // To a group of VMs the senders are dealt round.
                    let pick =
                        |range: std::ops::Range<u32>| range.start + at as u32 % range.len().max(1) as u32;
                    let vm = self.vms.find(&traffic.to);
                    let vm = vm.map(|range| StreamEnd::Vm(VmId(pick(range))));
                    let host = || {
                        let range = self.hosts.find(&traffic.to)?;
                        Some(StreamEnd::Host(HostId(pick(range))))
                    };
                    if let Some(to) = vm.or_else(host) {
                        streams.push(Stream {
                            from: VmId(from),
                            to,
                            network: named.unwrap_or(default),
                            rate: traffic.rate,
                            weight: traffic.weight,
                        });
                    }
                }
            }
        }
        streams
    }
}
