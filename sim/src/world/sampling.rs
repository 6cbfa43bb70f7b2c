//! Sampling: the time series of a run, in total and, where there are few, for each host.

use twinrack_control::fabric::HostState;
use twinrack_scenario::Scenario;
use twinrack_scenario::record::Sample;
use twinrack_scenario::units::{SimDuration, SimTime};

use super::body::{Body, Happening};

/// Samples of a run that does not say how many it wants.
const SAMPLES: u64 = 288;
/// Up to so many hosts have series of their own.
const HOSTS_APART: usize = 64;

/// When samples are taken.
#[derive(Debug, Clone, Copy)]
pub struct Sampler {
    interval: SimDuration,
}

impl Sampler {
    /// As the scenario says, or a 288th of its duration.
    pub fn new(scenario: &Scenario) -> Self {
        let default = SimDuration::from_nanos((scenario.spec.duration.value.as_nanos() / SAMPLES).max(1));
        Self {
            interval: scenario.spec.sampling.unwrap_or(default),
        }
    }
}

impl Body<'_> {
    /// The instant is settled: totals are closed, and sampled if that is due.
    pub(super) fn close_instant(&mut self) {
        let now = self.engine.now();
        self.meters.close(now);
        if std::mem::take(&mut self.sample_due) {
            self.sample(now);
            let next = now + self.sampler.interval;
            self.schedule(next, Happening::Sample);
        }
    }

    /// Takes the last sample, at the end of the run.
    pub(super) fn sample_end(&mut self, end: SimTime) {
        let last = self.series.samples.last().map(|sample| sample.t_s);
        if last.is_none_or(|t_s| t_s < end.as_secs_f64()) {
            self.sample(end);
        }
    }

    fn sample(&mut self, now: SimTime) {
        let carried: f64 = self
            .links
            .networks
            .iter()
            .map(|network| network.fluid.carried())
            .sum();
        let totals = [
            ("power_w", self.meters.power.value()),
            ("energy_kwh", self.meters.power.integral(now) / 3.6e6),
            ("utilisation", self.meters.utilisation()),
            ("hosts_active", self.meters.active.value()),
            ("cores_parked", self.meters.parked.value()),
            ("vms_running", self.meters.running.value()),
            ("migrations", self.meters.moving.value()),
            ("net_bps", carried),
        ];
        for (metric, value) in totals {
            self.put(now, "total", metric, value);
        }
        self.spread(now);
        if self.state.hosts.len() <= HOSTS_APART {
            self.each_host(now);
        }
    }

    /// How use is spread over the hosts that are up.
    fn spread(&mut self, now: SimTime) {
        let mut uses: Vec<f64> = Vec::with_capacity(self.state.hosts.len());
        for host in self.state.hosts.iter().filter(|host| host.state == HostState::Up) {
            uses.push(host.busy / f64::from(self.kinds.hosts[host.group as usize].processors));
        }
        let mut at = |percent: usize| {
            let rank = (uses.len() * percent).div_ceil(100).saturating_sub(1);
            let found = rank < uses.len();
            found.then(|| *uses.select_nth_unstable_by(rank, f64::total_cmp).1)
        };
        for (metric, value) in [
            ("utilisation_p5", at(5)),
            ("utilisation_p50", at(50)),
            ("utilisation_p95", at(95)),
        ] {
            if let Some(value) = value {
                self.put(now, "total", metric, value);
            }
        }
    }

    fn each_host(&mut self, now: SimTime) {
        for index in 0..self.state.hosts.len() {
            let host = &self.state.hosts[index];
            let processors = self.kinds.hosts[host.group as usize].processors;
            let values = [
                ("power_w", host.watts),
                ("utilisation", host.busy / f64::from(processors)),
                ("cores_parked", f64::from(processors - host.awake)),
                ("vms", host.vms.len() as f64),
            ];
            let entity = format!("host:{}", self.scenario.hosts.name(index as u32));
            for (metric, value) in values {
                self.put(now, &entity, metric, value);
            }
        }
    }

    fn put(&mut self, now: SimTime, entity: &str, metric: &str, value: f64) {
        let (entity, metric) = (self.series.entity(entity), self.series.metric(metric));
        self.series.samples.push(Sample {
            t_s: now.as_secs_f64(),
            entity,
            metric,
            value,
        });
    }
}
