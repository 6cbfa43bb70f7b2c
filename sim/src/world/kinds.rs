//! Kinds: what is the same for all hosts or VMs of one item of the scenario, worked out once.

use twinrack_control::migration::plan::Subject;
use twinrack_scenario::Scenario;
use twinrack_scenario::spec::Edition;
use twinrack_scenario::spec::cluster::VolumeKind;
use twinrack_scenario::spec::guest::VmSpec;
use twinrack_scenario::spec::host::{CpuVendor, HostSpec, PagingMode};
use twinrack_scenario::spec::policies::PowerPolicy;
use twinrack_scenario::spec::workload::{DirtyingCourse, MemoryCourseSpec};
use twinrack_scenario::units::{BitsPerSecond, Bytes, Hertz, SimDuration};

use crate::model::dirtying::dirty_fault;
use crate::model::network::goodput::{Offloads, Receiver};
use crate::model::paging::{Paging, PagingCosts};
use crate::model::power::{Draw, HostLoad, HostPower};

/// Share of its peak power that a host draws while it starts: 70 to 100 % are usual.
const BOOT_POWER_SHARE: f64 = 0.85;

/// Hosts of one item.
#[derive(Debug, Clone)]
pub struct HostKind {
    /// Logical processors.
    pub processors: u32,
    /// Those that the product's limits count.
    pub licensed: u32,
    /// Logical processors of one core.
    pub threads: u32,
    /// Memory for VMs.
    pub memory: Bytes,
    /// Clock in hertz.
    pub clock: f64,
    /// How guest addresses are translated, and what that costs at its clock.
    pub paging: Translation,
    /// The product it runs.
    pub edition: Edition,
    /// Processor vendor.
    pub vendor: CpuVendor,
    /// Time to start.
    pub boot: SimDuration,
    /// How it receives.
    pub receiver: Receiver,
    /// Work that it can do at once, in logical processors at the nominal clock.
    pub capacity: f64,
    /// The idle states of its cores, by name in lower case; empty where none is known.
    pub idle_states: Vec<String>,
    /// Clocks that its cores have besides the nominal one.
    pub clocks: usize,
    power: HostPower,
    always_full: bool,
    standby: f64,
}

impl HostKind {
    fn new(spec: &HostSpec, scenario: &Scenario, translations: &mut Translations) -> Self {
        let edition = scenario.edition(spec);
        // Hyper-V 2008 sends the periodic tick to every processor; R2 lets idle ones sleep through it.
        let ticks = edition == Edition::HyperV2008;
        let power = HostPower::new(spec, &scenario.spec.policies.processor, ticks);
        Self {
            capacity: power.capacity(),
            idle_states: spec
                .c_states
                .iter()
                .map(|state| state.name.to_ascii_lowercase())
                .collect(),
            clocks: spec.p_states.len(),
            processors: spec.processors(),
            licensed: scenario.licensed_processors(spec),
            threads: spec.threads.max(1),
            memory: scenario.memory_for_vms(spec),
            clock: spec.clock.as_f64(),
            paging: translations.of(spec, scenario),
            edition,
            vendor: spec.vendor,
            boot: spec.boot,
            receiver: Receiver {
                offloads: Offloads {
                    vmq: spec.nics.iter().any(|nic| nic.vmq_queues > 1),
                    chimney: spec.nics.iter().any(|nic| nic.chimney_connections > 0),
                },
                clock: spec.clock.as_f64(),
            },
            power,
            always_full: scenario.spec.policies.power == PowerPolicy::AlwaysFull,
            standby: spec.power.standby.0,
        }
    }

    /// Watts while it runs.
    pub fn watts_up(&self, load: HostLoad) -> f64 {
        if self.always_full {
            self.power.peak()
        } else {
            self.power.watts(load)
        }
    }

    /// How its cores spend their time and what it draws while it runs.
    pub fn draw_up(&self, load: HostLoad, draw: &mut Draw) {
        self.power.draw(load, draw);
        if self.always_full {
            draw.watts = self.power.peak();
        }
    }

    /// Watts while it starts.
    pub fn watts_booting(&self) -> f64 {
        self.power.peak() * BOOT_POWER_SHARE
    }

    /// Watts while it is switched off.
    pub const fn watts_off(&self) -> f64 {
        self.standby
    }
}

/// VMs of one item.
#[derive(Debug, Clone)]
pub struct VmKind {
    /// Virtual processors.
    pub vcpus: u32,
    /// Logical processors that a host keeps for it.
    pub reserve: f64,
    /// Memory.
    pub memory: Bytes,
    /// Memory and what the hypervisor adds to it.
    pub footprint: Bytes,
    /// The volume it lives on.
    pub volume: VolumeKind,
    /// The rate of that volume.
    pub throughput: BitsPerSecond,
    /// Whether a cluster keeps it running, and it may be moved.
    pub highly_available: bool,
    /// Whether it is to run from the start, on a host that the brain chooses.
    pub placed_by_brain: bool,
    /// The clock that its demand is stated for, in hertz; none where it is that of any host.
    clock: Option<f64>,
    /// How its dirty rates go with its demand.
    pub dirtying: DirtyingCourse,
    /// How much of its memory it touches, where its workload says so.
    pub touches: Option<MemoryCourseSpec>,
    /// What paging costs it, and the share of its time that it waits for the shadow lock when all its virtual processors are
    /// busy, under each translation.
    paging: Vec<(Paging, f64)>,
}

impl VmKind {
    fn new(spec: &VmSpec, scenario: &Scenario, translations: &Translations) -> Self {
        let vcpus = spec.processors();
        let subject = Subject::of(scenario, spec);
        let workload = spec.workload.as_ref().and_then(|name| {
            let mut workloads = scenario.spec.workloads.iter();
            workloads.find(|workload| workload.name.value == name.value)
        });
        let paging = translations.0.iter().map(|(mode, costs)| {
            let paging = Paging::new(costs, &spec.paging, *mode);
            (paging, paging.lock_wait(f64::from(vcpus)))
        });
        Self {
            vcpus,
            reserve: spec.reserve.0 * f64::from(vcpus),
            memory: spec.memory.value,
            highly_available: spec.highly_available,
            placed_by_brain: spec.host.is_none() && spec.running,
            clock: spec.clock.map(Hertz::as_f64),
            footprint: subject.footprint,
            dirtying: workload.map_or(DirtyingCourse::Steady, |workload| workload.dirtying),
            touches: workload.and_then(|workload| workload.memory.clone()),
            volume: subject.volume,
            throughput: subject.throughput,
            paging: paging.collect(),
        }
    }

    /// How much of a processor of a host with that clock it asks for, for each that it states.
    pub fn faster(&self, clock: f64) -> f64 {
        self.clock.map_or(1.0, |stated| stated / clock)
    }

    /// Whether it states its demand for a clock of its own.
    pub const fn states_clock(&self) -> bool {
        self.clock.is_some()
    }

    /// What paging costs it on a host.
    pub fn paging(&self, on: Translation) -> &Paging {
        &self.paging[on.0].0
    }

    /// Share of its time that it waits for the shadow lock on a host.
    pub fn lock_wait(&self, on: Translation) -> f64 {
        self.paging[on.0].1
    }
}

/// A way to translate guest addresses at a clock, by its place in `Translations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Translation(usize);

/// The ways to translate guest addresses that the hosts of a scenario have: costs that were published in cycles take another
/// time at each clock.
#[derive(Debug, Default)]
struct Translations(Vec<(PagingMode, PagingCosts)>);

impl Translations {
    /// That of a host.
    fn of(&mut self, spec: &HostSpec, scenario: &Scenario) -> Translation {
        let costs = PagingCosts::new(&scenario.spec.policies.paging, spec.clock);
        let own = (scenario.paging_mode(spec), costs);
        let known = self.0.iter().position(|other| *other == own);
        Translation(known.unwrap_or_else(|| {
            self.0.push(own);
            self.0.len() - 1
        }))
    }
}

/// The kinds of a scenario.
#[derive(Debug, Clone)]
pub struct Kinds {
    /// Item `g` of `hosts`.
    pub hosts: Vec<HostKind>,
    /// Item `g` of `vms`.
    pub vms: Vec<VmKind>,
    /// Whether any VM has processors reserved.
    pub reserves: bool,
    /// Seconds that a dirty log's first write to a page costs under each translation.
    dirty_fault: Vec<f64>,
}

impl Kinds {
    /// Works them out.
    pub fn new(scenario: &Scenario) -> Self {
        let mut translations = Translations::default();
        let hosts: Vec<HostKind> = scenario
            .spec
            .hosts
            .iter()
            .map(|spec| HostKind::new(spec, scenario, &mut translations))
            .collect();
        let vms: Vec<VmKind> = scenario
            .spec
            .vms
            .iter()
            .map(|spec| VmKind::new(spec, scenario, &translations))
            .collect();
        Self {
            reserves: vms.iter().any(|kind| kind.reserve > 0.0),
            hosts,
            vms,
            dirty_fault: (translations.0.iter())
                .map(|(mode, costs)| dirty_fault(&scenario.spec.policies.migration, costs, *mode))
                .collect(),
        }
    }

    /// Seconds that a dirty log's first write to a page costs.
    pub fn dirty_fault(&self, on: Translation) -> f64 {
        self.dirty_fault[on.0]
    }
}
