//! KVM: its device, its version, its capabilities, and whether a guest really runs.

use std::sync::Arc;

use kvm_bindings::{
    KVM_CAP_BINARY_STATS_FD, KVM_CAP_DIRTY_LOG_RING, KVM_CAP_IMMEDIATE_EXIT,
    KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_CAP_MAX_VCPUS, KVM_CAP_NR_MEMSLOTS, KVM_CAP_PRE_FAULT_MEMORY,
    KVM_CAP_TSC_CONTROL, KVM_CAP_XSAVE2,
};
use twinrack_scenario::units::Bytes;

use super::paging::{Counted, Mode};
use super::{Finding, Item};
use crate::kvm::dirty::log_of;
use crate::kvm::{Backing, DirtyMechanism, Error, GuestMemory, PageSet, System, Vm};

const GROUP: &str = "kvm";
const ENABLE: &str = "enable virtualisation in the firmware (or nesting on the host above), load kvm_intel or kvm_amd, and let \
                      this user open /dev/kvm (group kvm)";

/// Without these nothing runs.
pub(super) const NEEDED: &[&str] = &["device", "guest runs", "immediate exit"];

const DEVICE: Item = Item {
    group: GROUP,
    name: "device",
    without: "only the simulated backend",
    mend: ENABLE,
};
const RUNS: Item = Item {
    group: GROUP,
    name: "guest runs",
    without: "only the simulated backend",
    mend: "look at the kernel's log: a guest at CPL 3 in 64-bit mode must run on every KVM for x86-64",
};
const PAGING: Item = Item {
    group: GROUP,
    name: "second-level paging",
    without: "page-table updates exit to the hypervisor: shadow paging, which slat-vs-shadow can then measure",
    mend: "a host with EPT or NPT, nested paging enabled on the host above; module options ept=1 or npt=1",
};
const BITMAP: Item = Item {
    group: GROUP,
    name: "dirty bitmap",
    without: "no live migration",
    mend: "a kernel whose KVM logs dirty pages, as all for x86-64 do",
};

/// A capability: what it is, its number, from which answer on it counts as there.
struct Capability {
    item: Item,
    number: u32,
    least: i32,
    unit: &'static str,
}

const fn capability(
    (name, number, least, unit): (&'static str, u32, i32, &'static str),
    without: &'static str,
    mend: &'static str,
) -> Capability {
    Capability {
        item: Item {
            group: GROUP,
            name,
            without,
            mend,
        },
        number,
        least,
        unit,
    }
}

const CAPABILITIES: &[Capability] = &[
    capability(("max vCPUs", KVM_CAP_MAX_VCPUS, 1, "per VM"), "no guests", ENABLE),
    capability(
        ("memory slots", KVM_CAP_NR_MEMSLOTS, 1, "per VM"),
        "no guests",
        ENABLE,
    ),
    capability(
        (
            "manual protect",
            KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
            1,
            "(bit 0 manual, bit 1 initially all set)",
        ),
        "pages are protected again all at once, in the pause too",
        "Linux 5.2 or later",
    ),
    capability(
        ("dirty ring", KVM_CAP_DIRTY_LOG_RING, 16 * 1024, "bytes at most"),
        "the bitmap is used, which costs the same at these sizes",
        "Linux 5.11 or later",
    ),
    capability(
        ("immediate exit", KVM_CAP_IMMEDIATE_EXIT, 1, ""),
        "no pause of bounded latency, so no guests",
        "Linux 4.13 or later",
    ),
    capability(
        ("binary statistics", KVM_CAP_BINARY_STATS_FD, 1, ""),
        "exits and faults are not counted: paging.* figures are absent",
        "Linux 5.14 or later",
    ),
    capability(
        ("extended state", KVM_CAP_XSAVE2, 1, "bytes"),
        "the fixed 4 KiB area is used; guests can't use AMX",
        "Linux 5.17 or later",
    ),
    capability(
        ("TSC scaling", KVM_CAP_TSC_CONTROL, 1, ""),
        "a guest's clock changes pace when it moves to a host with another TSC rate",
        "a processor with TSC scaling",
    ),
    capability(
        ("pre-fault", KVM_CAP_PRE_FAULT_MEMORY, 1, ""),
        "a migrated guest takes a fault for each page it touches first",
        "Linux 6.11 or later with second-level paging",
    ),
];

/// All about KVM, and how its memory is virtualised.
pub(super) fn probe(system: Result<&System, &Error>) -> (Vec<Finding>, Option<Counted>) {
    let system = match system {
        Ok(system) => system,
        Err(error) => return (without_device(&first_line(error)), None),
    };
    let mut findings = vec![DEVICE.found(Ok(format!("{}, version {}", System::PATH, system.api_version())))];
    let counted = super::paging::count(system);
    findings.push(match &counted {
        Ok(_) => RUNS.found(Ok("64-bit code at CPL 3, its exits counted".to_owned())),
        Err(error) => RUNS.found(Err(error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned())),
    });
    findings.push(PAGING.found(match &counted {
        Ok(counted) if counted.mode == Mode::SecondLevel => Ok(counted.to_string()),
        Ok(counted) => Err(counted.to_string()),
        Err(_) => Err("no guest runs".to_owned()),
    }));
    findings.push(BITMAP.found(dirty_bitmap(system).map_err(|error| first_line(&error))));
    findings.extend(CAPABILITIES.iter().map(|capability| {
        let answer = system.capability(capability.number);
        capability.item.found(if answer >= capability.least {
            Ok(if capability.unit.is_empty() {
                "yes".to_owned()
            } else {
                format!("{answer} {}", capability.unit)
            })
        } else {
            Err("not in this kernel".to_owned())
        })
    }));
    (findings, counted.ok())
}

/// Logs a VM that never runs: no page of it is dirty.
fn dirty_bitmap(system: &System) -> Result<String, Error> {
    let memory = Arc::new(GuestMemory::new(Bytes::MIB, Backing::Anonymous)?);
    let vm = Vm::new(system, memory, DirtyMechanism::Bitmap)?;
    let mut pages = PageSet::empty(vm.memory().pages());
    let mut log = log_of(&vm, None)?;
    log.start()?;
    log.collect(&mut pages)?;
    Ok(format!(
        "read, {} of {} pages dirty",
        pages.count(),
        pages.bound()
    ))
}

fn without_device(reason: &str) -> Vec<Finding> {
    let rest = [RUNS, PAGING, BITMAP]
        .into_iter()
        .chain(CAPABILITIES.iter().map(|capability| capability.item));
    let rest = rest.map(|item| item.found(Err("no KVM".to_owned())));
    std::iter::once(DEVICE.found(Err(reason.to_owned())))
        .chain(rest)
        .collect()
}

fn first_line(error: &Error) -> String {
    match error {
        Error::Call { call, source } => format!("{call}: {}", super::sysfs::without_number(source)),
        other => other.to_string().lines().next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_device_everything_is_named_as_missing() {
        let error = System::open_at(std::path::Path::new("/dev/no-such-kvm")).expect_err("not there");
        let (findings, counted) = probe(Err(&error));
        assert_eq!(counted, None);
        assert!(findings.iter().all(|finding| !finding.is_available()));
        let device = &findings[0];
        assert_eq!(
            device.state,
            super::super::State::Unavailable("open /dev/kvm: no such file or directory".to_owned())
        );
        assert!(device.mend.contains("kvm_intel"));
    }
}
