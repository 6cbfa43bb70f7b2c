//! Processors: idle states, hotplug, frequency, energy, and what confines work to some of them.

use super::sysfs::Tree;
use super::{Finding, Item};

const GROUP: &str = "cpu";
const CPUS: &str = "sys/devices/system/cpu";

const IDLE: Item = Item {
    group: GROUP,
    name: "idle states",
    without: "cores.residency.* is absent: nobody sees how deep a parked core sleeps",
    mend: "a physical host with intel_idle or acpi_idle; a virtual one only has POLL and haltpoll",
};
const HOTPLUG: Item = Item {
    group: GROUP,
    name: "hotplug",
    without: "cores are parked by confinement, not by taking them offline",
    mend: "run as root on a kernel with CONFIG_HOTPLUG_CPU",
};
const FREQUENCY: Item = Item {
    group: GROUP,
    name: "frequency",
    without: "no P-states: the clock is what it is",
    mend: "a physical host with a cpufreq driver (intel_pstate, amd-pstate, acpi-cpufreq)",
};
const ENERGY: Item = Item {
    group: GROUP,
    name: "energy counters",
    without: "power.* is absent from records; --allow-modelled computes it from the profile",
    mend: "a physical host with RAPL, CONFIG_POWERCAP, read as root",
};
const CONFINE: Item = Item {
    group: GROUP,
    name: "cpuset",
    without: "only this process's own threads are confined (sched_setaffinity)",
    mend: "mount cgroup2 with the cpuset controller, and run as root or with a delegated group",
};

pub(super) fn probe(tree: &Tree) -> Vec<Finding> {
    vec![
        IDLE.found(idle(tree)),
        HOTPLUG.found(hotplug(tree)),
        FREQUENCY.found(frequency(tree)),
        ENERGY.found(energy(tree)),
        CONFINE.found(confine(tree)),
    ]
}

/// States deeper than busy waiting and the paravirtual halt.
fn idle(tree: &Tree) -> Result<String, String> {
    let directory = format!("{CPUS}/cpu0/cpuidle");
    let states = tree.names(&directory, "state");
    let names: Vec<String> = states
        .iter()
        .filter_map(|state| tree.read(&format!("{directory}/{state}/name")).ok())
        .collect();
    if names.is_empty() {
        return Err("no cpuidle driver".to_owned());
    }
    if names
        .iter()
        .all(|name| name == "POLL" || name.starts_with("haltpoll"))
    {
        return Err(format!("only {}", names.join(", ")));
    }
    Ok(names.join(", "))
}

fn hotplug(tree: &Tree) -> Result<String, String> {
    let processors = tree.names(CPUS, "cpu");
    let files: Vec<String> = processors
        .iter()
        .filter(|name| name.bytes().skip(3).all(|byte| byte.is_ascii_digit()) && name.len() > 3)
        .map(|name| format!("{CPUS}/{name}/online"))
        .filter(|file| tree.read(file).is_ok())
        .collect();
    let Some(first) = files.first() else {
        return Err("no processor can be taken offline".to_owned());
    };
    tree.writable(first)?;
    Ok(format!(
        "{} of {} can be taken offline",
        count(files.len()),
        count_of(tree)
    ))
}

fn count(processors: usize) -> String {
    if processors == 1 {
        "1 processor".to_owned()
    } else {
        format!("{processors} processors")
    }
}

fn count_of(tree: &Tree) -> usize {
    let all = tree.names(CPUS, "cpu");
    all.iter()
        .filter(|name| name.len() > 3 && name.bytes().skip(3).all(|byte| byte.is_ascii_digit()))
        .count()
}

fn frequency(tree: &Tree) -> Result<String, String> {
    let directory = format!("{CPUS}/cpu0/cpufreq");
    let driver = tree
        .read(&format!("{directory}/scaling_driver"))
        .map_err(|_| "no cpufreq driver".to_owned())?;
    let governor = tree
        .read(&format!("{directory}/scaling_governor"))
        .unwrap_or_default();
    Ok(format!("{driver}, governor {governor}"))
}

fn energy(tree: &Tree) -> Result<String, String> {
    const ZONES: &str = "sys/class/powercap";
    let zones = tree.names(ZONES, "intel-rapl:");
    let Some(first) = zones.first() else {
        return Err("no RAPL zone".to_owned());
    };
    tree.read(&format!("{ZONES}/{first}/energy_uj"))?;
    let names: Vec<String> = zones
        .iter()
        .filter_map(|zone| tree.read(&format!("{ZONES}/{zone}/name")).ok())
        .collect();
    Ok(names.join(", "))
}

/// Version 2 first; version 1 where that is what is mounted.
fn confine(tree: &Tree) -> Result<String, String> {
    const ROOT: &str = "sys/fs/cgroup";
    let controllers = tree
        .read(&format!("{ROOT}/cgroup.controllers"))
        .unwrap_or_default();
    if controllers
        .split_whitespace()
        .any(|controller| controller == "cpuset")
    {
        tree.writable(&format!("{ROOT}/cgroup.subtree_control"))?;
        return Ok("cgroup 2".to_owned());
    }
    if tree.read(&format!("{ROOT}/cpuset/cpuset.cpus")).is_ok() {
        tree.writable(&format!("{ROOT}/cpuset/tasks"))?;
        return Ok("cgroup 1".to_owned());
    }
    Err("no cpuset controller is mounted".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::sysfs::testing::tree;
    use super::*;

    #[test]
    fn a_physical_host_has_it_all() {
        let (_keep, tree) = tree(&[
            ("sys/devices/system/cpu/cpu0/cpuidle/state0/name", "POLL\n"),
            ("sys/devices/system/cpu/cpu0/cpuidle/state1/name", "C1E\n"),
            ("sys/devices/system/cpu/cpu1/online", "1\n"),
            ("sys/devices/system/cpu/cpufreq/policy0/x", ""),
            (
                "sys/devices/system/cpu/cpu0/cpufreq/scaling_driver",
                "intel_pstate\n",
            ),
            (
                "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
                "powersave\n",
            ),
            ("sys/class/powercap/intel-rapl:0/name", "package-0\n"),
            ("sys/class/powercap/intel-rapl:0/energy_uj", "12345\n"),
            ("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io\n"),
            ("sys/fs/cgroup/cgroup.subtree_control", ""),
        ]);
        let findings = probe(&tree);
        assert!(findings.iter().all(Finding::is_available), "{findings:?}");
        assert_eq!(
            hotplug(&tree),
            Ok("1 processor of 2 can be taken offline".to_owned())
        );
    }

    #[test]
    fn a_virtual_host_says_what_it_lacks() {
        let (_keep, tree) = tree(&[
            ("sys/devices/system/cpu/cpu0/cpuidle/state0/name", "POLL\n"),
            (
                "sys/devices/system/cpu/cpu0/cpuidle/state1/name",
                "haltpoll idle\n",
            ),
        ]);
        assert_eq!(idle(&tree), Err("only POLL, haltpoll idle".to_owned()));
        assert_eq!(frequency(&tree), Err("no cpufreq driver".to_owned()));
        assert_eq!(energy(&tree), Err("no RAPL zone".to_owned()));
        assert!(probe(&tree).iter().all(|finding| !finding.is_available()));
    }
}
