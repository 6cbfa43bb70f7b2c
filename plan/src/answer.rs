//! The answer: for each alternative how many hosts, how sure that is, what breaks first at one less, and what it costs.

use rayon::prelude::*;
use serde::Serialize;
use twinrack_scenario::spec::plan::{Objective, PlanSpec, SearchWord};

use crate::headroom::Headroom;
use crate::question::{Alternative, PlanError, Question};
use crate::replicate::{quantile, replicate, wilson};
use crate::search::{Found, bisection, scan};
use crate::store::Store;
use crate::trial::{Candidate, Level, Runner, Trial, Usage, carry_out};

/// Hours of a year, for what is taken from the span of a run to a year.
const HOURS_A_YEAR: f64 = 8766.0;

/// The share of samples in which the number given must hold.
pub const SURE: f64 = 0.95;

/// The answer to a plan's question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The scenario's name.
    pub name: String,
    /// Hosts that may be missing.
    pub spare: u32,
    /// What the best alternative has least of.
    pub minimise: &'static str,
    /// Each alternative, in the order of the question.
    pub alternatives: Vec<Sized>,
    /// The best one; none when no number of hosts of any holds.
    pub best: Option<usize>,
    /// How long the best one lasts; where growth was given.
    pub headroom: Option<Headroom>,
    /// What was taken for granted.
    pub assumptions: Vec<String>,
    /// What speaks for trusting it: each a reason, and whether it is there.
    pub confidence: Vec<(bool, String)>,
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
    /// Samples in which `hosts` hold.
    pub holds: usize,
    /// 95 % interval of the share in which it holds (Wilson).
    pub holds_share: (f64, f64),
    /// What broke at one host less than was needed, the commonest first: (level, samples).
    pub breaks: Vec<(Level, usize)>,
    /// The level nearest to its limit at `hosts`: its words, and how much of the limit is used.
    pub tightest: Option<(String, f64)>,
    /// Highest use of the processors over all samples.
    pub cpu_peak: f64,
    /// Memory given to VMs, as a share of what is there when the spare hosts are missing.
    pub memory: f64,
    /// Longest time to empty a host, s.
    pub drain_s: Option<f64>,
    /// Energy of a year, kWh: mean over the samples.
    pub energy_kwh_year: f64,
    /// Price of hosts and energy over the plan's years.
    pub cost: Option<f64>,
    /// Where each VM was started at the first seed: (VM, host).
    #[serde(skip)]
    pub placement: Vec<(String, String)>,
}

/// What a plan needs from outside.
pub struct Means<'a> {
    /// Carries a scenario out.
    pub run: Runner<'a>,
    /// Where trials are kept.
    pub store: &'a Store,
    /// Told after every trial.
    pub tried: &'a (dyn Fn() + Sync),
}

impl Means<'_> {
    /// A trial, kept or carried out.
    pub(crate) fn trial(
        &self,
        alternative: &Alternative,
        plan: &PlanSpec,
        candidate: Candidate,
    ) -> Result<Trial, PlanError> {
        let trial = if let Some(trial) = self.store.kept(alternative, candidate) {
            trial
        } else {
            let trial = carry_out(&alternative.scenario, plan, candidate, self.run)?;
            self.store.keep(alternative, candidate, &trial)?;
            trial
        };
        (self.tried)();
        Ok(trial)
    }
}

/// The answer at one seed.
struct AtSeed {
    seed: u64,
    found: Found,
}

/// Answers a question.
pub fn plan(question: &Question, means: &Means<'_>) -> Result<Answer, PlanError> {
    let search = question.search();
    let alternatives: Vec<Sized> = question
        .alternatives
        .par_iter()
        .map(|alternative| {
            let sizer = Sizer {
                alternative,
                plan: &question.plan,
                means,
            };
            sizer.size(search)
        })
        .collect::<Result<_, _>>()?;
    let best = best(&alternatives, question.plan.minimise);
    let headroom = match best {
        Some(best) => Headroom::of(question, best, &alternatives[best], means)?,
        None => None,
    };
    Ok(Answer {
        name: question.alternatives[0].scenario.spec.name.value.clone(),
        spare: question.plan.spare,
        minimise: question.plan.minimise.word(),
        best,
        headroom,
        assumptions: crate::assumptions::assumptions(question),
        confidence: crate::assumptions::confidence(question),
        alternatives,
    })
}

fn best(alternatives: &[Sized], objective: Objective) -> Option<usize> {
    let weight = |sized: &Sized| match objective {
        Objective::Hosts => sized.hosts.map_or(f64::INFINITY, f64::from),
        Objective::Energy => sized.energy_kwh_year,
        Objective::Cost => sized.cost.unwrap_or(f64::INFINITY),
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
        let candidate = Candidate {
            hosts,
            growth: 1.0,
            seed,
        };
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
            sized.measure(&trials);
            sized.cost = price(self.plan, self.alternative, hosts, sized.energy_kwh_year);
        }
        Ok(sized)
    }
}

/// What hosts and their energy cost over the plan's years; none where nothing has a price.
fn price(plan: &PlanSpec, alternative: &Alternative, hosts: u32, energy_kwh_year: f64) -> Option<f64> {
    let prices = plan.prices.as_ref()?;
    let fits = |of: &Option<String>| {
        of.as_ref()
            .is_none_or(|of| alternative.sets.iter().any(|(_, value)| value == of))
    };
    let host = prices.hosts.iter().find(|price| fits(&price.of))?;
    Some(f64::from(hosts) * host.price + prices.years * energy_kwh_year * prices.pue * prices.kwh)
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
            holds: 0,
            holds_share: (0.0, 0.0),
            breaks: Vec::new(),
            tightest: None,
            cpu_peak: 0.0,
            memory: 0.0,
            drain_s: None,
            energy_kwh_year: 0.0,
            cost: None,
            placement: Vec::new(),
        }
    }

    fn broke(&mut self, level: Option<&Level>) {
        let Some(level) = level else { return };
        let same = |known: &&mut (Level, usize)| {
            known.0.situation == level.situation && known.0.item.kpi == level.item.kpi
        };
        match self.breaks.iter_mut().find(same) {
            Some(known) => known.1 += 1,
            None => self.breaks.push((level.clone(), 1)),
        }
    }

    /// Takes over what the hosts given were like at every seed.
    fn measure(&mut self, trials: &[Trial]) {
        let usages: Vec<&Usage> = trials.iter().filter_map(|trial| trial.usage.as_ref()).collect();
        self.holds = trials.iter().filter(|trial| trial.holds).count();
        self.holds_share = wilson(self.holds, trials.len());
        let most = |of: fn(&Usage) -> f64| usages.iter().map(|usage| of(usage)).fold(0.0, f64::max);
        self.cpu_peak = most(|usage| usage.cpu_peak);
        self.memory = most(|usage| usage.memory);
        self.drain_s = usages.iter().filter_map(|usage| usage.drain_s).reduce(f64::max);
        let yearly = usages
            .iter()
            .map(|usage| usage.energy_kwh / usage.span_s * 3600.0 * HOURS_A_YEAR);
        self.energy_kwh_year = yearly.sum::<f64>() / (usages.len() as f64).max(1.0);
        self.placement = usages
            .first()
            .map(|usage| usage.placement.clone())
            .unwrap_or_default();
        let levels = trials.iter().flat_map(|trial| &trial.levels).filter_map(used);
        let memory = ("memory with the spare hosts missing".to_owned(), self.memory);
        self.tightest = levels
            .chain([memory])
            .reduce(|most, next| if next.1 > most.1 { next } else { most });
    }
}

/// How much of an upper limit is used; nothing for other kinds of levels.
fn used(level: &Level) -> Option<(String, f64)> {
    let item = &level.item;
    let upper = matches!(item.op.as_str(), "<" | "<=") && item.limit > 0.0;
    let value = item.value.filter(|_| upper)?;
    Some((
        format!("{} {}", item.kpi, level.situation.words()),
        value / item.limit,
    ))
}
