//! Confidence: one to five stars, each reason with its part, for what was measured and what was only assumed.

use serde::Serialize;
use twinrack_scenario::Scenario;
use twinrack_scenario::spec::host::HostSpec;
use twinrack_scenario::spec::workload::{TraceOrder, TraceSpec, WorkloadKind};

use crate::question::Question;

/// Days of demand that show the rhythm of a week.
const WEEK: f64 = 7.0;
/// A part that counts as there.
const THERE: f64 = 0.995;

/// How far an answer can be trusted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Confidence {
    /// One to five.
    pub stars: u32,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// A reason, and how much of it is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    /// From 0 to 1: the part of a star that it gives.
    pub part: f64,
    /// It in words.
    pub words: String,
}

impl Confidence {
    /// The stars as people see them.
    pub fn drawn(&self) -> String {
        let stars = self.stars.min(5) as usize;
        "★".repeat(stars) + &"☆".repeat(5 - stars)
    }
}

impl Reason {
    fn of(part: f64, words: String) -> Self {
        Self {
            part: part.clamp(0.0, 1.0),
            words,
        }
    }

    /// Whether it is there, in part, or not.
    pub fn mark(&self) -> &'static str {
        match self.part {
            part if part >= THERE => "+",
            part if part > 0.0 => "~",
            _ => "-",
        }
    }
}

/// The stars of an answer: the parts of five reasons, rounded; one at least.
pub(crate) fn confidence(question: &Question) -> Confidence {
    let scenario = &question.present.scenario;
    let growth = question.plan.growth.as_ref();
    let spread = growth.is_none_or(|growth| growth.deviation.0 > 0.0);
    let reasons = vec![
        measured(scenario),
        days(scenario),
        drawn(scenario),
        Reason::of(
            f64::from(u8::from(spread)),
            match growth {
                None => "growth is not asked for".to_owned(),
                Some(growth) => format!(
                    "growth of {} a month, deviation {}",
                    growth.monthly, growth.deviation
                ),
            },
        ),
        hardware(question),
    ];
    let sum: f64 = reasons.iter().map(|reason| reason.part).sum();
    Confidence {
        stars: (libm::round(sum) as u32).clamp(1, 5),
        reasons,
    }
}

/// The traces that workloads follow, by the workload's name.
fn traces(scenario: &Scenario) -> impl Iterator<Item = (&str, &TraceSpec)> {
    scenario
        .spec
        .workloads
        .iter()
        .filter_map(|workload| match &workload.demand {
            WorkloadKind::Trace(spec) => Some((workload.name.value.as_str(), spec)),
            _ => None,
        })
}

/// Of how many VMs the demand was measured.
fn measured(scenario: &Scenario) -> Reason {
    let follows = |group: usize| {
        let name = scenario.spec.vms[group].workload.as_ref();
        name.is_some_and(|name| traces(scenario).any(|(own, _)| own == name.value))
    };
    let groups = (0..scenario.vms.group_count()).filter(|group| follows(*group));
    let measured: usize = groups.map(|group| scenario.vms.members(group).len()).sum();
    let all = scenario.vms.len();
    Reason::of(
        measured as f64 / f64::from(all.max(1)),
        format!("demand was measured for {measured} of {all} VMs"),
    )
}

/// How long it was measured.
fn days(scenario: &Scenario) -> Reason {
    let days = match (&scenario.trace, traces(scenario).next()) {
        (Some(trace), Some((_, spec))) => trace.row_length as f64 * spec.interval.as_secs_f64() / 86_400.0,
        _ => 0.0,
    };
    let words = format!("{days:.1} days of demand; a week or more shows its rhythm");
    Reason::of(days / WEEK, words)
}

/// Whether seeds are samples of it.
fn drawn(scenario: &Scenario) -> Reason {
    let by_chance = scenario
        .spec
        .workloads
        .iter()
        .any(|workload| match &workload.demand {
            WorkloadKind::Trace(spec) => spec.order == TraceOrder::Drawn,
            WorkloadKind::Bursty(_) => true,
            _ => false,
        });
    let words = if by_chance {
        "each replication is another sample of the demand"
    } else {
        "every replication has the same demand (`order: drawn` would draw it)"
    };
    Reason::of(f64::from(u8::from(by_chance)), words.to_owned())
}

/// Where the numbers of the hosts come from.
fn hardware(question: &Question) -> Reason {
    let hosts = question
        .alternatives
        .iter()
        .flat_map(|alternative| &alternative.scenario.spec.hosts);
    let source = |host: &HostSpec| host.source.clone().unwrap_or_default();
    let of = |host: &HostSpec| match source(host) {
        source if source.contains("calibrate") => 1.0,
        source if !source.is_empty() => 0.5,
        _ => 0.0,
    };
    match hosts.map(of).fold(1.0, f64::min) {
        1.0 => Reason::of(1.0, "the profiles were calibrated against hardware".to_owned()),
        0.5 => {
            let words = "profiles as published, not calibrated against hardware (`twinrack calibrate`)";
            Reason::of(0.5, words.to_owned())
        }
        _ => Reason::of(
            0.0,
            "hosts without a source: their numbers are assumed".to_owned(),
        ),
    }
}
