//! Meters: totals over all hosts, kept exact while hosts change one by one.

use twinrack_scenario::record::{Distribution, Level};
use twinrack_scenario::units::{SimDuration, SimTime};

use super::cores::Cores;
use super::kinds::Kinds;
use super::state::{Host, State};

/// Timer interrupts that an awake idle processor takes each second: one every 15.625 ms.
pub const TICKS_PER_SECOND: f64 = 64.0;

/// A ratio of totals.
#[derive(Clone, Copy)]
pub struct Ratio {
    /// Its figure.
    pub name: &'static str,
    /// Part and whole.
    pub of: fn(&Meters) -> (&Level, &Level),
}

/// All of them.
const RATIOS: [Ratio; 5] = {
    const fn ratio(name: &'static str, of: fn(&Meters) -> (&Level, &Level)) -> Ratio {
        Ratio { name, of }
    }
    [
        ratio("cpu.utilisation", |own| (&own.busy, &own.capacity)),
        ratio("cpu.hypervisor", |own| (&own.paging, &own.capacity)),
        ratio("cpu.migration", |own| (&own.migrating, &own.capacity)),
        ratio("hosts.overloaded", |own| (&own.short, &own.active)),
        ratio("vms.per_host", |own| (&own.running, &own.active)),
    ]
};

/// The totals.
#[derive(Debug, Clone)]
pub struct Meters {
    /// Time for a parked processor to wake.
    pub wake: SimDuration,
    /// Watts of all hosts.
    pub power: Level,
    /// Hosts that are up.
    pub active: Level,
    /// Logical processors of hosts that are up.
    pub capacity: Level,
    /// Logical processors busy.
    pub busy: Level,
    /// Logical processors busy with paging.
    pub paging: Level,
    /// Logical processors busy with migrations.
    pub migrating: Level,
    /// Logical processors parked.
    pub parked: Level,
    /// Hosts whose work asks for more than they have.
    pub short: Level,
    /// VMs that run.
    pub running: Level,
    /// Migrations under way.
    pub moving: Level,
    /// Logical processors busy with receiving.
    pub receiving: Level,
    ratios: [Level; RATIOS.len()],
    /// How cores spend their time.
    pub cores: Cores,
    /// From a rise of load until the processors for it were awake.
    pub unpark: Distribution,
    /// From a fall of load until the processors it left were parked.
    pub park: Distribution,
    /// Processor time that the dirty log of a migration cost its VM.
    pub logging: Distribution,
    /// Of each host what of these totals is its own.
    overheads_of: Vec<Overheads>,
}

/// Work on a host that is not its VMs' own, in logical processors.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overheads {
    /// The hypervisor's for paging.
    pub paging: f64,
    /// Sending and receiving migrations.
    pub migrating: f64,
    /// Receiving the VMs' traffic.
    pub receiving: f64,
}

impl Meters {
    /// Meters of a datacenter whose hosts are all up and idle.
    pub fn new(state: &State, kinds: &Kinds, wake: SimDuration) -> Self {
        let level = |value: f64| Level::new(SimTime::ZERO, value);
        let capacity: f64 = state
            .hosts
            .iter()
            .map(|host| f64::from(kinds.hosts[host.group as usize].processors))
            .sum();
        Self {
            wake,
            power: level(0.0),
            active: level(state.hosts.len() as f64),
            capacity: level(capacity),
            busy: level(0.0),
            paging: level(0.0),
            migrating: level(0.0),
            parked: level(0.0),
            short: level(0.0),
            running: level(0.0),
            moving: level(0.0),
            receiving: level(0.0),
            ratios: RATIOS.map(|_| level(0.0)),
            cores: Cores::new(state, kinds),
            unpark: Distribution::default(),
            park: Distribution::default(),
            logging: Distribution::default(),
            overheads_of: vec![Overheads::default(); state.hosts.len()],
        }
    }

    /// A host was computed: `before` still has its old values.
    pub fn host(&mut self, now: SimTime, before: &Host, busy: f64, watts: f64, short: bool) {
        self.power.replace(now, before.watts, watts);
        self.busy.replace(now, before.busy, busy);
        self.short
            .replace(now, f64::from(u8::from(before.short)), f64::from(u8::from(short)));
    }

    /// The work on a host that is not its VMs' own, as it is now.
    pub fn overheads(&mut self, now: SimTime, index: usize, work: Overheads) {
        let before = std::mem::replace(&mut self.overheads_of[index], work);
        self.paging.replace(now, before.paging, work.paging);
        self.migrating.replace(now, before.migrating, work.migrating);
        self.receiving.replace(now, before.receiving, work.receiving);
    }

    /// A host can run VMs from now on, or no longer.
    pub fn host_up(&mut self, now: SimTime, host: &Host, kinds: &Kinds, up: bool) {
        let processors = f64::from(kinds.hosts[host.group as usize].processors);
        let sign = |amount: f64| if up { (0.0, amount) } else { (amount, 0.0) };
        let (from, to) = sign(1.0);
        self.active.replace(now, from, to);
        let (from, to) = sign(processors);
        self.capacity.replace(now, from, to);
        let (from, to) = sign(processors - f64::from(host.awake));
        self.parked.replace(now, from, to);
    }

    /// A host has another number of processors awake, `since` its load last changed.
    pub fn parked(&mut self, now: SimTime, before: u32, awake: u32, since: SimDuration) {
        self.parked.replace(now, -f64::from(before), -f64::from(awake));
        if awake > before {
            self.unpark.add(since.as_secs_f64() + self.wake.as_secs_f64());
        } else {
            self.park.add(since.as_secs_f64());
        }
    }

    /// More or fewer VMs run.
    pub fn vms_running(&mut self, now: SimTime, change: f64) {
        self.running.replace(now, 0.0, change);
    }

    /// More or fewer migrations are under way.
    pub fn moves(&mut self, now: SimTime, change: f64) {
        self.moving.replace(now, 0.0, change);
    }

    /// A migration whose dirty log cost its VM such processor time has ended.
    pub fn dirty_faults(&mut self, seconds: f64) {
        if seconds > 0.0 {
            self.logging.add(seconds);
        }
    }

    /// The instant is settled.
    pub fn close(&mut self, now: SimTime) {
        for (at, ratio) in RATIOS.iter().enumerate() {
            let (part, whole) = (ratio.of)(self);
            let (part, whole) = (part.value(), whole.value());
            self.ratios[at].set(now, if whole > 0.0 { part / whole } else { 0.0 });
        }
    }

    /// The ratios and how they stood.
    pub fn ratios(&self) -> impl Iterator<Item = (&'static Ratio, &Level)> {
        RATIOS.iter().zip(&self.ratios)
    }

    /// Use of the processors of hosts that are up, at present.
    pub fn utilisation(&self) -> f64 {
        self.ratios[0].value()
    }
}
