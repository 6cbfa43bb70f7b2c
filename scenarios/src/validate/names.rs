//! Names: each given once, each reference found.

use std::collections::BTreeMap;

use crate::decode::Spanned;
use crate::fault::{Fault, Span, suggestion};
use crate::fleet::Fleet;
use crate::record::figure;
use crate::spec::ScenarioSpec;
use crate::spec::workload::WorkloadKind;

/// Notes names given twice and references that lead nowhere.
pub fn check(spec: &ScenarioSpec, hosts: &Fleet, vms: &Fleet, faults: &mut Vec<Fault>) {
    once("hosts", spec.hosts.iter().map(|item| &item.name), faults);
    once("vms", spec.vms.iter().map(|item| &item.name), faults);
    once("networks", spec.networks.iter().map(|item| &item.name), faults);
    once("storage", spec.storage.iter().map(|item| &item.name), faults);
    once("clusters", spec.clusters.iter().map(|item| &item.name), faults);
    once("workloads", spec.workloads.iter().map(|item| &item.name), faults);
    references_of_vms(spec, hosts, vms, faults);
    references_to_hosts(spec, hosts, faults);
    figures(spec, faults);
}

fn once<'a>(section: &str, names: impl Iterator<Item = &'a Spanned<String>>, faults: &mut Vec<Fault>) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for (index, name) in names.enumerate() {
        let path = format!("{section}[{index}].name");
        if name.trim().is_empty() {
            faults.push(Fault::new(name.span, "the name is empty", "expected a name").at_path(path.clone()));
        }
        if let Some(first) = seen.get(name.as_str()) {
            faults.push(
                Fault::new(
                    name.span,
                    format!("`{}` is named twice", name.value),
                    "each name once",
                )
                .and(*first, "first named here")
                .help("give one of the two another name")
                .at_path(path),
            );
        } else {
            seen.insert(name, name.span);
        }
    }
}

fn unknown<'a>(
    kind: &str,
    name: &Spanned<String>,
    known: impl IntoIterator<Item = &'a str> + Clone,
    path: String,
) -> Fault {
    Fault::new(
        name.span,
        format!("there is no {kind} `{}`", name.value),
        format!("expected a {kind} of this scenario"),
    )
    .help(suggestion(name, known))
    .at_path(path)
}

fn references_of_vms(spec: &ScenarioSpec, hosts: &Fleet, vms: &Fleet, faults: &mut Vec<Fault>) {
    let names = |items: &[Spanned<String>]| items.iter().map(|name| name.value.clone()).collect::<Vec<_>>();
    let workloads = names(
        &spec
            .workloads
            .iter()
            .map(|item| item.name.clone())
            .collect::<Vec<_>>(),
    );
    let volumes = names(
        &spec
            .storage
            .iter()
            .map(|item| item.name.clone())
            .collect::<Vec<_>>(),
    );
    let networks = names(
        &spec
            .networks
            .iter()
            .map(|item| item.name.clone())
            .collect::<Vec<_>>(),
    );
    for (index, vm) in spec.vms.iter().enumerate() {
        let mut find = |key: &str, kind: &str, name: Option<&Spanned<String>>, known: &[String]| {
            if let Some(name) = name.filter(|name| !known.contains(&name.value)) {
                faults.push(unknown(
                    kind,
                    name,
                    known.iter().map(String::as_str),
                    format!("vms[{index}].{key}"),
                ));
            }
        };
        find("workload", "workload", vm.workload.as_ref(), &workloads);
        find("volume", "volume", vm.volume.as_ref(), &volumes);
        for traffic in &vm.traffic {
            find("traffic.network", "network", traffic.network.as_ref(), &networks);
        }
        if let Some(host) = vm.host.as_ref().filter(|host| hosts.find(host).is_none()) {
            faults.push(unknown(
                "host",
                host,
                hosts.group_names(),
                format!("vms[{index}].host"),
            ));
        }
        for traffic in &vm.traffic {
            if vms.find(&traffic.to).is_none() && hosts.find(&traffic.to).is_none() {
                let known: Vec<&str> = vms.group_names().chain(hosts.group_names()).collect();
                faults.push(unknown(
                    "VM or host",
                    &traffic.to,
                    known,
                    format!("vms[{index}].traffic.to"),
                ));
            }
        }
        demand(spec, index, faults);
    }
}

fn demand(spec: &ScenarioSpec, index: usize, faults: &mut Vec<Fault>) {
    let vm = &spec.vms[index];
    let Some(workload) = &vm.workload else { return };
    if let Some(cpu) = &vm.cpu {
        faults.push(
            Fault::new(cpu.span, "`cpu` and `workload` are both given", "one demand a VM")
                .and(workload.span, "the workload sets the demand already")
                .help("remove one of the two")
                .at_path(format!("vms[{index}].cpu")),
        );
    }
    let named = spec
        .workloads
        .iter()
        .find(|item| item.name.value == workload.value);
    if named.is_some_and(|item| matches!(item.demand, WorkloadKind::Trace(_))) && spec.trace.is_none() {
        faults.push(
            Fault::new(
                workload.span,
                format!("`{}` reads a trace, but the scenario has none", workload.value),
                "needs `trace:` at the top",
            )
            .help("add `trace: FILE` at the top of the scenario")
            .at_path(format!("vms[{index}].workload")),
        );
    }
}

fn references_to_hosts(spec: &ScenarioSpec, hosts: &Fleet, faults: &mut Vec<Fault>) {
    let clusters = spec
        .clusters
        .iter()
        .enumerate()
        .map(|(index, item)| (format!("clusters[{index}].hosts"), &item.hosts));
    let networks = spec
        .networks
        .iter()
        .enumerate()
        .map(|(index, item)| (format!("networks[{index}].hosts"), &item.hosts));
    for (path, names) in clusters.chain(networks) {
        for name in names.iter().filter(|name| hosts.find(name).is_none()) {
            faults.push(unknown("host", name, hosts.group_names(), path.clone()));
        }
    }
}

fn figures(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    for (index, expect) in spec.expect.iter().enumerate() {
        if figure::kind_of(&expect.kpi).is_none() {
            let known: Vec<String> = figure::names().collect();
            faults.push(
                Fault::new(
                    expect.kpi.span,
                    format!("there is no figure `{}`", expect.kpi.value),
                    "expected a figure of the registry",
                )
                .help(suggestion(&expect.kpi, known.iter().map(String::as_str)))
                .at_path(format!("expect[{index}].kpi")),
            );
        }
    }
}
