//! What must hold before a VM is moved: thirteen checks in the product's order, each with its code and its words, and
//! two that only warn.
//!
//! All are made before anything is changed, on [`Facts`] that the body tells. The first five are made when a move is
//! asked for ([`request`]), the others when its turn has come ([`check`]): memory and networks are looked at then. Between
//! them is [admission](super::admission), which is the sixth. Quick migration needs no product that moves VMs live and
//! may take a LUN of several VMs; what was saved under one processor is restored only under one with its features.

mod facts;
mod surroundings;

pub use facts::{Facts, HostFacts};
pub use surroundings::{Now, Surroundings};

use twinrack_scenario::NetworkId;
use twinrack_scenario::record::event::MigrationKind;
use twinrack_scenario::spec::Edition;
use twinrack_scenario::spec::cluster::VolumeKind;

use super::networks;
use super::processor::Features;
use super::step::Refusal;
use crate::limits;

/// What lets a move begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared {
    /// The network it takes; none for quick migration where no network connects the hosts.
    pub network: Option<NetworkId>,
    /// What the product only warns of.
    pub warnings: Vec<Refusal>,
}

type Check = fn(&Facts) -> Result<(), Refusal>;

fn refused<T>(code: &'static str, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal {
        code,
        message: message.into(),
    })
}

/// What is checked when a move is asked for: products, cluster, state, owner, storage. `paused` is whether the target
/// takes no more VMs.
///
/// # Errors
/// The first check that fails, with the product's code and words.
pub fn request(facts: &Facts, how: MigrationKind, paused: bool) -> Result<(), Refusal> {
    let live = how != MigrationKind::Quick;
    if live {
        supported_hosts(facts)?;
    }
    clustered(facts, paused)?;
    state(facts)?;
    possible_owner(facts)?;
    movable_storage(facts, live)
}

/// What is checked when the turn of a move has come, and before anything is changed.
///
/// # Errors
/// The first check that fails, with the product's code and words.
pub fn check(facts: &Facts, how: MigrationKind, paused: bool) -> Result<Cleared, Refusal> {
    request(facts, how, paused)?;
    let live = how != MigrationKind::Quick;
    let checks: [Check; 5] = [processor, virtual_networks, memory, reserves, local_devices];
    for check in checks {
        check(facts)?;
    }
    if live {
        connected(facts)?;
    }
    let network = networks::choose(&facts.networks);
    system_drive(facts)?;
    let mut warnings = limits(facts);
    warnings.extend(start_action(facts));
    Ok(Cleared { network, warnings })
}

/// What is left of the checks of a live migration when nobody looks at the moment: at load, memory, the state of VM and hosts,
/// maintenance. Where one of them fails, no move is worth proposing.
///
/// # Errors
/// The first check that fails, with the product's code and words.
pub fn possible(facts: &Facts) -> Result<(), Refusal> {
    supported_hosts(facts)?;
    one_cluster(facts)?;
    possible_owner(facts)?;
    movable_storage(facts, true)?;
    let checks: [Check; 4] = [processor, virtual_networks, local_devices, connected];
    for check in checks {
        check(facts)?;
    }
    system_drive(facts)
}

/// What speaks against a node that is to take over a VM of its cluster, which starts there anew; memory and limits apart.
///
/// # Errors
/// The first check that fails, with the product's code and words.
pub fn node(facts: &Facts) -> Result<(), Refusal> {
    if facts.source.cluster.is_none() || facts.source.cluster != facts.target.cluster {
        return refused(
            "HA_NOT_CLUSTERED",
            "the host is no node of the virtual machine's cluster",
        );
    }
    possible_owner(facts)?;
    movable_storage(facts, false)?;
    virtual_networks(facts)?;
    local_devices(facts)?;
    system_drive(facts)
}

/// What speaks against a host as the first of a VM, whatever runs there. Files and devices are wherever the VM starts.
///
/// # Errors
/// The first check that fails, with the product's code and words.
pub fn first(facts: &Facts, clustered: bool) -> Result<(), Refusal> {
    if clustered && facts.target.cluster.is_none() {
        return refused(
            "HA_NOT_CLUSTERED",
            "the virtual machine is highly available, and the host is no node of a failover cluster",
        );
    }
    possible_owner(facts)?;
    virtual_networks(facts)
}

/// Whether hosts move VMs without a cluster around them: what came after 2008 R2 does.
fn shared_nothing(facts: &Facts) -> bool {
    facts.source.edition == Edition::Modern && facts.target.edition == Edition::Modern
}

fn ends(facts: &Facts) -> [(&'static str, &HostFacts); 2] {
    [("source", &facts.source), ("destination", &facts.target)]
}

fn supported_hosts(facts: &Facts) -> Result<(), Refusal> {
    for (end, host) in ends(facts) {
        if !limits::live_migration(host.edition) {
            return refused(
                "LM_UNSUPPORTED_HOST",
                format!("the {end} computer runs a version of Hyper-V without live migration (2008)"),
            );
        }
    }
    Ok(())
}

fn one_cluster(facts: &Facts) -> Result<(), Refusal> {
    let (source, target) = (facts.source.cluster, facts.target.cluster);
    if !shared_nothing(facts)
        && (source.is_none() || source != target || !(2..=16).contains(&facts.cluster_nodes))
    {
        return refused(
            "LM_NOT_CLUSTERED",
            "the hosts are not nodes of one failover cluster of 2 to 16 nodes",
        );
    }
    Ok(())
}

fn clustered(facts: &Facts, paused: bool) -> Result<(), Refusal> {
    one_cluster(facts)?;
    if let Some((end, _)) = ends(facts).into_iter().find(|(_, host)| !host.up) {
        return refused("LM_NODE_DOWN", format!("the {end} node is not up"));
    }
    if paused {
        return refused("LM_TARGET_PAUSED", "the destination node is paused");
    }
    Ok(())
}

fn state(facts: &Facts) -> Result<(), Refusal> {
    if !facts.running {
        return refused("LM_BAD_STATE", "the virtual machine is not running");
    }
    if !facts.highly_available && !shared_nothing(facts) {
        return refused("LM_BAD_STATE", "the virtual machine is not a clustered resource");
    }
    Ok(())
}

fn possible_owner(facts: &Facts) -> Result<(), Refusal> {
    if facts.target_may_own {
        return Ok(());
    }
    refused(
        "LM_NOT_POSSIBLE_OWNER",
        "the destination node is not the owner of the resource or not a possible owner of it (0x80071398)",
    )
}

fn movable_storage(facts: &Facts, live: bool) -> Result<(), Refusal> {
    match facts.volume {
        VolumeKind::Csv => Ok(()),
        VolumeKind::Lun if !(live && facts.volume_shared) => Ok(()),
        VolumeKind::Lun => refused(
            "LM_STORAGE_NOT_MOVABLE",
            "unsupported cluster configuration: other virtual machines have their files on the same disk",
        ),
        VolumeKind::Local => refused(
            "LM_STORAGE_NOT_MOVABLE",
            "unsupported cluster configuration: the virtual machine's files are on a local disk",
        ),
    }
}

/// Whether the VM finds on the target what it saw of its processor when it started.
///
/// # Errors
/// Another vendor, or features missing.
pub fn processor(facts: &Facts) -> Result<(), Refusal> {
    if facts.source.vendor != facts.target.vendor {
        return refused(
            "LM_CPU_VENDOR",
            "the hardware on the destination computer is not compatible: another processor vendor (event 21502, 32784)",
        );
    }
    let missing = facts.guest_features.without(facts.target.features);
    // A target of an unknown generation shows no features at all; then only the vendor counts.
    if missing == Features::NONE || facts.target.features == Features::NONE {
        return Ok(());
    }
    refused(
        "LM_CPU_FEATURES",
        format!(
            "the hardware on the destination computer is not compatible: its processor lacks {} (event 21502, 32784); \
             processor compatibility mode would hide them",
            missing.names().join(", ")
        ),
    )
}

fn virtual_networks(facts: &Facts) -> Result<(), Refusal> {
    match &facts.missing_network {
        Some(name) => refused(
            "LM_NO_VSWITCH",
            format!("the destination computer has no virtual network `{name}` (event 21502)"),
        ),
        None => Ok(()),
    }
}

fn memory(facts: &Facts) -> Result<(), Refusal> {
    if facts.target_free >= facts.reserve {
        return Ok(());
    }
    refused("LM_NO_MEMORY", limits::no_memory(facts.reserve))
}

fn reserves(facts: &Facts) -> Result<(), Refusal> {
    limits::reserves_hold(facts.target_holds, facts.asks).or_else(|why| refused("LM_NO_RESERVE", why))
}

fn local_devices(facts: &Facts) -> Result<(), Refusal> {
    match &facts.local_device {
        Some(device) => refused(
            "LM_LOCAL_DEVICE",
            format!(
                "the virtual machine could not be created on the destination: it uses {device} of this host"
            ),
        ),
        None => Ok(()),
    }
}

fn connected(facts: &Facts) -> Result<(), Refusal> {
    if networks::choose(&facts.networks).is_some() {
        return Ok(());
    }
    refused(
        "LM_NO_NETWORK",
        "no network for live migration connects the hosts (event 21502)",
    )
}

fn limits(facts: &Facts) -> Vec<Refusal> {
    let warning = |excess: limits::Excess| Refusal {
        code: excess.code,
        message: format!(
            "{}: the destination would hold {} where {} are supported",
            excess.what, excess.would_be, excess.limit
        ),
    };
    limits::excesses(facts.target.edition, facts.target_holds, facts.asks)
        .into_iter()
        .map(warning)
        .collect()
}

fn start_action(facts: &Facts) -> Option<Refusal> {
    (facts.automatic_start && facts.source.cluster.is_some()).then(|| Refusal {
        code: "WARN_START_ACTION",
        message: "the automatic start action of a clustered virtual machine should be `nothing`".to_owned(),
    })
}

fn system_drive(facts: &Facts) -> Result<(), Refusal> {
    if facts.volume == VolumeKind::Csv && facts.source.system_drive != facts.target.system_drive {
        return refused(
            "CSV_SYSDRIVE_MISMATCH",
            "the nodes have different system drives, so there is no Cluster Shared Volume",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
