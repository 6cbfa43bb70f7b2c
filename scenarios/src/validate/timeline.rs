//! Timeline and faults: each names what exists, and happens while the run lasts.

use crate::decode::Spanned;
use crate::fault::{Fault, suggestion};
use crate::fleet::Fleet;
use crate::spec::ScenarioSpec;
use crate::spec::timeline::{ActionSpec, FaultSpec};
use crate::units::SimDuration;

struct Checked<'a> {
    spec: &'a ScenarioSpec,
    hosts: &'a Fleet,
    vms: &'a Fleet,
    faults: &'a mut Vec<Fault>,
}

/// Notes entries that name nothing or come too late.
pub fn check(spec: &ScenarioSpec, hosts: &Fleet, vms: &Fleet, faults: &mut Vec<Fault>) {
    let mut checked = Checked {
        spec,
        hosts,
        vms,
        faults,
    };
    for (index, action) in spec.timeline.iter().enumerate() {
        checked.action(&format!("timeline[{index}]"), action);
    }
    for (index, fault) in spec.faults.iter().enumerate() {
        checked.fault(&format!("faults[{index}]"), fault);
    }
}

impl Checked<'_> {
    fn action(&mut self, path: &str, action: &ActionSpec) {
        match action {
            ActionSpec::LiveMigrate(item) => self.migration(path, item.at, &item.vm, &item.to),
            ActionSpec::QuickMigrate(item) => self.migration(path, item.at, &item.vm, &item.to),
            ActionSpec::CancelMigration(item) | ActionSpec::Start(item) | ActionSpec::Stop(item) => {
                self.in_time(path, item.at, &item.vm);
                self.one_vm(path, &item.vm);
            }
            ActionSpec::SetCpu(item) => {
                self.in_time(path, item.at, &item.vm);
                if self.vms.find(&item.vm).is_none() {
                    self.unknown(path, "VM", &item.vm, self.vms);
                }
            }
            ActionSpec::StartMaintenance(item) | ActionSpec::StopMaintenance(item) => {
                self.in_time(path, item.at, &item.host);
                self.one_host(path, &item.host);
            }
        }
    }

    fn fault(&mut self, path: &str, fault: &FaultSpec) {
        match fault {
            FaultSpec::HostCrash(item) => {
                self.in_time(path, item.at, &item.host);
                self.one_host(path, &item.host);
            }
            FaultSpec::HostCrashAfterHandOver(item) => {
                self.one_vm(path, &item.vm);
                self.one_host(path, &item.host);
            }
            FaultSpec::Link(item) => {
                self.in_time(path, item.at, &item.host);
                self.one_host(path, &item.host);
                let known: Vec<&str> = self
                    .spec
                    .networks
                    .iter()
                    .map(|network| network.name.as_str())
                    .collect();
                if !known.contains(&item.network.as_str()) {
                    let what = format!("there is no network `{}`", item.network.value);
                    let fault = Fault::new(item.network.span, what, "expected a network of this scenario");
                    self.faults
                        .push(fault.help(suggestion(&item.network, known)).at_path(path));
                }
            }
        }
    }

    fn migration(&mut self, path: &str, at: SimDuration, vm: &Spanned<String>, to: &Spanned<String>) {
        self.in_time(path, at, vm);
        self.one_vm(path, vm);
        self.one_host(path, to);
    }

    fn one_vm(&mut self, path: &str, name: &Spanned<String>) {
        self.one(path, "VM", name, self.vms);
    }

    fn one_host(&mut self, path: &str, name: &Spanned<String>) {
        self.one(path, "host", name, self.hosts);
    }

    fn one(&mut self, path: &str, kind: &str, name: &Spanned<String>, fleet: &Fleet) {
        match fleet.find(name) {
            None => self.unknown(path, kind, name, fleet),
            Some(range) if range.len() > 1 => {
                let what = format!("`{}` names {} of them", name.value, range.len());
                let help = format!(
                    "write `{}1` to `{}{}` for one",
                    name.value,
                    name.value,
                    range.len()
                );
                self.faults.push(
                    Fault::new(name.span, what, format!("expected one {kind}"))
                        .help(help)
                        .at_path(path),
                );
            }
            Some(_) => {}
        }
    }

    fn unknown(&mut self, path: &str, kind: &str, name: &Spanned<String>, fleet: &Fleet) {
        let what = format!("there is no {kind} `{}`", name.value);
        let fault = Fault::new(name.span, what, format!("expected a {kind} of this scenario"));
        self.faults
            .push(fault.help(suggestion(name, fleet.group_names())).at_path(path));
    }

    fn in_time(&mut self, path: &str, at: SimDuration, place: &Spanned<String>) {
        let duration = self.spec.duration.value;
        if at > duration {
            self.faults.push(
                Fault::new(
                    place.span,
                    format!("this would happen at {at}, after the end of the run"),
                    format!("expected `at` up to {duration}"),
                )
                .and(self.spec.duration.span, "the run lasts this long")
                .help("raise `duration`, or move it forward")
                .at_path(path),
            );
        }
    }
}
