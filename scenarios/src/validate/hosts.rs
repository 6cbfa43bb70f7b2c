//! Hosts, guests and policies: numbers that must agree with each other.

use crate::fault::Fault;
use crate::spec::ScenarioSpec;
use crate::units::Bytes;

/// Points of a power curve: active idle and 10, 20, …, 100 % load.
const CURVE_POINTS: usize = 11;

/// Notes hosts that can't exist and VMs that no host of the file could hold.
pub fn check(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    for index in 0..spec.hosts.len() {
        one_host(spec, index, faults);
    }
    let largest = spec
        .hosts
        .iter()
        .map(|host| host.memory.value.saturating_sub(host.reserve))
        .max();
    for (index, vm) in spec.vms.iter().enumerate() {
        let path = format!("vms[{index}].memory");
        if vm.memory.value == Bytes::ZERO {
            faults.push(
                Fault::new(
                    vm.memory.span,
                    "the VM has no memory",
                    "expected a size above zero",
                )
                .at_path(path.clone()),
            );
        }
        if let Some(largest) = largest.filter(|largest| vm.memory.value > *largest) {
            faults.push(
                Fault::new(
                    vm.memory.span,
                    format!("no host has {} for one VM", vm.memory.value),
                    format!("expected at most {largest}"),
                )
                .help("the host's `reserve` is taken off its memory")
                .at_path(path),
            );
        }
        if let Some(vcpus) = vm
            .vcpus
            .as_ref()
            .filter(|vcpus| vcpus.value == 0 || vcpus.value > 1024)
        {
            faults.push(
                Fault::new(
                    vcpus.span,
                    format!("{} virtual processors", vcpus.value),
                    "expected 1 to 1024",
                )
                .at_path(format!("vms[{index}].vcpus")),
            );
        }
        if vm.reserve.0 > vm.cap.0 {
            faults.push(
                Fault::new(
                    vm.name.span,
                    format!(
                        "`{}` reserves {} but may use only {}",
                        vm.name.value, vm.reserve, vm.cap
                    ),
                    "expected reserve <= cap",
                )
                .at_path(format!("vms[{index}].reserve")),
            );
        }
    }
    parking(spec, faults);
}

fn one_host(spec: &ScenarioSpec, index: usize, faults: &mut Vec<Fault>) {
    let host = &spec.hosts[index];
    let mut fault = |key: &str, what: String, expected: &str, help: &str| {
        faults.push(
            Fault::new(host.name.span, what, expected)
                .help(help)
                .at_path(format!("hosts[{index}].{key}")),
        );
    };
    let curve = &host.power.curve;
    if !matches!(curve.len(), 0 | CURVE_POINTS) {
        fault(
            "power.curve",
            format!(
                "the power curve of `{}` has {} points",
                host.name.value,
                curve.len()
            ),
            "expected 11: active idle and 10, 20, … 100 % load",
            "take the published SPECpower_ssj2008 result, or leave the curve out",
        );
    } else if curve.windows(2).any(|pair| pair[1].0 < pair[0].0) {
        fault(
            "power.curve",
            format!("the power curve of `{}` falls", host.name.value),
            "expected watts that do not fall with load",
            "check the order: active idle first, 100 % last",
        );
    }
    if host
        .c_states
        .windows(2)
        .any(|pair| pair[1].exit_latency < pair[0].exit_latency)
    {
        fault(
            "c_states",
            format!("the idle states of `{}` are out of order", host.name.value),
            "expected shallowest first",
            "order them by `exit_latency`",
        );
    }
    if host.memory.value <= host.reserve {
        let what = format!(
            "`{}` keeps {} of its {} for itself",
            host.name.value, host.reserve, host.memory.value
        );
        faults.push(
            Fault::new(host.memory.span, what, "expected memory above the reserve")
                .help("raise `memory` or lower `reserve`")
                .at_path(format!("hosts[{index}].memory")),
        );
    }
}

fn parking(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    let Some(parking) = &spec.policies.parking else {
        return;
    };
    if parking.decrease_threshold.0 > parking.increase_threshold.0 {
        faults.push(
            Fault::new(
                spec.name.span,
                format!(
                    "cores are parked below {} but woken above {}",
                    parking.decrease_threshold, parking.increase_threshold
                ),
                "expected decrease_threshold <= increase_threshold",
            )
            .help("swap the two, or cores would be parked and woken in turn")
            .at_path("policies.parking.decrease_threshold"),
        );
    }
    if parking.check_interval.as_nanos() == 0 {
        faults.push(
            Fault::new(
                spec.name.span,
                "cores are checked every 0s",
                "expected an interval above zero",
            )
            .at_path("policies.parking.check_interval"),
        );
    }
}
