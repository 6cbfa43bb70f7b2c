//! What goes wrong on purpose: hosts that lose power, and links that slow down or are cut.
//!
//! A link is as slow as the controller grants: what is left of its speed is shared among those that send over it, and over one that is cut no page
//! of a guest and no byte of a stream goes. A migration whose link stays cut is given up when its ends lose patience.

use twinrack_scenario::record::Event;
use twinrack_scenario::spec::timeline::{FaultSpec, LinkFaultSpec};
use twinrack_scenario::units::{BitsPerSecond, Ratio};
use twinrack_scenario::{HostId, NetworkId};

use super::Body;
use super::timers::Due;

impl Body<'_> {
    /// A fault is due.
    pub(super) fn fault(&mut self, index: usize) {
        match self.scenario.spec.faults.get(index) {
            Some(fault @ (FaultSpec::HostCrash(_) | FaultSpec::RackLoss(_) | FaultSpec::FeedLoss(_))) => {
                for host in self.scenario.without_power(fault) {
                    self.crash(host);
                }
            }
            Some(FaultSpec::Link(spec)) => {
                self.slow_down(spec, spec.remains);
                if let Some(lasts) = spec.lasts {
                    self.timers.at(self.now + lasts, Due::FaultOver(index));
                }
            }
            Some(FaultSpec::HostCrashAfterHandOver(_)) | None => {}
        }
    }

    /// A link fault is over.
    pub(super) fn fault_over(&mut self, index: usize) {
        if let Some(FaultSpec::Link(spec)) = self.scenario.spec.faults.get(index) {
            self.slow_down(spec, Ratio::ONE);
        }
    }

    fn slow_down(&mut self, spec: &LinkFaultSpec, remains: Ratio) {
        let mut networks = self.scenario.spec.networks.iter();
        let network = networks.position(|network| network.name.value == spec.network.value);
        let host = self.scenario.hosts.find_one(&spec.host).map(HostId);
        let Some((network, host)) = network.zip(host) else {
            return;
        };
        let network = NetworkId(network as u32);
        self.slowed.insert((network, host), remains);
        let carries = self.link_rate(Some(network)).as_f64() * remains.0;
        self.write(Event::LinkChanged {
            host,
            network,
            bits_per_second: BitsPerSecond(carries as u64).0,
        });
    }

    /// Whether a host's link to a network carries anything.
    pub(super) fn is_linked(&self, network: usize, host: HostId) -> bool {
        let remains = self.slowed.get(&(NetworkId(network as u32), host));
        remains.is_none_or(|remains| remains.0 > 0.0)
    }
}
