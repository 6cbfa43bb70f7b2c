//! How the parts of a scenario fit together: names that must be found, numbers that must agree.
//!
//! What the real product would refuse at run time (a VM too large for its edition, a live migration on a 2008 host) is
//! *not* a fault of the file: it is a modelled refusal, and the run shows it.

pub mod hosts;
pub mod names;
pub mod timeline;

use crate::fault::Fault;
use crate::fleet::Fleet;
use crate::spec::ScenarioSpec;
use crate::units::SimDuration;

/// Most hosts of a scenario.
pub const HOSTS_MAX: u64 = 2_000_000;
/// Most VMs of a scenario.
pub const VMS_MAX: u64 = 15_000_000;

/// Every fault of a decoded scenario.
pub fn validate(spec: &ScenarioSpec, hosts: &Fleet, vms: &Fleet) -> Vec<Fault> {
    let mut faults = Vec::new();
    general(spec, &mut faults);
    names::check(spec, hosts, vms, &mut faults);
    hosts::check(spec, &mut faults);
    timeline::check(spec, hosts, vms, &mut faults);
    faults
}

fn general(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if spec.name.is_empty() || !spec.name.chars().all(plain) || spec.name.starts_with('.') {
        faults.push(
            Fault::new(
                spec.name.span,
                format!("`{}` can't name a file", spec.name.value),
                "expected letters, digits, `-`",
            )
            .at_path("name"),
        );
    }
    if spec.duration.value == SimDuration::ZERO {
        faults.push(
            Fault::new(
                spec.duration.span,
                "the run takes no time",
                "expected a duration above zero",
            )
            .at_path("duration"),
        );
    }
    if let Some(interval) = spec.sampling {
        let samples = spec.duration.value.as_nanos() / interval.as_nanos().max(1);
        if interval == SimDuration::ZERO || samples > 1_000_000 {
            faults.push(
                Fault::new(
                    spec.duration.span,
                    format!("a sample every {interval} is too many"),
                    "expected at most 1,000,000 samples in this time",
                )
                .help("raise `sampling`, or leave it out")
                .at_path("sampling"),
            );
        }
    }
    counts(spec, faults);
}

fn counts(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    let hosts = spec
        .hosts
        .iter()
        .map(|host| (host.count.as_ref(), "hosts", HOSTS_MAX))
        .collect();
    let vms = spec
        .vms
        .iter()
        .map(|vm| (vm.count.as_ref(), "vms", VMS_MAX))
        .collect();
    for section in [hosts, vms] {
        let section: Vec<(Option<&crate::decode::Spanned<u32>>, &str, u64)> = section;
        let mut total = 0u64;
        for (index, (count, name, most)) in section.into_iter().enumerate() {
            let Some(count) = count else {
                total += 1;
                continue;
            };
            total += u64::from(count.value);
            let wrong = if count.value == 0 {
                Some((
                    "a count of 0 makes nothing".to_owned(),
                    "expected 1 or more".to_owned(),
                ))
            } else if total > most {
                Some((
                    format!("{total} {name} are too many"),
                    format!("expected at most {most} in all"),
                ))
            } else {
                None
            };
            if let Some((what, expected)) = wrong {
                faults.push(Fault::new(count.span, what, expected).at_path(format!("{name}[{index}].count")));
            }
        }
    }
}
