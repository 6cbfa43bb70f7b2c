//! Scenarios that were tested: which hold what they expect, which do not, and which could not be run.
//!
//! The records are made elsewhere; here is what CI servers, comments and terminals are told of them.

pub mod junit;
pub mod markdown;
#[cfg(test)]
mod tests;
pub mod text;

use std::fmt::Write as _;

use serde::Serialize;
use twinrack_scenario::record::{self, Expectation, Summary};

use crate::text::expectation::{because, limit, misses, value};

/// Version of the form of `--json`.
pub const SCHEMA: &str = "twinrack-test-1";

/// All that was tested.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tested {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// How it came out.
    pub verdict: Verdict,
    /// File by file, in the order of their names.
    pub scenarios: Vec<Scenario>,
}

/// How tests came out, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every expectation held.
    Passed,
    /// One did not.
    Failed,
    /// Something could not be run.
    Broken,
}

/// One scenario file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scenario {
    /// The file.
    pub file: String,
    /// Its name; that of the file where it could not be read.
    pub name: String,
    /// Its runs, by seed.
    pub runs: Vec<Summary>,
    /// Why it could not be run, or not at every seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
}

impl Scenario {
    /// How it came out.
    pub fn verdict(&self) -> Verdict {
        if self.broken.is_some() {
            Verdict::Broken
        } else if self.runs.iter().all(Summary::passed) {
            Verdict::Passed
        } else {
            Verdict::Failed
        }
    }

    /// How many expectations were asked, over all runs, and how many held.
    fn held(&self) -> (usize, usize) {
        let all = self.runs.iter().flat_map(|run| &run.expectations);
        let asked: Vec<&Expectation> = all.filter(|item| item.asked).collect();
        (asked.iter().filter(|item| item.ok).count(), asked.len())
    }

    /// What did not hold, a line each.
    fn failures(&self) -> Vec<String> {
        let of_run = |run: &Summary| -> Vec<String> {
            let failed = run.expectations.iter().filter(|item| item.fails());
            failed.map(|item| failure(run.seed, item)).collect()
        };
        self.runs.iter().flat_map(of_run).collect()
    }

    /// Wall-clock seconds of all its runs.
    fn took_s(&self) -> f64 {
        self.runs.iter().map(|run| run.wall_s).sum()
    }
}

fn failure(seed: u64, item: &Expectation) -> String {
    let why = Some(because(item))
        .filter(|why| !why.is_empty())
        .map_or(String::new(), |why| format!(": {why}"));
    format!(
        "seed {seed}: {} is {}, expected {}{why}",
        item.kpi,
        value(item),
        limit(item)
    )
}

impl Tested {
    /// Of scenarios.
    pub fn of(scenarios: Vec<Scenario>) -> Self {
        let worst = scenarios.iter().map(Scenario::verdict).max();
        Self {
            schema: SCHEMA,
            // That nothing was tested is no success.
            verdict: worst.unwrap_or(Verdict::Broken),
            scenarios,
        }
    }

    fn named(&self, verdict: Verdict) -> Vec<&str> {
        let of = self
            .scenarios
            .iter()
            .filter(|scenario| scenario.verdict() == verdict);
        of.map(|scenario| scenario.name.as_str()).collect()
    }

    /// One line that says how it came out.
    pub fn line(&self) -> String {
        let [passed, failed, broken] =
            [Verdict::Passed, Verdict::Failed, Verdict::Broken].map(|verdict| self.named(verdict));
        let word = if self.verdict == Verdict::Passed {
            "PASS"
        } else {
            "FAIL"
        };
        let mut line = format!(
            "{word}: {} of {} scenarios hold what they expect",
            passed.len(),
            self.scenarios.len()
        );
        let runs = self.scenarios.iter().flat_map(|scenario| &scenario.runs);
        line.push_str(&misses(
            runs.map(|run| run.count(record::Verdict::KnownMiss)).sum(),
        ));
        for (names, what) in [(failed, "not"), (broken, "can't be run:")] {
            if !names.is_empty() {
                // Writing into a text can't fail.
                let _ = write!(line, "; {what} {}", few(&names));
            }
        }
        line
    }
}

/// The first names, and how many more there are.
fn few(names: &[&str]) -> String {
    const NAMED: usize = 4;
    let more = names.len().saturating_sub(NAMED);
    let named = names[..names.len() - more].join(", ");
    if more > 0 {
        format!("{named} and {more} more")
    } else {
        named
    }
}
