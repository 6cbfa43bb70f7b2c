//! Names: each given once, each reference found.

use std::collections::{BTreeMap, BTreeSet};

use super::{Checker, Kind};
use crate::decode::Spanned;
use crate::fault::{Echo, Fault, Span, suggestion};
use crate::record::figure;
use crate::spec::workload::WorkloadKind;

/// Nodes of a cluster: the hosts, where they are named, and as which item of which cluster.
type Node = (std::ops::Range<u32>, Span, (usize, usize));

impl Checker<'_> {
    /// Notes names given twice and references that lead nowhere.
    pub(super) fn names(&mut self) {
        let spec = self.spec;
        self.once("hosts", spec.hosts.iter().map(|item| &item.name));
        self.once("vms", spec.vms.iter().map(|item| &item.name));
        self.once("networks", spec.networks.iter().map(|item| &item.name));
        self.once("storage", spec.storage.iter().map(|item| &item.name));
        self.once("clusters", spec.clusters.iter().map(|item| &item.name));
        self.once("workloads", spec.workloads.iter().map(|item| &item.name));
        self.numbered(Kind::Host);
        self.numbered(Kind::Vm);
        self.references_of_vms();
        self.members();
        self.figures();
        self.limits();
        self.trace_of_experiment();
    }

    fn once<'n>(&mut self, section: &str, names: impl Iterator<Item = &'n Spanned<String>>) {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for (index, name) in names.enumerate() {
            if self.is_full() {
                return;
            }
            let path = || format!("{section}[{index}].name");
            if name.trim().is_empty() {
                self.note(
                    path(),
                    Fault::new(name.span, "the name is empty", "expected a name"),
                );
            } else if let Some(first) = seen.get(name.as_str()) {
                let what = format!("`{}` is named twice", crate::fault::shortened(name));
                let fault = Fault::new(name.span, what, "expected each name once");
                let help = "give one of the two another name";
                self.note(path(), fault.and(*first, "first named here").help(help));
            } else {
                seen.insert(name, name.span);
            }
        }
    }

    /// Notes names that a group makes by counting: `web` with `count: 3` makes `web2`, so nothing else may be it.
    fn numbered(&mut self, kind: Kind) {
        let (spec, fleet) = (self.spec, self.fleet(kind));
        let named: Vec<(&Spanned<String>, bool)> = match kind {
            Kind::Host => spec
                .hosts
                .iter()
                .map(|host| (&host.name, host.count.is_some()))
                .collect(),
            Kind::Vm => spec.vms.iter().map(|vm| (&vm.name, vm.count.is_some())).collect(),
        };
        for (index, (name, counted)) in named.iter().enumerate() {
            if self.is_full() {
                return;
            }
            // Of two groups `web` and `web1`, the first number they share begins with the second's first member.
            let made = if *counted {
                format!("{}1", name.value)
            } else {
                name.value.clone()
            };
            let Some(owner) = fleet
                .find_counted(&made)
                .map(|at| fleet.group_of(at))
                .filter(|owner| *owner != index)
            else {
                continue;
            };
            let Some((group, _)) = named.get(owner) else {
                continue;
            };
            let what = format!("`{made}` is also made by counting `{}`", group.value);
            let fault = Fault::new(name.span, what, "expected each name once")
                .and(
                    group.span,
                    format!("this makes {} of them", fleet.members(owner).len()),
                )
                .help("give one of the two another name");
            self.note(format!("{}[{index}].name", kind.words().1), fault);
        }
    }

    fn references_of_vms(&mut self) {
        let spec = self.spec;
        let workloads: BTreeMap<&str, &WorkloadKind> = spec
            .workloads
            .iter()
            .map(|item| (item.name.as_str(), &item.demand))
            .collect();
        let volumes: BTreeSet<&str> = spec.storage.iter().map(|item| item.name.as_str()).collect();
        let networks: BTreeSet<&str> = spec.networks.iter().map(|item| item.name.as_str()).collect();
        for (index, vm) in spec.vms.iter().enumerate() {
            let path = |key: &str| format!("vms[{index}].{key}");
            if let Some(name) = &vm.workload {
                match workloads.get(name.as_str()) {
                    None => self.unknown(
                        path("workload"),
                        ("workload", "workloads"),
                        name,
                        workloads.keys().copied(),
                    ),
                    Some(WorkloadKind::Trace(_)) if spec.trace.is_none() => {
                        let what = format!("`{}` reads a trace, but the scenario has none", name.value);
                        let fault = Fault::new(name.span, what, "needs `trace:` at the top of the scenario");
                        let fault = fault.help("add `trace: FILE`; `twinrack import synthetic` makes one");
                        self.note(path("workload"), fault.echoes(Echo::Reference("trace")));
                    }
                    Some(_) => {}
                }
            }
            if let Some(name) = vm.volume.as_ref().filter(|name| !volumes.contains(name.as_str())) {
                self.unknown(
                    path("volume"),
                    ("volume", "storage"),
                    name,
                    volumes.iter().copied(),
                );
            }
            if let Some(name) = vm.host.as_ref().filter(|name| self.hosts.find(name).is_none()) {
                self.unknown_entity(path("host"), Kind::Host, name);
            }
            for (item, traffic) in vm.traffic.iter().enumerate() {
                let path = |key: &str| format!("vms[{index}].traffic[{item}].{key}");
                if let Some(name) = traffic
                    .network
                    .as_ref()
                    .filter(|name| !networks.contains(name.as_str()))
                {
                    self.unknown(
                        path("network"),
                        ("network", "networks"),
                        name,
                        networks.iter().copied(),
                    );
                }
                self.receiver(path("to"), index, &traffic.to);
            }
        }
    }

    fn receiver(&mut self, path: String, sender: usize, to: &Spanned<String>) {
        match self.vms.find(to) {
            Some(found) if found == self.vms.members(sender) && found.len() == 1 => {
                let fault = Fault::new(
                    to.span,
                    "the VM sends to itself",
                    "expected another VM, or a host",
                );
                self.note(path, fault);
            }
            None if self.hosts.find(to).is_none() => {
                let known = self.vms.shown_names().chain(self.hosts.shown_names());
                let known: Vec<String> = known.collect();
                self.unknown(path, ("VM or host", "vms"), to, known.iter().map(String::as_str));
            }
            _ => {}
        }
    }

    /// Hosts of clusters and networks, and owners of VMs: each known and listed once; a host is a node of one cluster.
    fn members(&mut self) {
        let spec = self.spec;
        let mut nodes: Vec<Node> = Vec::new();
        for (index, cluster) in spec.clusters.iter().enumerate() {
            self.listed(&format!("clusters[{index}].hosts"), &cluster.hosts);
            if cluster.hosts.is_empty() && spec.clusters.len() > 1 {
                let what = format!(
                    "`{}` takes all hosts, but it is not the only cluster",
                    cluster.name.value
                );
                let fault = Fault::new(cluster.name.span, what, "expected `hosts` of its own");
                self.note(
                    format!("clusters[{index}].hosts"),
                    fault.help("list the nodes of each cluster"),
                );
            }
            for (item, name) in cluster.hosts.iter().enumerate() {
                let found = self.hosts.find(name);
                nodes.extend(found.map(|range| (range, name.span, (index, item))));
            }
        }
        self.one_cluster_each(nodes);
        for (index, network) in spec.networks.iter().enumerate() {
            self.listed(&format!("networks[{index}].hosts"), &network.hosts);
        }
        for (index, vm) in spec.vms.iter().enumerate() {
            self.listed(&format!("vms[{index}].possible_owners"), &vm.possible_owners);
        }
    }

    fn one_cluster_each(&mut self, mut nodes: Vec<Node>) {
        nodes.sort_unstable_by_key(|(range, span, _)| (range.start, span.start));
        let mut before: Option<Node> = None;
        for node in nodes {
            let overlap = before.clone().filter(|(range, ..)| node.0.start < range.end);
            if let Some(other) = overlap {
                let (first, second) = if other.1 < node.1 {
                    (&other, &node)
                } else {
                    (&node, &other)
                };
                let what = format!("`{}` is a node already", self.hosts.name(node.0.start));
                let fault = Fault::new(second.1, what, "expected each host in one cluster, once");
                let fault = fault
                    .and(first.1, "first named here")
                    .help("remove one of the two");
                let (cluster, item) = second.2;
                self.note(format!("clusters[{cluster}].hosts[{item}]"), fault);
            }
            if before.as_ref().is_none_or(|(range, ..)| node.0.end > range.end) {
                before = Some(node);
            }
        }
    }

    fn listed(&mut self, path: &str, names: &[Spanned<String>]) {
        for (index, name) in names.iter().enumerate() {
            if self.hosts.find(name).is_none() {
                self.unknown_entity(format!("{path}[{index}]"), Kind::Host, name);
            }
        }
    }

    fn figures(&mut self) {
        let expected = ("expect", &self.spec.expect);
        let required = self.spec.plan.iter().map(|plan| ("plan.require", &plan.require));
        let lists = std::iter::once(expected).chain(required);
        let all = lists.flat_map(|(path, list)| {
            list.iter()
                .enumerate()
                .map(move |(index, item)| (path, index, item))
        });
        for (path, index, expect) in all {
            if self.is_full() {
                return;
            }
            if figure::kind_of(&expect.kpi).is_some() {
                continue;
            }
            let statistics = figure::named(&expect.kpi).map(|kind| {
                let statistics = kind.stats.join(", ");
                format!("it comes as `{}.` and one of {statistics}", kind.name)
            });
            self.unknown_figure(format!("{path}[{index}].kpi"), &expect.kpi, statistics);
        }
    }

    /// Limits are of a figure, with or without its statistic, and warn before they fail.
    fn limits(&mut self) {
        for (index, limit) in self.spec.limits.iter().enumerate() {
            let path = |key: &str| format!("limits[{index}].{key}");
            let name = &limit.figure;
            if figure::kind_of(name).or_else(|| figure::named(name)).is_none() {
                self.unknown_figure(path("figure"), name, None);
            }
            if limit.warn > limit.fail {
                let fault = Fault::new(
                    name.span,
                    format!("`{}` fails before it warns", name.value),
                    "expected `warn` <= `fail`",
                );
                self.note(path("warn"), fault);
            }
            if limit.floor.is_some_and(|floor| floor < 0.0) {
                let what = format!("the floor of `{}` is below 0", name.value);
                let fault = Fault::new(name.span, what, "expected a difference, 0 or more");
                self.note(path("floor"), fault);
            }
        }
    }

    fn unknown_figure(&mut self, path: String, name: &Spanned<String>, help: Option<String>) {
        if self.is_full() {
            return;
        }
        let what = format!("there is no figure `{}`", crate::fault::shortened(name));
        let known: Vec<String> = figure::names().collect();
        let help = help.unwrap_or_else(|| suggestion(name, known.iter().map(String::as_str)));
        let fault = Fault::new(name.span, what, "expected a figure of the reference");
        self.note(path, fault.help(help));
    }

    fn trace_of_experiment(&mut self) {
        let spec = self.spec;
        if spec.experiment.is_some() && spec.trace.is_none() {
            let fault = Fault::new(
                spec.name.span,
                "the experiment has no trace to run on",
                "expected a key `trace` beside it",
            );
            let fault =
                fault.help("`trace: planetlab/planetlab-20110303.csv.gz`, the day that was published");
            self.note("experiment", fault.echoes(Echo::Reference("trace")));
        }
    }
}
