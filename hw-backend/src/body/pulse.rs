//! Whether agents live, and how their clocks go.
//!
//! An agent says every second that it lives, on a thread of its own, however long the order takes that it is at. One that has not been heard
//! of for as long as [`Options`](super::Options) allow counts as dead: its process is killed, so that no guest of it runs on, and its host has lost power. A process that
//! was stopped, a machine that hangs, and a network that fails are all told that way.

use std::time::{Duration, Instant};

use twinrack_scenario::HostId;
use twinrack_scenario::record::Figures;

use super::{Body, Pending, RunError};
use crate::lab::clock::{Drift, TRIPS};
use crate::lab::protocol::{Ask, BEAT};

/// How often its clock is compared by one trip more.
const EVERY: Duration = Duration::from_secs(2);

/// How long agents may be silent, when their clocks were asked last, and what they came to.
#[derive(Debug)]
pub struct Clocks {
    silence: Duration,
    asked: Option<Instant>,
    /// When agents were looked after last.
    looked: Instant,
    drifts: Vec<Drift>,
}

impl Clocks {
    /// Nothing was asked yet.
    pub fn new(silence: Duration) -> Self {
        Self {
            silence,
            asked: None,
            looked: Instant::now(),
            drifts: Vec::new(),
        }
    }
}

impl Body<'_> {
    fn agents(&self) -> Vec<HostId> {
        let hosts = (0..self.scenario.hosts.len()).map(HostId);
        hosts
            .filter(|host| self.hosts[host.index()].agent.is_some())
            .collect()
    }

    /// Kills agents that have been silent for too long, and asks the others for the time now and then.
    pub(super) fn look_after_agents(&mut self) {
        let looked = std::mem::replace(&mut self.clocks.looked, Instant::now());
        if looked.elapsed() > 2 * BEAT {
            // We were away ourselves, and what was said meanwhile is not heard yet.
            self.agents().into_iter().for_each(|host| self.heard_of(host));
        }
        for host in self.agents() {
            let agent = self.hosts[host.index()].agent.as_ref();
            if agent.is_some_and(|agent| agent.heard.elapsed() > self.clocks.silence) {
                self.advance(self.clock());
                self.crash(host);
            }
        }
        if self.clocks.asked.is_none_or(|asked| asked.elapsed() >= EVERY) {
            self.clocks.asked = Some(Instant::now());
            for host in self.agents() {
                self.ask(host, Ask::Ping, Pending::Time(Instant::now()));
            }
        }
    }

    /// An agent said something.
    pub(super) fn heard_of(&mut self, host: HostId) {
        if let Some(agent) = &mut self.hosts[host.index()].agent {
            agent.heard = Instant::now();
        }
    }

    /// An agent told the time, which it was asked for then.
    pub(super) fn time_told(&mut self, host: HostId, asked: Instant, told: Duration) {
        if let Some(agent) = &mut self.hosts[host.index()].agent {
            agent.clock.trip(asked, Instant::now(), told);
        }
    }

    /// Compares all clocks once more, and notes how far each has gone.
    pub(super) fn compare_clocks(&mut self) -> Result<(), RunError> {
        // As many as make a comparison whole, whatever the present one had already; then one with nothing else under way.
        for _ in 0..2 * TRIPS - 1 {
            for host in self.agents() {
                self.ask(host, Ask::Ping, Pending::Time(Instant::now()));
            }
            self.settle_pending()?;
        }
        let agents = self.hosts.iter().filter_map(|host| host.agent.as_ref());
        self.clocks.drifts = agents.filter_map(|agent| agent.clock.drift()).collect();
        Ok(())
    }

    /// How well the agents' times are known.
    pub(super) fn tell_clocks(&self, figures: &mut Figures) {
        let most = |of: fn(&Drift) -> Duration| self.clocks.drifts.iter().map(of).max();
        if let (Some(gone), Some(error)) = (most(|drift| drift.gone), most(|drift| drift.error)) {
            figures.number("lab.clock_drift_s.max", gone.as_secs_f64());
            figures.number("lab.clock_error_s.max", error.as_secs_f64());
        }
    }
}
