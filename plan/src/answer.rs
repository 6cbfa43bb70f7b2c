//! The answer: for each alternative how many hosts, how sure that is, what breaks first at one less, and what it costs.

use rayon::prelude::*;
use serde::Serialize;
use twinrack_scenario::domain::DomainKind;
use twinrack_scenario::spec::expect::Operator;
use twinrack_scenario::spec::plan::{Objective, PlanSpec, SearchWord};
use twinrack_scenario::spec::spare::SpareSpec;

use crate::actions::{self, Action};
use crate::confidence::{Confidence, confidence};
use crate::failures::{self, Failure};
use crate::headroom::Headroom;
use crate::means::Means;
use crate::measured::Measured;
use crate::portrait::{self, Portrait};
use crate::question::{Alternative, PlanError, Question};
use crate::replicate::{quantile, replicate};
use crate::runway::{self, Month};
use crate::search::{Found, bisection, scan};
use crate::trial::{Candidate, Level, Trial};

/// The share of samples in which the number given must hold.
pub const SURE: f64 = 0.95;

/// The answer to a plan's question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The scenario's name.
    pub name: String,
    /// Its title.
    pub title: Option<String>,
    /// What may be missing, in words: `N+1`, `N+1 rack`.
    pub spare: String,
    /// What the best alternative has least of.
    pub minimise: &'static str,
    /// Each alternative, in the order of the question.
    pub alternatives: Vec<Sized>,
    /// The best one; none when no number of hosts of any holds.
    pub best: Option<usize>,
    /// How long the best one lasts; where growth was given.
    pub headroom: Option<Headroom>,
    /// How full the best one gets, month by month; nothing where nothing grows.
    pub runway: Vec<Month>,
    /// The way to the best one from the scenario as it stands.
    pub actions: Vec<Action>,
    /// What failures of hosts, racks and power feeds would do to the best one.
    pub failures: Vec<Failure>,
    /// Whether a failover cluster restarts the VMs of hosts that fail.
    pub restarts: bool,
    /// One run of the best one.
    #[serde(skip)]
    pub portrait: Option<Portrait>,
    /// The ceiling on use of all processors together, where the plan asks for one.
    pub cpu_ceiling: Option<f64>,
    /// What was taken for granted.
    pub assumptions: Vec<String>,
    /// How far it can be trusted, and why.
    pub confidence: Confidence,
}

/// One alternative's size.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sized {
    /// The values that make it, joined by `, `.
    pub name: String,
    /// How the number was searched.
    pub search: &'static str,
    /// Hosts that hold in 95 % of the samples; none when so many of them need more than the plan allows.
    pub hosts: Option<u32>,
    /// Hosts needed at each seed, from the first on; none where no number held.
    pub needed: Vec<Option<u32>>,
    /// Hosts needed in the 2.5 % and the 97.5 % quantile of the samples.
    pub interval: Option<(u32, u32)>,
    /// What broke at one host less than was needed, the commonest first: (level, samples).
    pub breaks: Vec<(Level, usize)>,
    /// What `hosts` are like; none where there is no such number.
    pub measured: Option<Measured>,
}

/// The answer at one seed.
struct AtSeed {
    seed: u64,
    found: Found,
}

/// Answers a question.
pub fn plan(question: &Question, means: &Means<'_>) -> Result<Answer, PlanError> {
    let alternatives: Vec<Sized> = question
        .alternatives
        .par_iter()
        .map(|alternative| size(question, alternative, means))
        .collect::<Result<_, _>>()?;
    let best = best(&alternatives, question.plan.minimise);
    let chosen = best.and_then(|best| Some((&question.alternatives[best], alternatives[best].hosts?)));
    let plan = &question.plan;
    let headroom = match chosen {
        Some((alternative, hosts)) => Headroom::of(plan, alternative, hosts, means)?,
        None => None,
    };
    let (mut runway, mut actions, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    let mut portrait = None;
    if let Some((alternative, hosts)) = chosen {
        if let Some(headroom) = &headroom {
            runway = runway::runway(plan, alternative, hosts, headroom, means)?;
        }
        actions = actions::actions(plan, &question.present, alternative, hosts, means)?;
        failures = failures::failures(plan, alternative, hosts, means)?;
        portrait = Some(portrait::portrait(plan, alternative, hosts, means)?);
    }
    Ok(Answer {
        name: question.alternatives[0].scenario.spec.name.value.clone(),
        title: question.present.scenario.spec.title.clone(),
        spare: spare_words(&question.plan.spare),
        minimise: question.plan.minimise.word(),
        best,
        headroom,
        runway,
        actions,
        failures,
        portrait,
        cpu_ceiling: cpu_ceiling(plan),
        restarts: !question.present.scenario.spec.clusters.is_empty(),
        assumptions: crate::assumptions::assumptions(question),
        confidence: confidence(question),
        alternatives,
    })
}

/// The ceiling that a plan sets on the use of all processors together.
fn cpu_ceiling(plan: &PlanSpec) -> Option<f64> {
    let upper = |op: Operator| matches!(op, Operator::Below | Operator::AtMost);
    let ceiling = plan
        .require
        .iter()
        .find(|item| item.kpi.value == "cpu.utilisation.max" && upper(item.op));
    ceiling.map(|item| item.limit)
}

/// How many hosts one alternative needs.
pub(crate) fn size(
    question: &Question,
    alternative: &Alternative,
    means: &Means<'_>,
) -> Result<Sized, PlanError> {
    let sizer = Sizer {
        alternative,
        plan: &question.plan,
        means,
    };
    sizer.size(question.search())
}

/// What may be missing, in planners' words.
pub fn spare_words(spare: &SpareSpec) -> String {
    let kinds = DomainKind::ALL.map(|kind| (kind, spare.of(kind)));
    let mut words = kinds
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| match kind {
            DomainKind::Host => format!("N+{count}"),
            _ => format!("N+{count} {}", kind.word()),
        });
    match words.next() {
        Some(first) => words.fold(first, |all, next| format!("{all}, {next}")),
        None => "no host to spare".to_owned(),
    }
}

fn best(alternatives: &[Sized], objective: Objective) -> Option<usize> {
    let measured = |sized: &Sized, of: fn(&Measured) -> Option<f64>| {
        sized.measured.as_ref().and_then(of).unwrap_or(f64::INFINITY)
    };
    let weight = |sized: &Sized| match objective {
        Objective::Hosts => sized.hosts.map_or(f64::INFINITY, f64::from),
        Objective::Energy => measured(sized, |measured| Some(measured.energy_kwh_year)),
        Objective::Cost => measured(sized, |measured| measured.cost),
    };
    let fits = alternatives
        .iter()
        .enumerate()
        .filter(|(_, sized)| sized.hosts.is_some());
    fits.min_by(|(_, a), (_, b)| weight(a).total_cmp(&weight(b)))
        .map(|(index, _)| index)
}

/// One alternative and what its trials need.
struct Sizer<'a> {
    alternative: &'a Alternative,
    plan: &'a PlanSpec,
    means: &'a Means<'a>,
}

impl Sizer<'_> {
    fn trial(&self, hosts: u32, seed: u64) -> Result<Trial, PlanError> {
        let candidate = Candidate::of(hosts, seed);
        self.means.trial(self.alternative, self.plan, candidate)
    }

    /// The number at one seed after another.
    fn at_seeds(&self, search: SearchWord) -> Result<Vec<AtSeed>, PlanError> {
        let range = self.plan.from..=self.plan.to;
        let ask = |seed: u64, hint: Option<&AtSeed>| {
            let holds = |hosts: u32| self.trial(hosts, seed).map(|trial| trial.holds);
            let found = match search {
                SearchWord::Bisection => bisection(&range, hint.and_then(|hint| hint.found.number()), holds),
                SearchWord::Scan => scan(&range, holds),
            }?;
            Ok(AtSeed { seed, found })
        };
        let number = |at: &AtSeed| at.found.number().map(f64::from);
        replicate(
            &self.plan.replications,
            self.alternative.scenario.spec.seed,
            number,
            ask,
        )
    }

    /// Whether one host more than was needed does worse, at some seed: then halving may have missed the least number.
    fn more_does_worse(&self, seeds: &[AtSeed]) -> Result<bool, PlanError> {
        let more = seeds
            .iter()
            .filter_map(|at| Some((at.found.number()? + 1, at.seed)))
            .filter(|(hosts, _)| *hosts <= self.plan.to);
        let held: Vec<bool> = more
            .collect::<Vec<_>>()
            .par_iter()
            .map(|(hosts, seed)| self.trial(*hosts, *seed).map(|trial| trial.holds))
            .collect::<Result<_, _>>()?;
        Ok(held.contains(&false))
    }

    fn size(&self, mut search: SearchWord) -> Result<Sized, PlanError> {
        let mut seeds = self.at_seeds(search)?;
        if search == SearchWord::Bisection && self.more_does_worse(&seeds)? {
            search = SearchWord::Scan;
            seeds = self.at_seeds(search)?;
        }
        let mut sized = Sized::of(self.alternative, search, self.plan.to, &seeds);
        for at in &seeds {
            let less = at.found.number().unwrap_or(self.plan.to + 1).saturating_sub(1);
            if less >= self.plan.from {
                sized.broke(self.trial(less, at.seed)?.broken());
            }
        }
        sized
            .breaks
            .sort_by_key(|(_, samples)| std::cmp::Reverse(*samples));
        if let Some(hosts) = sized.hosts {
            let trials: Vec<Trial> = seeds
                .par_iter()
                .map(|at| self.trial(hosts, at.seed))
                .collect::<Result<_, _>>()?;
            sized.measured = Measured::of(self.plan, self.alternative, hosts, &trials);
        }
        Ok(sized)
    }
}

impl Sized {
    /// What was found at all seeds; nothing is measured yet.
    fn of(alternative: &Alternative, search: SearchWord, most: u32, seeds: &[AtSeed]) -> Self {
        let needed: Vec<Option<u32>> = seeds.iter().map(|at| at.found.number()).collect();
        // "None" stands behind every number.
        let mut sorted: Vec<u32> = needed.iter().map(|number| number.unwrap_or(u32::MAX)).collect();
        sorted.sort_unstable();
        let whole = |share: f64| quantile(&sorted, share).filter(|number| *number <= most);
        Self {
            name: alternative.name.clone(),
            search: search.word(),
            hosts: whole(SURE),
            interval: whole(0.025).zip(whole(0.975)),
            needed,
            breaks: Vec::new(),
            measured: None,
        }
    }

    fn broke(&mut self, level: Option<&Level>) {
        let Some(level) = level else { return };
        match self.breaks.iter_mut().find(|(known, _)| known.is_alike(level)) {
            Some(known) => known.1 += 1,
            None => self.breaks.push((level.clone(), 1)),
        }
    }
}
