//! Workloads: demand over time, as a sequence of levels that each hold until the next change; the same for both bodies.

use crate::random::{Rng, Streams};
use crate::scenario::Scenario;
use crate::spec::workload::{BurstySpec, DiurnalSpec, StepsSpec, TraceOrder, WorkloadKind};
use crate::trace::Trace;
use crate::units::{SimDuration, SimTime};

/// A demand that all its VMs follow at the same instants.
#[derive(Debug, Clone, Copy)]
pub struct Shared<'a> {
    kind: &'a WorkloadKind,
    trace: Option<&'a Trace>,
}

impl<'a> Shared<'a> {
    /// The shared course of a workload; `None` for a bursty one, whose VMs each go their own way.
    pub const fn new(kind: &'a WorkloadKind, trace: Option<&'a Trace>) -> Option<Self> {
        match kind {
            WorkloadKind::Bursty(_) => None,
            _ => Some(Self { kind, trace }),
        }
    }

    /// The level that holds from `now` on for the VM that is number `member` of those that follow the workload.
    pub fn level(&self, now: SimTime, member: u32) -> f64 {
        match self.kind {
            WorkloadKind::Constant(spec) => spec.cpu.0,
            WorkloadKind::Steps(spec) => step_level(spec, now),
            WorkloadKind::Diurnal(spec) => wave_level(spec, now),
            WorkloadKind::Trace(spec) => {
                let sample = now.as_nanos() / spec.interval.as_nanos().max(1);
                self.sample(member, sample) * spec.scale.0
            }
            WorkloadKind::Bursty(_) => 0.0,
        }
    }

    /// When the level next may change.
    pub fn next_change(&self, now: SimTime) -> Option<SimTime> {
        match self.kind {
            WorkloadKind::Constant(_) | WorkloadKind::Bursty(_) => None,
            WorkloadKind::Steps(spec) => spec
                .steps
                .iter()
                .map(|step| SimTime::ZERO + step.at)
                .filter(|at| *at > now)
                .min(),
            WorkloadKind::Diurnal(spec) => Some(next_multiple(now, spec.interval)),
            WorkloadKind::Trace(spec) => Some(next_multiple(now, spec.interval)),
        }
    }

    /// A sample of a row as a share; the last sample holds on beyond the end, as the day's last value.
    fn sample(&self, member: u32, sample: u64) -> f64 {
        let Some(trace) = self.trace.filter(|trace| !trace.is_empty()) else {
            return 0.0;
        };
        let row = trace.row(member as usize % trace.len());
        let index = usize::try_from(sample)
            .unwrap_or(usize::MAX)
            .min(row.len().saturating_sub(1));
        row.get(index).map_or(0.0, |percent| f64::from(*percent) / 100.0)
    }
}

fn step_level(spec: &StepsSpec, now: SimTime) -> f64 {
    let reached = spec.steps.iter().filter(|step| SimTime::ZERO + step.at <= now);
    reached.max_by_key(|step| step.at).map_or(0.0, |step| step.cpu.0)
}

fn wave_level(spec: &DiurnalSpec, now: SimTime) -> f64 {
    // Whole nanoseconds modulo the period first: the phase stays exact however long the run.
    let period = spec.period.as_nanos().max(1);
    let phase = (now.as_nanos() % period + period - spec.peak.as_nanos() % period) % period;
    let wave = libm::cos(std::f64::consts::TAU * phase as f64 / period as f64);
    (spec.mean.0 + spec.amplitude.0 * wave).clamp(0.0, 1.0)
}

fn next_multiple(now: SimTime, interval: SimDuration) -> SimTime {
    let step = interval.as_nanos().max(1);
    SimTime::from_nanos((now.as_nanos() / step + 1).saturating_mul(step))
}

/// The row that each VM of some groups draws from the trace, by its own stream: one VM more changes nobody else's. Empty where rows are
/// dealt.
pub fn drawn(scenario: &Scenario, kind: &WorkloadKind, groups: &[usize], streams: Streams) -> Vec<u32> {
    let drawn = matches!(kind, WorkloadKind::Trace(spec) if spec.order == TraceOrder::Drawn);
    let Some(trace) = scenario.trace.as_ref().filter(|trace| drawn && !trace.is_empty()) else {
        return Vec::new();
    };
    let members = groups.iter().flat_map(|group| scenario.vms.members(*group));
    members
        .map(|vm| {
            let bits = streams
                .stream(&format!("vm:{}", scenario.vms.name(vm)), "trace")
                .bits();
            // The high half of the product (Lemire 2019): a row more or less often by at most len / 2^64.
            ((u128::from(bits) * trace.len() as u128) >> 64) as u32
        })
        .collect()
}

/// The groups of VMs that follow a workload, by its name.
pub fn followers(scenario: &Scenario, name: &str) -> Vec<usize> {
    let vms = scenario.spec.vms.iter().enumerate();
    vms.filter(|(_, vm)| vm.workload.as_ref().is_some_and(|own| own.value == name))
        .map(|(group, _)| group)
        .collect()
}

/// The course of one bursty VM.
#[derive(Debug, Clone)]
pub struct Burst {
    rng: Rng,
    state: usize,
}

impl Burst {
    /// Begins in a state drawn in proportion to the mean stays: the process is stationary from the start.
    pub fn new(spec: &BurstySpec, mut rng: Rng) -> Self {
        let total: u64 = spec.states.iter().map(|state| state.stay.as_nanos()).sum();
        let mut left = rng.below(total.max(1));
        let mut state = 0;
        for (index, candidate) in spec.states.iter().enumerate() {
            state = index;
            if left < candidate.stay.as_nanos() {
                break;
            }
            left -= candidate.stay.as_nanos();
        }
        Self { rng, state }
    }

    /// The present level.
    pub fn level(&self, spec: &BurstySpec) -> f64 {
        spec.states.get(self.state).map_or(0.0, |state| state.cpu.0)
    }

    /// How long the present state lasts; `None` when there is no other to go to.
    pub fn stay(&mut self, spec: &BurstySpec) -> Option<SimDuration> {
        if spec.states.len() < 2 {
            return None;
        }
        let mean = spec.states.get(self.state)?.stay.as_secs_f64();
        Some(SimDuration::from_secs_f64(self.rng.exponential(mean)))
    }

    /// Goes to another state, any with equal chance.
    pub fn change(&mut self, spec: &BurstySpec) {
        let others = spec.states.len().saturating_sub(1) as u64;
        let pick = self.rng.below(others) as usize;
        self.state = if pick < self.state { pick } else { pick + 1 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Decoder, Field};
    use crate::fault::SourceId;
    use crate::yaml::parse;

    fn kind(text: &str) -> WorkloadKind {
        let (node, _) = parse(text, SourceId(0)).expect("valid YAML");
        let mut decoder = Decoder::default();
        WorkloadKind::decode(&node, &mut decoder).unwrap_or_else(|| panic!("{:?}", decoder.faults))
    }

    fn at(seconds: u64) -> SimTime {
        SimTime::from_secs(seconds)
    }

    #[test]
    fn steps_hold_until_the_next() {
        let kind = kind("{steps: {steps: [{at: 10s, cpu: 20%}, {at: 60s, cpu: 75%}]}}");
        let shared = Shared::new(&kind, None).expect("shared");
        assert_eq!(
            [0, 10, 59, 60, 99].map(|t| shared.level(at(t), 0)),
            [0.0, 0.2, 0.2, 0.75, 0.75]
        );
        assert_eq!(shared.next_change(at(10)), Some(at(60)));
        assert_eq!(shared.next_change(at(60)), None);
    }

    #[test]
    fn a_day_peaks_where_it_says() {
        let kind = kind("{diurnal: {mean: 40%, amplitude: 30%, peak: 14h}}");
        let shared = Shared::new(&kind, None).expect("shared");
        assert!((shared.level(at(14 * 3600), 0) - 0.7).abs() < 1e-12);
        assert!((shared.level(at(2 * 3600), 0) - 0.1).abs() < 1e-12);
        assert_eq!(shared.next_change(at(1)), Some(at(300)));
    }

    #[test]
    fn rows_are_dealt_round() {
        let trace = Trace {
            names: vec!["a".into(), "b".into()],
            samples: vec![10, 20, 30, 40],
            row_length: 2,
        };
        let kind = kind("{trace: {interval: 5min}}");
        let shared = Shared::new(&kind, Some(&trace)).expect("shared");
        assert_eq!(
            [0, 1, 2].map(|member| shared.level(at(299), member)),
            [0.1, 0.3, 0.1]
        );
        assert_eq!(shared.level(at(300), 0), 0.2);
        assert_eq!(shared.level(at(9000), 1), 0.4, "the last sample holds on");
    }

    #[test]
    fn bursts_have_the_mean_of_their_states() {
        let kind = kind("{bursty: {states: [{cpu: 10%, stay: 30s}, {cpu: 90%, stay: 10s}]}}");
        let WorkloadKind::Bursty(spec) = &kind else {
            panic!("bursty")
        };
        let (mut integral, mut time) = (0.0, 0.0);
        for vm in 0..200 {
            let mut burst = Burst::new(spec, Streams::new(1).stream(&format!("vm:{vm}"), "burst"));
            for _ in 0..50 {
                let stay = burst.stay(spec).expect("two states").as_secs_f64();
                integral += burst.level(spec) * stay;
                time += stay;
                burst.change(spec);
            }
        }
        // (30 s * 10 % + 10 s * 90 %) / 40 s; over 10,000 stays the standard error is about 0.004.
        assert!((integral / time - 0.3).abs() < 0.016, "{}", integral / time);
    }
}
