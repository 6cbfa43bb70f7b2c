//! Tested scenarios as `JUnit` XML: a suite for each, a case for each expectation at each seed.

use twinrack_scenario::record::{Expectation, Summary, Verdict};

use super::{Scenario, Tested, failure};
use crate::junit::{self, Case, Outcome, Suite};
use crate::text::expectation::{because, limit, value};

/// The document.
pub fn written(tested: &Tested) -> String {
    let suites: Vec<Suite> = tested.scenarios.iter().map(suite).collect();
    junit::written("twinrack test", &suites)
}

fn suite(scenario: &Scenario) -> Suite {
    let several = scenario.runs.len() > 1;
    let broken = scenario.broken.as_ref().map(|why| Case {
        name: "runs".to_owned(),
        took_s: None,
        outcome: Outcome::Broken(format!("{} can't be run", scenario.file), why.clone()),
    });
    let ran = scenario.runs.iter().flat_map(|run| {
        // That it ran to its end is a case too: a scenario may expect nothing.
        let ended = Case {
            name: at_seed("runs", run, several),
            took_s: Some(run.wall_s),
            outcome: Outcome::Passed,
        };
        let expected = run
            .expectations
            .iter()
            .map(move |item| expected(run, item, several));
        std::iter::once(ended).chain(expected)
    });
    Suite {
        name: scenario.name.clone(),
        cases: broken.into_iter().chain(ran).collect(),
    }
}

fn expected(run: &Summary, item: &Expectation, several: bool) -> Case {
    let name = format!("{} {}", item.kpi, limit(item));
    Case {
        name: at_seed(&name, run, several),
        took_s: None,
        outcome: match item.verdict() {
            Verdict::Held => Outcome::Passed,
            Verdict::Failed | Verdict::HeldAgain => {
                let told = failure(run.seed, item);
                Outcome::Failed(told.clone(), told)
            }
            Verdict::KnownMiss => Outcome::Skipped(format!("known miss, {}: {}", value(item), because(item))),
            Verdict::NotAsked => Outcome::Skipped("not asked of this body".to_owned()),
        },
    }
}

fn at_seed(name: &str, run: &Summary, several: bool) -> String {
    if several {
        format!("{name} at seed {}", run.seed)
    } else {
        name.to_owned()
    }
}
