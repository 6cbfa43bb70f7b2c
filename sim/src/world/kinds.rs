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

use crate::model::dirtying::dirty_faults;
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
    /// How guest addresses are translated.
    pub paging: PagingMode,
    /// The product it runs.
    pub edition: Edition,
    /// Processor vendor.
    pub vendor: CpuVendor,
    /// Time to start.
    pub boot: SimDuration,
    /// Whether its adapters have VMQ, and how many connections they take over.
    pub vmq: bool,
    /// Whether its adapters take over TCP.
    pub chimney: bool,
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
    fn new(spec: &HostSpec, scenario: &Scenario) -> Self {
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
            paging: scenario.paging_mode(spec),
            edition,
            vendor: spec.vendor,
            boot: spec.boot,
            vmq: spec.nics.iter().any(|nic| nic.vmq_queues > 1),
            chimney: spec.nics.iter().any(|nic| nic.chimney_connections > 0),
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
    /// What paging costs it under each mode, by index of [`mode_index`].
    paging: [Paging; 2],
    /// Share of its time that it waits for the shadow lock when all its virtual processors are busy.
    lock_wait: [f64; 2],
}

impl VmKind {
    fn new(spec: &VmSpec, scenario: &Scenario, costs: &PagingCosts) -> Self {
        let vcpus = spec.processors();
        let subject = Subject::of(scenario, spec);
        let workload = spec.workload.as_ref().and_then(|name| {
            let mut workloads = scenario.spec.workloads.iter();
            workloads.find(|workload| workload.name.value == name.value)
        });
        let paging =
            [PagingMode::Shadow, PagingMode::Slat].map(|mode| Paging::new(costs, &spec.paging, mode));
        Self {
            vcpus,
            memory: spec.memory.value,
            highly_available: spec.highly_available,
            placed_by_brain: spec.host.is_none() && spec.running,
            clock: spec.clock.map(Hertz::as_f64),
            footprint: subject.footprint,
            dirtying: workload.map_or(DirtyingCourse::Steady, |workload| workload.dirtying),
            touches: workload.and_then(|workload| workload.memory.clone()),
            volume: subject.volume,
            throughput: subject.throughput,
            lock_wait: [
                paging[0].lock_wait(f64::from(vcpus)),
                paging[1].lock_wait(f64::from(vcpus)),
            ],
            paging,
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
    pub const fn paging(&self, mode: PagingMode) -> &Paging {
        &self.paging[mode_index(mode)]
    }

    /// Share of its time that it waits for the shadow lock on a host.
    pub const fn lock_wait(&self, mode: PagingMode) -> f64 {
        self.lock_wait[mode_index(mode)]
    }
}

const fn mode_index(mode: PagingMode) -> usize {
    match mode {
        PagingMode::Shadow => 0,
        PagingMode::Slat => 1,
    }
}

/// The kinds of a scenario.
#[derive(Debug, Clone)]
pub struct Kinds {
    /// Item `g` of `hosts`.
    pub hosts: Vec<HostKind>,
    /// Item `g` of `vms`.
    pub vms: Vec<VmKind>,
    /// Seconds that a dirty log's first write to a page costs under each mode, by index of [`mode_index`].
    dirty_fault: [f64; 2],
}

impl Kinds {
    /// Works them out.
    pub fn new(scenario: &Scenario) -> Self {
        let hosts: Vec<HostKind> = scenario
            .spec
            .hosts
            .iter()
            .map(|spec| HostKind::new(spec, scenario))
            .collect();
        let clock = scenario
            .spec
            .hosts
            .first()
            .map_or(Hertz(2_930_000_000), |host| host.clock);
        let costs = PagingCosts::new(&scenario.spec.policies.paging, clock);
        let vms = scenario
            .spec
            .vms
            .iter()
            .map(|spec| VmKind::new(spec, scenario, &costs))
            .collect();
        Self {
            hosts,
            vms,
            dirty_fault: dirty_faults(&scenario.spec.policies.migration, &costs),
        }
    }

    /// Seconds that a dirty log's first write to a page costs.
    pub const fn dirty_fault(&self, mode: PagingMode) -> f64 {
        self.dirty_fault[mode_index(mode)]
    }
}
