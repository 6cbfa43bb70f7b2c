//! Timeline and faults: each names what exists, happens while the run lasts, and can happen at all.

use std::collections::BTreeSet;

use super::{Checker, Kind};
use crate::decode::Spanned;
use crate::domain::DomainKind;
use crate::fault::{Echo, Fault};
use crate::spec::timeline::{ActionSpec, FaultSpec, LinkFaultSpec};
use crate::units::SimDuration;

/// What the whole timeline says of a VM's way, gathered once.
struct Ways {
    /// The VMs that are migrated by name, and the first time that anything may have moved a VM at all.
    migrated: BTreeSet<u32>,
    first_move: SimDuration,
    /// Whether VMs are also moved by policies or maintenance.
    others: bool,
}

impl Checker<'_> {
    /// Notes entries that name nothing, come too late or can't happen.
    pub(super) fn timeline(&mut self) {
        let spec = self.spec;
        let ways = self.ways();
        for (index, action) in spec.timeline.iter().enumerate() {
            if self.is_full() {
                return;
            }
            self.action(&format!("timeline[{index}].{}", action.word()), action, &ways);
        }
        for (index, fault) in spec.faults.iter().enumerate() {
            if self.is_full() {
                return;
            }
            self.fault(&format!("faults[{index}].{}", fault.word()), fault, &ways);
        }
    }

    fn ways(&self) -> Ways {
        let mut ways = Ways {
            migrated: BTreeSet::new(),
            first_move: SimDuration::MAX,
            others: self.spec.policies.consolidation.is_some(),
        };
        for action in &self.spec.timeline {
            let (vm, at) = match action {
                ActionSpec::LiveMigrate(item) => (&item.vm, item.at),
                ActionSpec::QuickMigrate(item) => (&item.vm, item.at),
                ActionSpec::StartMaintenance(_) => {
                    ways.others = true;
                    continue;
                }
                _ => continue,
            };
            ways.first_move = ways.first_move.min(at);
            ways.migrated.extend(self.vms.find_one(vm));
        }
        ways
    }

    fn action(&mut self, path: &str, action: &ActionSpec, ways: &Ways) {
        match action {
            ActionSpec::LiveMigrate(item) => self.migration(path, item.at, (&item.vm, &item.to), ways),
            ActionSpec::QuickMigrate(item) => self.migration(path, item.at, (&item.vm, &item.to), ways),
            ActionSpec::CancelMigration(item) => {
                self.in_time(path, item.at, &item.vm);
                self.migrating(path, &item.vm, ways);
            }
            ActionSpec::Start(item) | ActionSpec::Stop(item) => {
                self.in_time(path, item.at, &item.vm);
                self.one(format!("{path}.vm"), Kind::Vm, &item.vm);
            }
            ActionSpec::SetCpu(item) => {
                self.in_time(path, item.at, &item.vm);
                if self.vms.find(&item.vm).is_none() {
                    self.unknown_entity(format!("{path}.vm"), Kind::Vm, &item.vm);
                }
            }
            ActionSpec::StartMaintenance(item) | ActionSpec::StopMaintenance(item) => {
                self.in_time(path, item.at, &item.host);
                self.one(format!("{path}.host"), Kind::Host, &item.host);
            }
        }
    }

    fn fault(&mut self, path: &str, fault: &FaultSpec, ways: &Ways) {
        match fault {
            FaultSpec::HostCrash(item) => {
                self.in_time(path, item.at, &item.host);
                self.one(format!("{path}.host"), Kind::Host, &item.host);
            }
            FaultSpec::RackLoss(item) => {
                self.in_time(path, item.at, &item.rack);
                self.domain(format!("{path}.rack"), DomainKind::Rack, &item.rack);
            }
            FaultSpec::FeedLoss(item) => {
                self.in_time(path, item.at, &item.feed);
                self.domain(format!("{path}.feed"), DomainKind::Feed, &item.feed);
            }
            FaultSpec::HostCrashAfterHandOver(item) => {
                self.migrating(path, &item.vm, ways);
                self.one(format!("{path}.host"), Kind::Host, &item.host);
            }
            FaultSpec::Link(item) => self.link(path, item),
        }
    }

    /// A rack or feed that some group of hosts names.
    fn domain(&mut self, path: String, kind: DomainKind, name: &Spanned<String>) {
        let known: BTreeSet<&str> = kind.names(&self.spec.hosts).collect();
        if !known.contains(name.as_str()) {
            self.unknown(path, (kind.word(), "hosts"), name, known);
        }
    }

    fn link(&mut self, path: &str, item: &LinkFaultSpec) {
        let spec = self.spec;
        self.in_time(path, item.at, &item.host);
        let host = self.one(format!("{path}.host"), Kind::Host, &item.host);
        let Some(network) = spec
            .networks
            .iter()
            .find(|network| network.name.value == item.network.value)
        else {
            let known = spec.networks.iter().map(|network| network.name.as_str());
            self.unknown(
                format!("{path}.network"),
                ("network", "networks"),
                &item.network,
                known,
            );
            return;
        };
        let connected = |host: u32| {
            let mut ranges = network.hosts.iter().filter_map(|name| self.hosts.find(name));
            network.hosts.is_empty() || ranges.any(|range| range.contains(&host))
        };
        if host.is_some_and(|host| !connected(host)) {
            let what = format!("`{}` has no link to `{}`", item.host.value, item.network.value);
            let fault = Fault::new(item.host.span, what, "expected a host of this network");
            let fault = fault.and(network.name.span, "its hosts are listed here");
            self.note(format!("{path}.host"), fault.echoes(Echo::Reference("networks")));
        }
    }

    fn migration(
        &mut self,
        path: &str,
        at: SimDuration,
        (vm, to): (&Spanned<String>, &Spanned<String>),
        ways: &Ways,
    ) {
        self.in_time(path, at, vm);
        let found = self.one(format!("{path}.vm"), Kind::Vm, vm);
        let target = self.one(format!("{path}.to"), Kind::Host, to);
        let home = found
            .and_then(|vm| self.spec.vms.get(self.vms.group_of(vm)))
            .and_then(|vm| vm.host.as_ref());
        // Once something has moved a VM, where it is then is the run's to know.
        let unmoved = at <= ways.first_move && !ways.others && self.spec.faults.is_empty();
        let at_home = home.filter(|home| unmoved && target.is_some() && self.hosts.find_one(home) == target);
        if let Some(home) = at_home {
            let what = format!("`{}` is on `{}` already", vm.value, to.value);
            let fault = Fault::new(to.span, what, "expected another host");
            self.note(format!("{path}.to"), fault.and(home.span, "it starts here"));
        }
    }

    /// A VM that something else is to happen to while it migrates.
    fn migrating(&mut self, path: &str, vm: &Spanned<String>, ways: &Ways) {
        let found = self.one(format!("{path}.vm"), Kind::Vm, vm);
        if found.is_some_and(|vm| !ways.others && !ways.migrated.contains(&vm)) {
            let what = format!("`{}` is never migrated", vm.value);
            let fault = Fault::new(vm.span, what, "expected a VM that the timeline migrates");
            let fault = fault.help("add a `live_migrate` of it to `timeline`");
            self.note(format!("{path}.vm"), fault.echoes(Echo::Reference("timeline")));
        }
    }

    /// The one entity that a name means, or a fault.
    fn one(&mut self, path: String, kind: Kind, name: &Spanned<String>) -> Option<u32> {
        let fleet = self.fleet(kind);
        match fleet.find(name) {
            None => self.unknown_entity(path, kind, name),
            Some(range) if range.len() > 1 => {
                let what = format!("`{}` names {} {}", name.value, range.len(), kind.plural());
                let help = format!("write `{0}1` to `{0}{1}` for one", name.value, range.len());
                let fault = Fault::new(name.span, what, format!("expected one {}", kind.words().0));
                self.note(path, fault.help(help));
            }
            Some(range) => return Some(range.start).filter(|_| !range.is_empty()),
        }
        None
    }

    fn in_time(&mut self, path: &str, at: SimDuration, place: &Spanned<String>) {
        let duration = &self.spec.duration;
        if at > duration.value {
            let what = format!("this would happen at {at}, after the end of the run");
            let fault = Fault::new(
                place.span,
                what,
                format!("expected `at` up to {}", duration.value),
            );
            let fault = fault.and(duration.span, "the run lasts this long");
            self.note(
                format!("{path}.at"),
                fault.help("raise `duration`, or move it forward"),
            );
        }
    }
}
