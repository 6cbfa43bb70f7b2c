//! What so many hosts were like at every seed: how often they hold, what they use, what they cost.

use serde::Serialize;
use twinrack_scenario::spec::plan::PlanSpec;

use crate::question::Alternative;
use crate::replicate::wilson;
use crate::trial::{Level, Trial, Usage};

/// Hours of a year, for what is taken from the span of a run to a year.
const HOURS_A_YEAR: f64 = 8766.0;

/// A number of hosts, measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// VMs that ran.
    pub vms: u32,
    /// Samples in which the hosts hold.
    pub holds: usize,
    /// 95 % interval of the share in which they hold (Wilson).
    pub holds_share: (f64, f64),
    /// The level nearest to its limit: its words, and how much of the limit is used.
    pub tightest: Option<(String, f64)>,
    /// Use of the processors of all hosts together: the highest of all samples, and the 95 % and 99 % quantiles over the span of
    /// that sample in which they are highest.
    pub cpu_peak: f64,
    /// See [`Self::cpu_peak`].
    pub cpu_p95: f64,
    /// See [`Self::cpu_peak`].
    pub cpu_p99: f64,
    /// Memory given to VMs, as a share of what the hosts have for them.
    pub memory: f64,
    /// The same, while what may be missing is missing.
    pub memory_short: f64,
    /// Longest time to empty a host, s.
    pub drain_s: Option<f64>,
    /// Energy of a year, kWh: mean over the samples.
    pub energy_kwh_year: f64,
    /// The same in each window of the tariff, and what a kilowatt-hour costs then; none where nothing has a price.
    pub energy_windows: Vec<EnergyWindow>,
    /// Price of hosts and energy over the plan's years.
    pub cost: Option<f64>,
    /// Where each VM was started at the first seed: (VM, host).
    #[serde(skip)]
    pub placement: Vec<(String, String)>,
}

/// Energy of a part of the day.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EnergyWindow {
    /// `07:00 to 22:00`.
    pub window: String,
    /// What a kilowatt-hour costs then.
    pub price: f64,
    /// Energy of a year, kWh: mean over the samples.
    pub kwh_year: f64,
}

impl Measured {
    /// What trials of so many hosts had in common; nothing where none got as far as all hosts.
    pub(crate) fn of(
        plan: &PlanSpec,
        alternative: &Alternative,
        hosts: u32,
        trials: &[Trial],
    ) -> Option<Self> {
        let usages: Vec<&Usage> = trials.iter().filter_map(|trial| trial.usage.as_ref()).collect();
        let first = usages.first()?;
        let holds = trials.iter().filter(|trial| trial.holds).count();
        let most = |of: fn(&Usage) -> f64| usages.iter().map(|usage| of(usage)).fold(0.0, f64::max);
        let yearly = |of: &dyn Fn(&Usage) -> f64| {
            let years = |usage: &Usage| of(usage) / usage.span_s * 3600.0 * HOURS_A_YEAR;
            usages.iter().map(|usage| years(usage)).sum::<f64>() / (usages.len() as f64).max(1.0)
        };
        let windows = plan
            .prices
            .iter()
            .flat_map(|prices| &prices.kwh.windows)
            .enumerate();
        let energy_windows: Vec<EnergyWindow> = windows
            .map(|(index, window)| EnergyWindow {
                window: window.to_string(),
                price: window.price,
                kwh_year: yearly(&|usage| usage.energy_windows.get(index).copied().unwrap_or(0.0)),
            })
            .collect();
        let memory_short = most(|usage| usage.memory_short);
        let levels = trials.iter().flat_map(|trial| &trial.levels).filter_map(used);
        let memory = (memory_words(plan), memory_short);
        Some(Self {
            vms: usages.iter().map(|usage| usage.vms).max().unwrap_or(0),
            holds,
            holds_share: wilson(holds, trials.len()),
            tightest: levels
                .chain([memory])
                .reduce(|most, next| if next.1 > most.1 { next } else { most }),
            cpu_peak: most(|usage| usage.cpu_peak),
            cpu_p95: most(|usage| usage.cpu_p95),
            cpu_p99: most(|usage| usage.cpu_p99),
            memory: most(|usage| usage.memory),
            memory_short,
            drain_s: usages.iter().filter_map(|usage| usage.drain_s).reduce(f64::max),
            energy_kwh_year: yearly(&|usage| usage.energy_kwh),
            cost: price(plan, alternative, hosts, &energy_windows),
            energy_windows,
            placement: first.placement.clone(),
        })
    }
}

/// What the share of memory is called when something may be missing.
fn memory_words(plan: &PlanSpec) -> String {
    let spare = &plan.spare;
    if spare.hosts + spare.racks + spare.feeds > 0 {
        "memory while what may be missing is missing".to_owned()
    } else {
        "memory".to_owned()
    }
}

/// How much of an upper limit is used; nothing for other kinds of levels.
pub fn used(level: &Level) -> Option<(String, f64)> {
    let item = &level.item;
    let upper = matches!(item.op.as_str(), "<" | "<=") && item.limit > 0.0;
    let value = item.value.filter(|_| upper)?;
    Some((
        format!("{} {}", item.kpi, level.situation.words()),
        value / item.limit,
    ))
}

/// What hosts and their energy cost over the plan's years; none where no host has a price.
fn price(plan: &PlanSpec, alternative: &Alternative, hosts: u32, energy: &[EnergyWindow]) -> Option<f64> {
    let prices = plan.prices.as_ref()?;
    let mut bought = None;
    for (group, host) in alternative.scenario.spec.hosts.iter().enumerate() {
        let is_sought = host.name.value == plan.hosts.value;
        let count = if is_sought {
            hosts
        } else {
            alternative.scenario.hosts.members(group).len() as u32
        };
        let of_axis = |of: &String| is_sought && alternative.sets.iter().any(|(_, value)| value == of);
        let fits = |of: &String| host.model.as_ref() == Some(of) || of_axis(of);
        let price = prices
            .hosts
            .iter()
            .find(|price| price.of.as_ref().is_none_or(fits));
        if let Some(price) = price {
            bought = Some(bought.unwrap_or(0.0) + f64::from(count) * price.price);
        }
    }
    let yearly: f64 = energy.iter().map(|window| window.kwh_year * window.price).sum();
    Some(bought? + prices.years * prices.pue * yearly)
}
