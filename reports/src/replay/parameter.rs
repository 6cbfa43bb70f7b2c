//! The parameters of the migration models: where each stands in a scenario, what it can be, and what to call it.

use twinrack_scenario::spec::ScenarioSpec;
use twinrack_scenario::spec::migration::MigrationPolicySpec;
use twinrack_scenario::spec::timings::TimingsSpec;
use twinrack_scenario::units::{Bytes, PerSecond, Ratio, SimDuration};

use super::fit::Free;

/// A parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Parameter {
    /// Share of the rate of network or cap that the stream of a migration reaches.
    Goodput,
    /// From the last byte of a round until the next begins.
    RoundTurn,
    /// Starting the log of written pages, for each GiB.
    LogStart,
    /// Bytes beside each page's own.
    PageHeader,
    /// Connection and skeleton VM.
    SetUp,
    /// What is added to it for each GiB of memory.
    SetUpPerGib,
    /// Stopping the processors, reading their state.
    Pause,
    /// What is added to it for each virtual processor beyond the first.
    PausePerVcpu,
    /// Bytes of the state.
    State,
    /// What is added to it for each virtual processor beyond the first.
    StatePerVcpu,
    /// Handing storage and ownership over.
    HandOver,
    /// Loading the state, starting the processors.
    Resume,
    /// What is added to it for each virtual processor beyond the first.
    ResumePerVcpu,
    /// Until the migration has ended.
    CleanUp,
    /// Page writes of all guests, times what the scenario says.
    DirtyRate,
    /// Pages that all guests write to, times what the scenario says.
    WorkingSet,
}

/// Whose parameter it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belongs {
    /// The host's: what `calibrate` fits and a profile holds.
    Host,
    /// The guests': a scenario says it.
    Guest,
}

/// What there is to say of a parameter.
struct Facts {
    name: &'static str,
    key: &'static str,
    unit: &'static str,
    range: (f64, f64),
    step: f64,
    belongs: Belongs,
}

impl Facts {
    /// Of a step of the host that takes at most so many seconds.
    const fn time(name: &'static str, key: &'static str, most: f64) -> Self {
        Self {
            name,
            key,
            unit: "s",
            range: (0.0, most),
            step: 1e-4,
            belongs: Belongs::Host,
        }
    }
}

impl Facts {
    /// Of bytes that the host adds, at most so many.
    const fn bytes(name: &'static str, key: &'static str, most: f64, step: f64) -> Self {
        Self {
            name,
            key,
            unit: "B",
            range: (0.0, most),
            step,
            belongs: Belongs::Host,
        }
    }

    /// Of the guests, times what the scenario says.
    const fn times(name: &'static str, key: &'static str) -> Self {
        Self {
            name,
            key,
            unit: "1",
            range: (0.1, 10.0),
            step: 1e-2,
            belongs: Belongs::Guest,
        }
    }
}

impl Parameter {
    /// All there are, in the order of a migration's steps; what grows with a guest's size stands behind what does not, which is
    /// taken where runs can't tell the two apart.
    pub const ALL: [Self; 16] = [
        Self::Goodput,
        Self::RoundTurn,
        Self::LogStart,
        Self::PageHeader,
        Self::SetUp,
        Self::SetUpPerGib,
        Self::Pause,
        Self::PausePerVcpu,
        Self::State,
        Self::StatePerVcpu,
        Self::HandOver,
        Self::Resume,
        Self::ResumePerVcpu,
        Self::CleanUp,
        Self::DirtyRate,
        Self::WorkingSet,
    ];

    /// What is added to a step for each GiB or each further virtual processor.
    pub const fn growth(self) -> Option<Self> {
        match self {
            Self::SetUp => Some(Self::SetUpPerGib),
            Self::Pause => Some(Self::PausePerVcpu),
            Self::State => Some(Self::StatePerVcpu),
            Self::Resume => Some(Self::ResumePerVcpu),
            _ => None,
        }
    }

    /// Those that one run can tell of: what grows with a guest's size shows among guests of several sizes alone.
    pub fn of_one_run() -> Vec<Self> {
        let growths: Vec<Self> = Self::ALL.into_iter().filter_map(Self::growth).collect();
        let mut all = Self::ALL.to_vec();
        all.retain(|own| !growths.contains(own));
        all
    }

    /// Those of a host.
    pub fn of_host() -> Vec<Self> {
        Self::ALL
            .into_iter()
            .filter(|own| own.belongs() == Belongs::Host)
            .collect()
    }

    const fn facts(self) -> Facts {
        match self {
            Self::Goodput => Facts {
                name: "goodput",
                key: "policies.migration.efficiency",
                unit: "1",
                range: (0.1, 2.0),
                step: 1e-3,
                belongs: Belongs::Host,
            },
            Self::RoundTurn => Facts::time("round turn", "policies.migration.timings.round", 1.0),
            Self::LogStart => Facts::time(
                "start of the log, each GiB",
                "policies.migration.timings.log_start",
                10.0,
            ),
            Self::PageHeader => Facts::bytes("page header", "policies.migration.page_header", 512.0, 4.0),
            Self::SetUp => Facts::time("set-up", "policies.migration.timings.setup", 60.0),
            Self::SetUpPerGib => Facts::time(
                "set-up, each GiB",
                "policies.migration.timings.setup_per_gib",
                60.0,
            ),
            Self::PausePerVcpu => Facts::time(
                "pause, each further processor",
                "policies.migration.timings.pause_per_vcpu",
                1.0,
            ),
            Self::StatePerVcpu => Facts::bytes(
                "state, each further processor",
                "policies.migration.timings.state_per_vcpu",
                1e8,
                1024.0,
            ),
            Self::ResumePerVcpu => Facts::time(
                "resume, each further processor",
                "policies.migration.timings.resume_per_vcpu",
                1.0,
            ),
            Self::Pause => Facts::time("pause", "policies.migration.timings.pause", 10.0),
            Self::State => Facts::bytes("state", "policies.migration.timings.state", 1e9, 4096.0),
            Self::HandOver => Facts::time("hand-over", "policies.migration.timings.csv_hand_over", 60.0),
            Self::Resume => Facts::time("resume", "policies.migration.timings.resume", 60.0),
            Self::CleanUp => Facts::time("clean-up", "policies.migration.timings.clean_up", 60.0),
            Self::DirtyRate => Facts::times("dirty rate", "vms.dirtying.rate"),
            Self::WorkingSet => Facts::times("working set", "vms.dirtying.size"),
        }
    }

    /// What to call it.
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// The key of the scenario that it stands for.
    pub const fn key(self) -> &'static str {
        self.facts().key
    }

    /// Its unit; 1 for what multiplies what the scenario says.
    pub const fn unit(self) -> &'static str {
        self.facts().unit
    }

    /// Whose it is.
    pub const fn belongs(self) -> Belongs {
        self.facts().belongs
    }

    /// Whether it multiplies: the signs of an error of twice and of half are alike.
    pub const fn multiplies(self) -> bool {
        matches!(self, Self::Goodput | Self::DirtyRate | Self::WorkingSet)
    }

    /// As a parameter of a fit that starts at a value.
    pub fn free(self, start: f64) -> Free {
        let facts = self.facts();
        Free {
            start,
            least: facts.range.0,
            most: facts.range.1.max(start),
            step: facts.step,
        }
    }

    /// What a scenario has for it, defaults of its policy filled in.
    pub fn of(self, spec: &ScenarioSpec) -> f64 {
        let migration = &spec.policies.migration;
        let timings = migration.timings.filled(migration.policy.as_ref());
        let seconds = |time: Option<SimDuration>| time.unwrap_or_default().as_secs_f64();
        match self {
            Self::Goodput => migration.efficiency.map_or(1.0, |share| share.0),
            Self::RoundTurn => seconds(timings.round),
            Self::LogStart => seconds(timings.log_start),
            Self::PageHeader => header(migration),
            Self::SetUp => seconds(timings.setup) + seconds(timings.validation),
            Self::SetUpPerGib => seconds(timings.setup_per_gib),
            Self::Pause => seconds(timings.pause),
            Self::PausePerVcpu => seconds(timings.pause_per_vcpu),
            Self::State => timings.state.unwrap_or_default().as_f64(),
            Self::StatePerVcpu => timings.state_per_vcpu.unwrap_or_default().as_f64(),
            Self::ResumePerVcpu => seconds(timings.resume_per_vcpu),
            Self::HandOver => seconds(timings.csv_hand_over),
            Self::Resume => seconds(timings.resume),
            Self::CleanUp => seconds(timings.clean_up) + seconds(timings.announce),
            Self::DirtyRate | Self::WorkingSet => 1.0,
        }
    }

    /// Whether a scenario says it itself: its own numbers win over what a log measured and over a profile.
    pub fn is_stated(self, spec: &ScenarioSpec) -> bool {
        let migration = &spec.policies.migration;
        let timings = &migration.timings;
        match self {
            Self::Goodput => migration.efficiency.is_some(),
            Self::PageHeader => migration.page_header.is_some(),
            Self::RoundTurn => timings.round.is_some(),
            Self::LogStart => timings.log_start.is_some(),
            Self::SetUp => timings.setup.is_some(),
            Self::SetUpPerGib => timings.setup_per_gib.is_some(),
            Self::Pause => timings.pause.is_some(),
            Self::PausePerVcpu => timings.pause_per_vcpu.is_some(),
            Self::StatePerVcpu => timings.state_per_vcpu.is_some(),
            Self::ResumePerVcpu => timings.resume_per_vcpu.is_some(),
            Self::State => timings.state.is_some(),
            Self::HandOver => timings.csv_hand_over.is_some(),
            Self::Resume => timings.resume.is_some(),
            Self::CleanUp => timings.clean_up.is_some(),
            Self::DirtyRate | Self::WorkingSet => true,
        }
    }

    /// Puts a value into a scenario. One that multiplies must be put into a scenario as it was read, once.
    pub fn put(self, value: f64, spec: &mut ScenarioSpec) {
        match self {
            Self::Goodput => spec.policies.migration.efficiency = Some(Ratio(value)),
            Self::PageHeader => spec.policies.migration.page_header = Some(bytes(value)),
            Self::DirtyRate => {
                for class in spec.vms.iter_mut().flat_map(|vm| &mut vm.dirtying) {
                    class.rate = PerSecond(class.rate.0 * value);
                }
            }
            Self::WorkingSet => {
                for vm in &mut spec.vms {
                    let memory = vm.memory.value;
                    for class in &mut vm.dirtying {
                        let size = class.size.unwrap_or(memory).as_f64() * value;
                        class.size = Some(bytes(size).min(memory));
                    }
                }
            }
            _ => self.put_timing(value, &mut spec.policies.migration.timings),
        }
    }

    fn put_timing(self, value: f64, timings: &mut TimingsSpec) {
        let time = Some(SimDuration::from_secs_f64(value));
        let none = Some(SimDuration::ZERO);
        match self {
            Self::RoundTurn => timings.round = time,
            Self::LogStart => timings.log_start = time,
            Self::SetUp => (timings.validation, timings.setup) = (none, time),
            Self::SetUpPerGib => timings.setup_per_gib = time,
            Self::Pause => timings.pause = time,
            Self::PausePerVcpu => timings.pause_per_vcpu = time,
            Self::StatePerVcpu => timings.state_per_vcpu = Some(bytes(value)),
            Self::ResumePerVcpu => timings.resume_per_vcpu = time,
            Self::State => timings.state = Some(bytes(value)),
            Self::HandOver => (timings.csv_hand_over, timings.lun_hand_over) = (time, time),
            Self::Resume => timings.resume = time,
            Self::CleanUp => (timings.announce, timings.clean_up) = (none, time),
            Self::Goodput | Self::PageHeader | Self::DirtyRate | Self::WorkingSet => {}
        }
    }
}

fn bytes(value: f64) -> Bytes {
    Bytes((value.max(0.0) + 0.5) as u64)
}

/// Bytes beside each page's own, with the default of the policy.
fn header(migration: &MigrationPolicySpec) -> f64 {
    use twinrack_scenario::spec::migration::PrecopyPolicySpec::{PostCopy, Qemu};
    let own = if matches!(migration.policy, Some(Qemu(_) | PostCopy(_))) {
        8.0
    } else {
        0.0
    };
    migration.page_header.map_or(own, Bytes::as_f64)
}

#[cfg(test)]
mod tests {
    use twinrack_scenario::Scenario;

    use super::*;

    #[test]
    fn what_is_put_into_a_scenario_is_read_from_it_again() {
        let yaml = "name: a\nduration: 1s\nhosts: [{name: n, memory: 8GiB}]\n\
                    vms: [{name: v, host: n, memory: 1GiB, dirtying: [{rate: 1000/s}]}]\n";
        for parameter in Parameter::ALL {
            let mut spec = Scenario::from_yaml(yaml).expect("valid").spec;
            parameter.put(0.5, &mut spec);
            match parameter {
                Parameter::DirtyRate => assert_eq!(spec.vms[0].dirtying[0].rate, PerSecond(500.0)),
                Parameter::WorkingSet => assert_eq!(spec.vms[0].dirtying[0].size, Some(Bytes(512 << 20))),
                Parameter::PageHeader | Parameter::State | Parameter::StatePerVcpu => {
                    assert_eq!(parameter.of(&spec), 1.0, "whole bytes");
                }
                _ => assert!((parameter.of(&spec) - 0.5).abs() < 1e-9, "{}", parameter.name()),
            }
        }
    }
}
