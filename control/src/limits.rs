//! What the products allow a host to run; beyond it a start is refused with the product's reason.
//!
//! Hyper-V Server 2008: all running VMs together may use 31 GB (the deck: 31 VMs of 1 GB, or 5 of 6 GB). 2008 R2: 4 virtual
//! processors and 64 GB a VM, 384 VMs and 512 virtual processors a host, eight virtual for each logical one, 1,000 VMs a failover
//! cluster (`TechNet`, "Requirements and Limits for Virtual Machines and Hyper-V in Windows Server 2008 R2", as of June 2010).

use twinrack_scenario::spec::Edition;
use twinrack_scenario::units::Bytes;

/// What already runs on a host.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Running {
    /// Logical processors of the host, as the limits count them.
    pub processors: u32,
    /// Logical processors of the host that nobody has reserved.
    pub unreserved: f64,
    /// VMs.
    pub vms: u32,
    /// Virtual processors of them all.
    pub vcpus: u32,
    /// Memory of them all, without what the hypervisor adds.
    pub memory: Bytes,
    /// VMs of all nodes of its failover cluster; told only where the product [limits](cluster_vms) them.
    pub in_cluster: u32,
}

/// A VM that is to run beside them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Newcomer {
    /// Its virtual processors.
    pub vcpus: u32,
    /// Its memory.
    pub memory: Bytes,
    /// Logical processors that are kept for it.
    pub reserve: f64,
}

const GIB: u64 = 1 << 30;

/// Most running VMs of one failover cluster, where the product limits them.
pub const fn cluster_vms(edition: Edition) -> Option<u32> {
    match edition {
        Edition::HyperVR2 => Some(1000),
        Edition::HyperV2008 | Edition::Modern => None,
    }
}

/// A limit of the product, and what would pass it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excess {
    /// `LIMIT_VMS`, `LIMIT_VPS` or `LIMIT_VP_RATIO`.
    pub code: &'static str,
    /// What is counted.
    pub what: &'static str,
    /// What the product allows.
    pub limit: u32,
    /// What there would be.
    pub would_be: u32,
}

/// The limits of a host that one more VM would pass, the VM's own size apart.
pub fn excesses(edition: Edition, running: Running, newcomer: Newcomer) -> Vec<Excess> {
    let (vms, vcpus) = (running.vms + 1, running.vcpus + newcomer.vcpus);
    let limit = |code, what, would_be, limit| Excess {
        code,
        what,
        limit,
        would_be,
    };
    let limits = match edition {
        Edition::HyperV2008 => vec![limit("LIMIT_VMS", "running virtual machines", vms, 192)],
        Edition::HyperVR2 => vec![
            limit("LIMIT_VMS", "running virtual machines", vms, 384),
            limit("LIMIT_VPS", "running virtual processors", vcpus, 512),
            limit(
                "LIMIT_VP_RATIO",
                "virtual processors at eight for each logical one",
                vcpus,
                running.processors * 8,
            ),
        ],
        Edition::Modern => Vec::new(),
    };
    limits
        .into_iter()
        .filter(|limit| limit.would_be > limit.limit)
        .collect()
}

/// Whether the product starts the VM beside what runs; its reason when it does not.
pub fn admit(edition: Edition, running: Running, newcomer: Newcomer) -> Result<(), String> {
    match edition {
        Edition::HyperV2008 => admit_2008(running, newcomer),
        Edition::HyperVR2 => admit_r2(running, newcomer),
        Edition::Modern => Ok(()),
    }
}

/// The product's words when a host has not the memory that something needs.
pub fn no_memory(needs: Bytes) -> String {
    format!(
        "Unable to allocate {} MB of RAM: Insufficient system resources exist to complete the requested service. (0x800705AA)",
        needs.0.div_ceil(Bytes::MIB.0)
    )
}

/// Whether a host keeps its word to all VMs with a reserve when one more runs: all reserves together can't pass its logical
/// processors (Hypervisor Top-Level Functional Specification 2.0a, section 18).
pub fn reserves_hold(running: Running, newcomer: Newcomer) -> Result<(), String> {
    // Shares of processors are written in percent, and their sums are off by a rounding.
    if newcomer.reserve <= running.unreserved + 1e-9 || newcomer.reserve <= 0.0 {
        return Ok(());
    }
    Err(format!(
        "not enough processor resources to reserve: the virtual machine reserves {} logical processors, {} are unreserved",
        rounded(newcomer.reserve),
        rounded(running.unreserved)
    ))
}

/// To two digits, as processors are told.
fn rounded(processors: f64) -> f64 {
    (processors * 100.0 + 0.5).floor() / 100.0
}

/// Whether the product can move a running VM at all.
pub const fn live_migration(edition: Edition) -> bool {
    !matches!(edition, Edition::HyperV2008)
}

/// Whether the product parks cores at all.
pub const fn core_parking(edition: Edition) -> bool {
    !matches!(edition, Edition::HyperV2008)
}

fn admit_2008(running: Running, newcomer: Newcomer) -> Result<(), String> {
    let total = running.memory.saturating_add(newcomer.memory);
    if total > Bytes(31 * GIB) {
        return Err(format!(
            "running virtual machines would use {total}; Hyper-V Server 2008 has 31GiB for all together"
        ));
    }
    own_processors(newcomer)?;
    none_of(Edition::HyperV2008, running, newcomer)
}

fn admit_r2(running: Running, newcomer: Newcomer) -> Result<(), String> {
    if newcomer.memory > Bytes(64 * GIB) {
        return Err(format!(
            "a virtual machine may have 64GiB of memory, not {}",
            newcomer.memory
        ));
    }
    own_processors(newcomer)?;
    none_of(Edition::HyperVR2, running, newcomer)?;
    room_in_cluster(Edition::HyperVR2, running)
}

/// A move within the cluster adds nothing to it, so only a start asks.
fn room_in_cluster(edition: Edition, running: Running) -> Result<(), String> {
    match cluster_vms(edition) {
        Some(most) if running.in_cluster >= most => Err(format!(
            "running virtual machines of the failover cluster: {} are over the limit of {most}",
            running.in_cluster + 1
        )),
        _ => Ok(()),
    }
}

fn own_processors(newcomer: Newcomer) -> Result<(), String> {
    if newcomer.vcpus <= 4 {
        return Ok(());
    }
    Err(format!(
        "virtual processors of one virtual machine: {} are over the limit of 4",
        newcomer.vcpus
    ))
}

fn none_of(edition: Edition, running: Running, newcomer: Newcomer) -> Result<(), String> {
    match excesses(edition, running, newcomer).first() {
        None => Ok(()),
        Some(excess) => Err(format!(
            "{}: {} are over the limit of {}",
            excess.what, excess.would_be, excess.limit
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many VMs of a size a host of 64 processors takes.
    fn held(edition: Edition, vcpus: u32, gib: u64, processors: u32) -> u32 {
        let newcomer = Newcomer {
            vcpus,
            memory: Bytes(gib * GIB),
            reserve: 0.0,
        };
        let mut running = Running {
            processors,
            ..Running::default()
        };
        while admit(edition, running, newcomer).is_ok() && running.vms < 1000 {
            running.vms += 1;
            running.vcpus += vcpus;
            running.memory = running.memory.saturating_add(newcomer.memory);
        }
        running.vms
    }

    #[test]
    fn hyper_v_server_2008_holds_31_of_1_gb_or_5_of_6() {
        assert_eq!(
            [
                held(Edition::HyperV2008, 1, 1, 16),
                held(Edition::HyperV2008, 1, 6, 16)
            ],
            [31, 5]
        );
    }

    #[test]
    fn r2_holds_512_virtual_processors_and_384_vms() {
        assert_eq!(
            [
                held(Edition::HyperVR2, 4, 1, 64),
                held(Edition::HyperVR2, 1, 1, 64)
            ],
            [128, 384]
        );
        assert_eq!(
            held(Edition::HyperVR2, 4, 1, 8),
            16,
            "8 processors * 8 = 64 virtual ones"
        );
        assert_eq!(held(Edition::HyperVR2, 1, 65, 64), 0);
        assert_eq!(held(Edition::HyperVR2, 5, 1, 64), 0);
    }
}
