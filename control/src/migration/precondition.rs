//! What must hold before a VM is moved: twelve checks in the product's order, each with its code and its words, and
//! two that only warn.
//!
//! All are made before anything is changed. A body shows what they look at through [`View`], whose defaults describe
//! the common case; the first check that fails refuses the move, and what the product only warns of is gathered.

use twinrack_scenario::NetworkId;
use twinrack_scenario::spec::Edition;
use twinrack_scenario::spec::cluster::VolumeKind;
use twinrack_scenario::spec::host::CpuVendor;
use twinrack_scenario::units::Bytes;

use super::processor::Features;
use super::step::Refusal;

/// An end of the move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Where the VM is.
    Source,
    /// Where it goes.
    Target,
}

impl End {
    const fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "destination",
        }
    }
}

/// A limit of the product that the target would pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excess {
    /// `LIMIT_VMS`, `LIMIT_VPS`, `LIMIT_NODE_VMS` or `LIMIT_VP_RATIO`.
    pub code: &'static str,
    /// What it allows.
    pub limit: u32,
    /// What there would be.
    pub would_be: u32,
}

/// What the checks look at, of one VM and the two hosts.
pub trait View {
    /// The product on a host.
    fn edition(&self, end: End) -> Edition;
    /// The failover cluster that a host is a node of.
    fn cluster(&self, end: End) -> Option<u32>;
    /// How many nodes that cluster has.
    fn cluster_nodes(&self) -> u32 {
        2
    }
    /// Whether a host is up.
    fn is_up(&self, end: End) -> bool;
    /// Whether the target takes no more VMs: paused, or in maintenance.
    fn target_paused(&self) -> bool {
        false
    }
    /// Whether the VM is a resource of the cluster.
    fn highly_available(&self) -> bool {
        true
    }
    /// Whether the VM runs, and nothing else is done with it.
    fn running(&self) -> bool;
    /// Whether the target is a possible owner of the VM.
    fn target_may_own(&self) -> bool {
        true
    }
    /// Where the VM's files are.
    fn volume(&self) -> VolumeKind;
    /// Whether other VMs' files are on the same volume; matters for a clustered LUN only.
    fn volume_shared_with_others(&self) -> bool {
        false
    }
    /// Whether a host takes part in as many migrations as it may; admission looks at it when the move would wait.
    fn busy(&self, _end: End) -> bool {
        false
    }
    /// Processor vendor of a host.
    fn vendor(&self, end: End) -> CpuVendor;
    /// What the VM sees of its processor since it started.
    fn guest_features(&self) -> Features {
        Features::NONE
    }
    /// What the target's processor has.
    fn target_features(&self) -> Features {
        Features::NONE
    }
    /// A virtual network of the VM that the target lacks.
    fn missing_network(&self) -> Option<String> {
        None
    }
    /// Memory to reserve on the target: the VM's and its overhead.
    fn reserve(&self) -> Bytes;
    /// Memory free on the target.
    fn target_free(&self) -> Bytes;
    /// Something attached to the VM that only its host has: a physical drive, a local image.
    fn local_device(&self) -> Option<String> {
        None
    }
    /// The limits that the target would pass; the product warns of them.
    fn excesses(&self) -> Vec<Excess> {
        Vec::new()
    }
    /// The network that the migration takes; none when no path is up.
    fn network(&self) -> Option<NetworkId>;
    /// Whether the VM's automatic start action is "nothing", as it should be in a cluster.
    fn starts_by_cluster_only(&self) -> bool {
        true
    }
    /// Whether all nodes have the same system drive, without which there are no Cluster Shared Volumes.
    fn same_system_drive(&self) -> bool {
        true
    }
}

type Check<V> = fn(&V) -> Result<(), Refusal>;

fn refused<T>(code: &'static str, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal {
        code,
        message: message.into(),
    })
}

/// Makes all checks in order. Gives what the product only warns of.
///
/// # Errors
/// The first check that fails, with the product's code and words.
pub fn check<V: View>(view: &V) -> Result<Vec<Refusal>, Refusal> {
    let checks: [Check<V>; 12] = [
        supported_hosts,
        clustered,
        state,
        possible_owner,
        movable_storage,
        not_busy,
        processor,
        virtual_networks,
        memory,
        local_devices,
        network,
        system_drive,
    ];
    for check in checks {
        check(view)?;
    }
    let mut warnings = limits(view);
    warnings.extend(start_action(view));
    Ok(warnings)
}

/// Whether hosts move VMs without a cluster around them: what came after 2008 R2 does.
fn shared_nothing<V: View>(view: &V) -> bool {
    view.edition(End::Source) == Edition::Modern && view.edition(End::Target) == Edition::Modern
}

fn supported_hosts<V: View>(view: &V) -> Result<(), Refusal> {
    match [End::Source, End::Target]
        .into_iter()
        .find(|end| view.edition(*end) == Edition::HyperV2008)
    {
        Some(end) => refused(
            "LM_UNSUPPORTED_HOST",
            format!(
                "the {} computer runs a version of Hyper-V without live migration (2008)",
                end.word()
            ),
        ),
        None => Ok(()),
    }
}

fn clustered<V: View>(view: &V) -> Result<(), Refusal> {
    let (source, target) = (view.cluster(End::Source), view.cluster(End::Target));
    if !shared_nothing(view)
        && (source.is_none() || source != target || !(2..=16).contains(&view.cluster_nodes()))
    {
        return refused(
            "LM_NOT_CLUSTERED",
            "the hosts are not nodes of one failover cluster of 2 to 16 nodes",
        );
    }
    if let Some(end) = [End::Source, End::Target]
        .into_iter()
        .find(|end| !view.is_up(*end))
    {
        return refused("LM_NODE_DOWN", format!("the {} node is not up", end.word()));
    }
    if view.target_paused() {
        return refused("LM_TARGET_PAUSED", "the destination node is paused");
    }
    Ok(())
}

fn state<V: View>(view: &V) -> Result<(), Refusal> {
    if !view.running() {
        return refused("LM_BAD_STATE", "the virtual machine is not running");
    }
    if !view.highly_available() && !shared_nothing(view) {
        return refused("LM_BAD_STATE", "the virtual machine is not a clustered resource");
    }
    Ok(())
}

fn possible_owner<V: View>(view: &V) -> Result<(), Refusal> {
    if view.target_may_own() {
        return Ok(());
    }
    refused(
        "LM_NOT_POSSIBLE_OWNER",
        "the destination node is not the owner of the resource or not a possible owner of it (0x80071398)",
    )
}

fn movable_storage<V: View>(view: &V) -> Result<(), Refusal> {
    match view.volume() {
        VolumeKind::Csv => Ok(()),
        VolumeKind::Lun if !view.volume_shared_with_others() => Ok(()),
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

fn not_busy<V: View>(view: &V) -> Result<(), Refusal> {
    match [End::Source, End::Target].into_iter().find(|end| view.busy(*end)) {
        Some(end) => refused(
            "LM_NODE_BUSY",
            format!("the {} node already takes part in a live migration", end.word()),
        ),
        None => Ok(()),
    }
}

fn processor<V: View>(view: &V) -> Result<(), Refusal> {
    if view.vendor(End::Source) != view.vendor(End::Target) {
        return refused(
            "LM_CPU_VENDOR",
            "the hardware on the destination computer is not compatible: another processor vendor (event 21502, 32784)",
        );
    }
    let missing = view.guest_features().without(view.target_features());
    // A target of an unknown generation shows no features at all; then only the vendor counts.
    if missing == Features::NONE || view.target_features() == Features::NONE {
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

fn virtual_networks<V: View>(view: &V) -> Result<(), Refusal> {
    match view.missing_network() {
        Some(name) => refused(
            "LM_NO_VSWITCH",
            format!("the destination computer has no virtual network `{name}` (event 21502)"),
        ),
        None => Ok(()),
    }
}

fn memory<V: View>(view: &V) -> Result<(), Refusal> {
    if view.target_free() >= view.reserve() {
        return Ok(());
    }
    refused(
        "LM_NO_MEMORY",
        format!(
            "Unable to allocate {} MB of RAM: Insufficient system resources exist to complete the requested service. \
             (0x800705AA)",
            view.reserve().0.div_ceil(Bytes::MIB.0)
        ),
    )
}

fn local_devices<V: View>(view: &V) -> Result<(), Refusal> {
    match view.local_device() {
        Some(device) => refused(
            "LM_LOCAL_DEVICE",
            format!(
                "the virtual machine could not be created on the destination: it uses {device} of this host"
            ),
        ),
        None => Ok(()),
    }
}

fn limits<V: View>(view: &V) -> Vec<Refusal> {
    let warning = |excess: Excess| Refusal {
        code: excess.code,
        message: format!(
            "the destination would hold {} where {} are supported",
            excess.would_be, excess.limit
        ),
    };
    view.excesses().into_iter().map(warning).collect()
}

fn network<V: View>(view: &V) -> Result<(), Refusal> {
    if view.network().is_some() {
        return Ok(());
    }
    refused(
        "LM_NO_NETWORK",
        "no network for live migration connects the hosts (event 21502)",
    )
}

fn start_action<V: View>(view: &V) -> Option<Refusal> {
    (!view.starts_by_cluster_only()).then(|| Refusal {
        code: "WARN_START_ACTION",
        message: "the automatic start action of a clustered virtual machine should be `nothing`".to_owned(),
    })
}

fn system_drive<V: View>(view: &V) -> Result<(), Refusal> {
    if view.volume() == VolumeKind::Csv && !view.same_system_drive() {
        return refused(
            "CSV_SYSDRIVE_MISMATCH",
            "the nodes have different system drives, so there is no Cluster Shared Volume",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
