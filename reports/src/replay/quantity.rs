//! What is compared of a run: for each migration its steps and rounds, each with what it may differ by without a reason.
//!
//! Rounds hang on each other: a round sends what was written during the one before. What a round may differ by therefore holds the
//! chance in the number of those pages, about half of its root for a guest that writes at random, and what a page takes.

use std::collections::BTreeMap;

use twinrack_scenario::spec::ScenarioSpec;

use super::parameter::Parameter;
use crate::run::{MigrationStory, RoundStory, Run};

/// What of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// From its start until the first page was sent.
    SetUp,
    /// Time of a round.
    RoundTime(u64),
    /// Bytes of a round.
    RoundBytes(u64),
    /// Pages written during a round.
    Dirtied(u64),
    /// Stopping the processors and reading their state.
    Pause,
    /// From the commit until the target had the VM.
    HandOver,
    /// The rest of the black-out: sending what was left, loading it, starting.
    CopyAndResume,
    /// From the pause until the hand-over, where the lab does not tell its parts.
    Halt,
    /// From the hand-over until it ran.
    Resume,
    /// From then until the migration had ended.
    CleanUp,
    /// All bytes.
    Bytes,
}

impl What {
    /// What to call it.
    pub fn name(self) -> String {
        match self {
            Self::SetUp => "set-up".to_owned(),
            Self::RoundTime(round) => format!("round {round}, time"),
            Self::RoundBytes(round) => format!("round {round}, bytes"),
            Self::Dirtied(round) => format!("round {round}, pages written meanwhile"),
            Self::Pause => "black-out: stop".to_owned(),
            Self::HandOver => "black-out: hand-over".to_owned(),
            Self::CopyAndResume => "black-out: send, load, start".to_owned(),
            Self::Halt => "black-out until the hand-over".to_owned(),
            Self::Resume => "black-out after the hand-over".to_owned(),
            Self::CleanUp => "clean-up".to_owned(),
            Self::Bytes => "bytes in all".to_owned(),
        }
    }

    /// Its unit.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::RoundBytes(_) | Self::Bytes => "B",
            Self::Dirtied(_) => "1",
            _ => "s",
        }
    }

    const fn is_of_a_round(self) -> bool {
        matches!(self, Self::RoundTime(_) | Self::RoundBytes(_) | Self::Dirtied(_))
    }
}

/// Which migration of which VM, and what of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The VM.
    pub vm: String,
    /// The how manyth of its moves, from 1.
    pub move_number: usize,
    /// What.
    pub what: What,
}

/// A value, and what it may differ by without a reason: a standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantity {
    /// The value, in the unit of what it is.
    pub value: f64,
    /// What it may differ by.
    pub sigma: f64,
}

/// The quantities of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed(pub BTreeMap<Key, Quantity>);

/// Times differ by this without a reason, and by a share of themselves: what threads wait for each other.
const TIME_S: f64 = 3e-4;
const TIME_SHARE: f64 = 2e-3;
/// Making connections and guests takes longer, and differs by more.
const STEP_S: f64 = 5e-3;
const STEP_SHARE: f64 = 0.1;
/// Bytes and pages, as a share of themselves.
const COUNT_SHARE: f64 = 1e-3;
const PAGE: f64 = 4096.0;

impl Observed {
    /// Of a lab's run: parts of the black-out where the source told them.
    pub fn of_lab(run: &Run) -> Self {
        let mut observed = Self::default();
        observed.each(run, |story, put| match story.blackout {
            Some(parts) => put.blackout(story, parts.stop_s, parts.commit_s),
            None => put.halves(story),
        });
        observed
    }

    /// Of a simulated run: all that a lab may tell. Stop and hand-over take what the scenario says.
    pub fn of_simulated(run: &Run, spec: &ScenarioSpec) -> Self {
        let [stop, commit] = [Parameter::Pause, Parameter::HandOver].map(|own| own.of(spec));
        let mut observed = Self::default();
        observed.each(run, |story, put| {
            put.blackout(story, stop, commit);
            put.halves(story);
        });
        observed
    }

    fn each(&mut self, run: &Run, blackout: impl Fn(&MigrationStory, &mut Put<'_>)) {
        let mut moves: BTreeMap<String, usize> = BTreeMap::new();
        for story in run.migrations() {
            let number = moves.entry(story.vm.clone()).or_default();
            *number += 1;
            let mut put = Put {
                into: &mut self.0,
                vm: &story.vm,
                move_number: *number,
            };
            put.rounds(&story);
            blackout(&story, &mut put);
            put.ends(&story);
        }
    }

    /// (simulated - lab) over what may differ, for each quantity of the lab; then for each of its moves the time of the rounds that the
    /// simulation alone has. Always as many numbers for one lab.
    pub fn residuals(&self, simulated: &Self) -> Vec<f64> {
        let mut residuals: Vec<f64> = self
            .0
            .iter()
            .map(|(key, own)| {
                let value = simulated.0.get(key).map_or(0.0, |there| there.value);
                softened((value - own.value) / own.sigma)
            })
            .collect();
        let mut beyond: BTreeMap<(&str, usize), f64> = self
            .0
            .keys()
            .map(|key| ((key.vm.as_str(), key.move_number), 0.0))
            .collect();
        for (key, there) in simulated.0.iter().filter(|(key, _)| key.what.is_of_a_round()) {
            if !self.0.contains_key(key)
                && let Some(sum) = beyond.get_mut(&(key.vm.as_str(), key.move_number))
            {
                *sum += there.value / there.sigma;
            }
        }
        residuals.extend(beyond.into_values().map(softened));
        residuals
    }
}

/// A residual beyond three times what may differ counts less and less (Huber 1964), so that no single quantity outweighs all others.
fn softened(residual: f64) -> f64 {
    const PLAIN: f64 = 3.0;
    let size = residual.abs();
    if size <= PLAIN {
        return residual;
    }
    (2.0f64.mul_add(PLAIN * size, -(PLAIN * PLAIN)))
        .sqrt()
        .copysign(residual)
}

/// Takes down what belongs to one migration.
struct Put<'a> {
    into: &'a mut BTreeMap<Key, Quantity>,
    vm: &'a str,
    move_number: usize,
}

impl Put<'_> {
    fn put(&mut self, what: What, value: f64, sigma: f64) {
        let key = Key {
            vm: self.vm.to_owned(),
            move_number: self.move_number,
            what,
        };
        self.into.insert(key, Quantity { value, sigma });
    }

    fn time(&mut self, what: What, value: f64) {
        self.put(what, value, (TIME_SHARE * value).hypot(TIME_S));
    }

    fn step(&mut self, what: What, value: f64) {
        self.put(what, value, (STEP_SHARE * value).hypot(STEP_S));
    }

    fn rounds(&mut self, story: &MigrationStory) {
        if let (Some(started), Some(first)) = (story.started_s, story.rounds.first()) {
            self.step(What::SetUp, first.end_s - first.seconds - started);
        }
        for round in &story.rounds {
            // The full copy is what it is; a later round is as uncertain as the pages that it sends.
            let chance = if round.round == 1 {
                0.0
            } else {
                chance(round.pages)
            };
            let page_s = round.seconds / round.pages.max(1.0);
            let time = (TIME_SHARE * round.seconds).hypot(TIME_S).hypot(chance * page_s);
            self.put(What::RoundTime(round.round), round.seconds, time);
            let bytes = (COUNT_SHARE * round.bytes).hypot(PAGE * (1.0 + chance));
            self.put(What::RoundBytes(round.round), round.bytes, bytes);
            self.dirtied(round);
        }
    }

    fn dirtied(&mut self, round: &RoundStory) {
        let sigma = (COUNT_SHARE * round.dirtied).hypot(1.0 + chance(round.dirtied));
        self.put(What::Dirtied(round.round), round.dirtied, sigma);
    }

    fn blackout(&mut self, story: &MigrationStory, stop_s: f64, commit_s: f64) {
        let Some(whole) = still(story) else { return };
        self.time(What::Pause, stop_s);
        self.time(What::HandOver, commit_s);
        self.copied(What::CopyAndResume, whole - stop_s - commit_s, story);
    }

    fn halves(&mut self, story: &MigrationStory) {
        let (Some(whole), Some(paused), Some(handed_over)) =
            (still(story), story.paused_s, story.handed_over_s)
        else {
            return;
        };
        let until = handed_over - paused;
        self.copied(What::Halt, until, story);
        self.time(What::Resume, whole - until);
    }

    /// A time in which the pages of the last round's writes were sent.
    fn copied(&mut self, what: What, seconds: f64, story: &MigrationStory) {
        let pages = story.rounds.last().map_or(0.0, |round| round.dirtied);
        let chance = chance(pages) * seconds / pages.max(1.0);
        self.put(what, seconds, (TIME_SHARE * seconds).hypot(TIME_S).hypot(chance));
    }

    fn ends(&mut self, story: &MigrationStory) {
        if let (Some(resumed), Some(ended)) = (story.resumed_s, story.ended_s) {
            self.step(What::CleanUp, ended - resumed);
        }
        if story.resumed_s.is_some() && story.bytes > 0.0 {
            let later: f64 = story
                .rounds
                .iter()
                .map(|round| chance(round.dirtied).powi(2))
                .sum();
            let sigma = (COUNT_SHARE * story.bytes).hypot(PAGE * (1.0 + later.sqrt()));
            self.put(What::Bytes, story.bytes, sigma);
        }
    }
}

/// What a number of pages written at random differs by.
fn chance(pages: f64) -> f64 {
    0.5 * pages.max(0.0).sqrt()
}

/// How long the VM stood still, by its events.
fn still(story: &MigrationStory) -> Option<f64> {
    Some(story.resumed_s? - story.paused_s?)
}
