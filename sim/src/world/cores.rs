//! Meters of cores: how much of their time they run, wake and idle in each state, and at which clock.

use twinrack_scenario::record::Level;
use twinrack_scenario::record::figure::kind_of;
use twinrack_scenario::units::SimTime;

use super::kinds::{HostKind, Kinds};
use super::state::State;
use crate::model::power::Draw;

/// Running.
const RUNNING: &str = "c0";
/// On the way out of an idle state.
const WAKING: &str = "waking";
/// Idle where no state is known.
const HALT: &str = "halt";
/// Parked where no state is known.
const PARKED: &str = "parked";
/// A state that has no figure of its own.
const OTHER: &str = "other";

/// Logical processors in each state, over all hosts that are up.
#[derive(Debug, Clone)]
pub struct Cores {
    names: Vec<String>,
    levels: Vec<Level>,
    /// Sum of the clocks of logical processors in gigahertz, where there is more than one.
    clock: Option<Level>,
    /// For each kind of host where its states are, shallowest first.
    states: Vec<Vec<usize>>,
    parked: Vec<usize>,
    /// For each host what it has in each level, and its part of the clock.
    hosts: Vec<f64>,
    known: bool,
    next: Vec<f64>,
}

impl Cores {
    /// Meters for the states that the hosts of a scenario have.
    pub fn new(state: &State, kinds: &Kinds) -> Self {
        let mut names = vec![RUNNING.to_owned(), WAKING.to_owned()];
        let mut place = |name: &str| {
            let known = kind_of(&format!("cores.residency.{name}")).map_or(OTHER, |_| name);
            names.iter().position(|own| own == known).unwrap_or_else(|| {
                names.push(known.to_owned());
                names.len() - 1
            })
        };
        let (mut states, mut parked) = (Vec::new(), Vec::new());
        for kind in &kinds.hosts {
            let own: Vec<usize> = kind.idle_states.iter().map(|name| place(name)).collect();
            parked.push(own.last().copied().unwrap_or_else(|| place(PARKED)));
            states.push(if own.is_empty() { vec![place(HALT)] } else { own });
        }
        let level = || Level::new(SimTime::ZERO, 0.0);
        let width = names.len() + 1;
        Self {
            levels: names.iter().map(|_| level()).collect(),
            clock: kinds.hosts.iter().any(|kind| kind.clocks > 0).then(level),
            known: kinds.hosts.iter().any(|kind| !kind.idle_states.is_empty()),
            hosts: vec![0.0; width * state.hosts.len()],
            next: vec![0.0; width],
            names,
            states,
            parked,
        }
    }

    /// Whether the idle states of some host are known.
    pub const fn is_known(&self) -> bool {
        self.known
    }

    /// A host of kind `group` was computed; `None` when it is not up.
    pub fn host(&mut self, now: SimTime, host: usize, group: usize, kind: &HostKind, draw: Option<&Draw>) {
        self.next.fill(0.0);
        if let Some(draw) = draw {
            self.fill(group, kind, draw);
        }
        let width = self.next.len();
        let before = &mut self.hosts[host * width..(host + 1) * width];
        let levels = self.levels.iter_mut().map(Some).chain([self.clock.as_mut()]);
        for ((level, from), to) in levels.zip(before).zip(&self.next) {
            if let Some(level) = level.filter(|_| from.to_bits() != to.to_bits()) {
                level.replace(now, *from, *to);
                *from = *to;
            }
        }
    }

    fn fill(&mut self, group: usize, kind: &HostKind, draw: &Draw) {
        let all = f64::from(kind.processors);
        let awake = all - f64::from(draw.parked);
        let states = &self.states[group];
        self.next[0] = awake * draw.running;
        self.next[1] = awake * draw.time.waking;
        for (at, share) in states.iter().zip(&draw.time.states) {
            self.next[*at] += awake * share;
        }
        // A thread that idles while another of its core runs can be no deeper than the shallowest state.
        let told: f64 = draw.time.states.iter().sum();
        if let Some(shallowest) = states.first() {
            self.next[*shallowest] += awake * (1.0 - draw.running - draw.time.waking - told).max(0.0);
        }
        self.next[self.parked[group]] += f64::from(draw.parked);
        if let Some(clock) = self.next.last_mut() {
            *clock = all * draw.clock.hertz / 1e9;
        }
    }

    /// Logical processors in each state, by the name of its figure.
    pub fn residency(&self) -> impl Iterator<Item = (&str, &Level)> {
        self.names.iter().map(String::as_str).zip(&self.levels)
    }

    /// The sum of the clocks of logical processors in gigahertz, where they have more than one.
    pub const fn clock(&self) -> Option<&Level> {
        self.clock.as_ref()
    }
}
