//! Failure domains: hosts that one failure takes together, a rack or a power feed.

use std::collections::BTreeMap;

use crate::fleet::HostId;
use crate::scenario::Scenario;
use crate::spec::host::HostSpec;
use crate::spec::timeline::FaultSpec;

/// What fails together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DomainKind {
    /// One host.
    Host,
    /// All hosts of a rack.
    Rack,
    /// All hosts on a power feed.
    Feed,
}

impl DomainKind {
    /// Every kind, the smallest first.
    pub const ALL: [Self; 3] = [Self::Host, Self::Rack, Self::Feed];

    /// What it is called.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Rack => "rack",
            Self::Feed => "power feed",
        }
    }

    /// The names that a group of hosts gives its domains of this kind, in the order they are dealt; none of hosts.
    pub fn of(self, host: &HostSpec) -> &[String] {
        match self {
            Self::Host => &[],
            Self::Rack => &host.racks,
            Self::Feed => &host.feeds,
        }
    }

    /// Every name that groups give, as often as they give it.
    pub fn names(self, hosts: &[HostSpec]) -> impl Iterator<Item = &str> {
        hosts
            .iter()
            .flat_map(move |host| self.of(host).iter().map(String::as_str))
    }
}

/// A failure domain and what it takes along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// Its name: of the host, the rack or the feed.
    pub name: String,
    /// The hosts, in order.
    pub hosts: Vec<HostId>,
}

impl Scenario {
    /// The failure domains of a kind: hosts in their order, racks and feeds by name.
    pub fn domains(&self, kind: DomainKind) -> Vec<Domain> {
        if kind == DomainKind::Host {
            let one = |host| Domain {
                name: self.hosts.name(host),
                hosts: vec![HostId(host)],
            };
            return (0..self.hosts.len()).map(one).collect();
        }
        let mut domains: BTreeMap<&str, Vec<HostId>> = BTreeMap::new();
        for (group, spec) in self.spec.hosts.iter().enumerate() {
            // Hosts are dealt round: as long as the names last, and again.
            let names = kind.of(spec).iter().cycle();
            for (host, name) in self.hosts.members(group).zip(names) {
                domains.entry(name).or_default().push(HostId(host));
            }
        }
        let domain = |(name, hosts): (&str, Vec<HostId>)| Domain {
            name: name.to_owned(),
            hosts,
        };
        domains.into_iter().map(domain).collect()
    }

    /// The hosts that lose power by a fault, in order.
    pub fn without_power(&self, fault: &FaultSpec) -> Vec<HostId> {
        let (kind, name) = match fault {
            FaultSpec::HostCrash(spec) => {
                return self.hosts.find_one(&spec.host).map(HostId).into_iter().collect();
            }
            FaultSpec::RackLoss(spec) => (DomainKind::Rack, &spec.rack),
            FaultSpec::FeedLoss(spec) => (DomainKind::Feed, &spec.feed),
            FaultSpec::HostCrashAfterHandOver(_) | FaultSpec::Link(_) => return Vec::new(),
        };
        let lost = self
            .domains(kind)
            .into_iter()
            .find(|domain| domain.name == name.value);
        lost.map(|domain| domain.hosts).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RACKS: &str = "
name: racks
duration: 1min
hosts:
  - {name: n, count: 5, memory: 8GiB, racks: [r1, r2, r3], feeds: [a, b]}
  - {name: old, memory: 8GiB, racks: [r2]}
faults:
  - rack_loss: {at: 10s, rack: r2}
  - feed_loss: {at: 20s, feed: b}
";

    #[test]
    fn hosts_are_dealt_round_and_racks_shared_by_name() {
        let scenario = Scenario::from_yaml(RACKS).expect("valid");
        let shown = |kind| -> Vec<String> {
            let domains = scenario.domains(kind).into_iter();
            domains
                .map(|domain| {
                    let hosts: Vec<String> = domain
                        .hosts
                        .iter()
                        .map(|host| scenario.hosts.name(host.0))
                        .collect();
                    format!("{}: {}", domain.name, hosts.join(" "))
                })
                .collect()
        };
        assert_eq!(shown(DomainKind::Rack), ["r1: n1 n4", "r2: n2 n5 old", "r3: n3"]);
        assert_eq!(shown(DomainKind::Feed), ["a: n1 n3 n5", "b: n2 n4"]);
        assert_eq!(shown(DomainKind::Host).len(), 6);
        let lost = |fault: usize| scenario.without_power(&scenario.spec.faults[fault]);
        assert_eq!(lost(0), [1, 4, 5].map(HostId));
        assert_eq!(lost(1), [1, 3].map(HostId));
    }
}
