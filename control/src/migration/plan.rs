//! A migration's plan: what is moved, by which policy, and what each step takes.

use twinrack_scenario::Scenario;
use twinrack_scenario::record::event::MigrationKind;
use twinrack_scenario::spec::Edition;
use twinrack_scenario::spec::cluster::VolumeKind;
use twinrack_scenario::spec::guest::VmSpec;
use twinrack_scenario::spec::migration::{
    DirtyLogSpec, MigrationPolicySpec, PrecopyPolicySpec, QuickModel, QuickSpec, TimingsSpec,
};
use twinrack_scenario::units::{BitsPerSecond, Bytes, SimDuration};

use super::policy::Policy;

/// What each step takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// Checks.
    pub validation: SimDuration,
    /// Connection and skeleton VM.
    pub setup: SimDuration,
    /// From the last byte of a round until the next begins.
    pub round: SimDuration,
    /// Starting the log of written pages, for each GiB.
    pub log_start: SimDuration,
    /// Stopping the virtual processors.
    pub pause: SimDuration,
    /// State of processors and devices, sent in the pause.
    pub state: Bytes,
    /// Handing storage over.
    pub hand_over: SimDuration,
    /// Starting the virtual processors.
    pub resume: SimDuration,
    /// Until switches have learnt.
    pub announce: SimDuration,
    /// Ending the source's worker.
    pub clean_up: SimDuration,
    /// Taking the VM back to the source.
    pub roll_back: SimDuration,
}

impl Timings {
    /// What a scenario asks for, the rest as the policy was published with, for such a VM: some steps grow with its memory, some with
    /// its virtual processors.
    pub fn of(spec: &TimingsSpec, policy: Option<&PrecopyPolicySpec>, subject: &Subject) -> Self {
        let filled = spec.filled(policy);
        let gib = subject.memory.as_f64() / Bytes::GIB.as_f64();
        let more = subject.vcpus.saturating_sub(1);
        let grown = |first: Option<SimDuration>, each: Option<SimDuration>, times: f64| {
            first.unwrap_or_default()
                + SimDuration::from_secs_f64(each.unwrap_or_default().as_secs_f64() * times)
        };
        let hand_over = match subject.volume {
            VolumeKind::Csv => filled.csv_hand_over,
            VolumeKind::Lun => filled.lun_hand_over,
            VolumeKind::Local => None,
        };
        let hand_over = hand_over.unwrap_or_default();
        let resume = grown(filled.resume, filled.resume_per_vcpu, f64::from(more));
        Self {
            validation: filled.validation.unwrap_or_default(),
            setup: grown(filled.setup, filled.setup_per_gib, gib),
            round: filled.round.unwrap_or_default(),
            log_start: filled.log_start.unwrap_or_default(),
            pause: grown(filled.pause, filled.pause_per_vcpu, f64::from(more)),
            state: Bytes(
                filled.state.unwrap_or_default().0.saturating_add(
                    filled
                        .state_per_vcpu
                        .unwrap_or_default()
                        .0
                        .saturating_mul(u64::from(more)),
                ),
            ),
            hand_over,
            resume,
            announce: filled.announce.unwrap_or_default(),
            clean_up: filled.clean_up.unwrap_or_default(),
            roll_back: filled.roll_back.unwrap_or(hand_over + resume),
        }
    }
}

/// Bytes on the wire for guest memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wire {
    /// Header of each page; 8 bytes for QEMU, nothing counted for the others.
    pub page_header: u64,
    /// Untouched memory, sent as 9 bytes a page (header and one zero byte) in the full copy; none when all of it is
    /// sent like any other.
    pub zero: Bytes,
}

impl Wire {
    /// Bytes of a zero page in QEMU's stream.
    pub const ZERO_PAGE: u64 = 9;

    /// A map of `memory` bytes on the wire, of which zero pages are `zero`.
    pub fn of(self, memory: Bytes, zero: Bytes) -> Bytes {
        let zero = zero.min(memory);
        let full = memory.saturating_sub(zero);
        let headers = full.pages().saturating_mul(self.page_header);
        Bytes(
            full.0
                .saturating_add(headers)
                .saturating_add(zero.pages() * Self::ZERO_PAGE),
        )
    }
}

/// The time of a quick migration's steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuickTimings {
    /// Writing the memory.
    pub save: SimDuration,
    /// Moving the disk.
    pub hand_over: SimDuration,
    /// Reading the memory.
    pub restore: SimDuration,
}

impl QuickTimings {
    /// By table (16, 8 or 4 s for each GiB, save and restore together) or by the rate of the volume.
    pub fn of(spec: &QuickSpec, memory: Bytes, volume: VolumeKind, throughput: BitsPerSecond) -> Self {
        let per_gib = spec.per_gib.unwrap_or(spec.link.per_gib());
        let one_way = match spec.model {
            QuickModel::Table => SimDuration::from_secs_f64(
                per_gib.as_secs_f64() * memory.as_f64() / Bytes::GIB.as_f64() / 2.0,
            ),
            QuickModel::Physics => memory.at(throughput),
        };
        Self {
            save: one_way,
            hand_over: if volume == VolumeKind::Lun {
                spec.disk_move
            } else {
                SimDuration::ZERO
            },
            restore: one_way,
        }
    }
}

/// What is moved and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Live, post-copy or quick.
    pub kind: MigrationKind,
    /// Memory of the VM.
    pub memory: Bytes,
    /// What the target must reserve: the memory and the VM's overhead.
    pub reserve: Bytes,
    /// When pre-copy ends.
    pub policy: Policy,
    /// Most bandwidth.
    pub bandwidth: Option<BitsPerSecond>,
    /// What each step takes.
    pub timings: Timings,
    /// What quick migration takes.
    pub quick: QuickTimings,
    /// Bytes on the wire.
    pub wire: Wire,
    /// Which writes make a page dirty again.
    pub dirty_log: DirtyLogSpec,
    /// Whether a body that has a wire encrypts what goes over it.
    pub encrypt: bool,
}

/// What the plan has to know of the VM and its volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// Memory.
    pub memory: Bytes,
    /// Virtual processors.
    pub vcpus: u32,
    /// What it takes of a host's memory.
    pub footprint: Bytes,
    /// Memory never touched.
    pub untouched: Bytes,
    /// Kind of the volume it lives on.
    pub volume: VolumeKind,
    /// Rate of that volume.
    pub throughput: BitsPerSecond,
}

impl Subject {
    /// Rate of a volume that the scenario does not tell of: 1 Gb/s of iSCSI, less its headers.
    const THROUGHPUT: BitsPerSecond = BitsPerSecond(880_000_000);

    /// A VM of one virtual processor and such memory on a shared volume, all of it touched.
    pub const fn of_size(memory: Bytes) -> Self {
        Self {
            memory,
            vcpus: 1,
            footprint: memory.saturating_add(overhead(memory)),
            untouched: Bytes::ZERO,
            volume: VolumeKind::Csv,
            throughput: Self::THROUGHPUT,
        }
    }

    /// A VM of a scenario, with the memory that it never touches by its own word.
    pub fn of(scenario: &Scenario, vm: &VmSpec) -> Self {
        let volume = scenario.volume(vm);
        Self {
            memory: vm.memory.value,
            vcpus: vm.processors(),
            footprint: footprint(scenario, vm),
            untouched: vm.untouched,
            volume: volume.map_or(VolumeKind::Csv, |volume| volume.kind),
            throughput: volume.map_or(Self::THROUGHPUT, |volume| volume.throughput),
        }
    }
}

/// What a VM takes of a host's memory. What the hypervisor adds is in proportion to memory where that is scaled; where all hosts
/// run Hyper-V Server 2008 it comes out of the parent's (see `Scenario::memory_for_vms`).
pub fn footprint(scenario: &Scenario, vm: &VmSpec) -> Bytes {
    let memory = vm.memory.value;
    let mut hosts = scenario.spec.hosts.iter();
    if hosts.all(|host| scenario.edition(host) == Edition::HyperV2008) {
        return memory;
    }
    let factor = scenario.memory_factor();
    if factor == 1.0 {
        return memory.saturating_add(overhead(memory));
    }
    let written = Bytes((memory.as_f64() / factor + 0.5) as u64);
    memory.saturating_add(Bytes((overhead(written).as_f64() * factor + 0.5) as u64))
}

/// Memory that a VM takes beyond its own: 32 MiB, and 8 MiB for each GiB above the first.
pub const fn overhead(memory: Bytes) -> Bytes {
    let above = memory.saturating_sub(Bytes::GIB).0.div_ceil(Bytes::GIB.0);
    Bytes((32 + 8 * above) << 20)
}

impl Plan {
    /// A live migration (or post-copy, when the policy is that) as the scenario's policy says.
    pub fn live(spec: &MigrationPolicySpec, subject: Subject) -> Self {
        let policy = Policy::of(spec.policy.as_ref());
        let qemu = matches!(
            spec.policy,
            Some(PrecopyPolicySpec::Qemu(_) | PrecopyPolicySpec::PostCopy(_))
        );
        Self {
            kind: if matches!(policy, Policy::PostCopy(_)) {
                MigrationKind::PostCopy
            } else {
                MigrationKind::Live
            },
            memory: subject.memory,
            reserve: subject.footprint,
            bandwidth: spec.bandwidth,
            timings: Timings::of(&spec.timings, spec.policy.as_ref(), &subject),
            quick: QuickTimings::of(&spec.quick, subject.memory, subject.volume, subject.throughput),
            wire: Wire {
                page_header: spec
                    .page_header
                    .map_or(if qemu { 8 } else { 0 }, |header| header.0),
                zero: if spec.zero_pages.unwrap_or(qemu) {
                    subject.untouched
                } else {
                    Bytes::ZERO
                },
            },
            dirty_log: spec.log(),
            encrypt: spec.encrypt.unwrap_or(true),
            policy,
        }
    }

    /// A quick migration as the scenario's policy says.
    pub fn quick(spec: &MigrationPolicySpec, subject: Subject) -> Self {
        Self {
            kind: MigrationKind::Quick,
            ..Self::live(spec, subject)
        }
    }
}
