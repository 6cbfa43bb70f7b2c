//! The question: a scenario with its alternatives, each read with its own values.

use twinrack_scenario::Scenario;
use twinrack_scenario::read::{Lookup, Rejected, read};
use twinrack_scenario::spec::plan::{PlanSpec, SearchWord};

/// Most alternatives: the product of the axes.
pub const ALTERNATIVES_MAX: u64 = 1_000;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The scenario, or one of its alternatives, can't be read.
    #[error("a scenario was refused")]
    Rejected(Box<Rejected>),
    /// The scenario asks nothing.
    #[error(
        "`{0}` has no section `plan`\n = help: say what is sought: `plan: {{hosts: node, to: 100}}`; see the manual on capacity planning"
    )]
    NoPlan(String),
    /// The axes have too many combinations.
    #[error(
        "the axes make {0} combinations\n = help: give an axis fewer values; a plan tries at most {ALTERNATIVES_MAX}"
    )]
    TooMany(u64),
    /// A number of hosts makes no scenario.
    #[error(
        "with {hosts} hosts the scenario is wrong: {what}\n = help: hosts of the group that is sought can't be named elsewhere in the scenario"
    )]
    Misfit {
        /// How many hosts.
        hosts: u32,
        /// What is wrong then.
        what: String,
    },
    /// The folder has the points of another sweep.
    #[error(
        "{0} is of another sweep: another scenario, other seeds, axes or settings, or another build of the program\n = help: choose another folder with --out, or remove this one"
    )]
    OtherSweep(String),
    /// Points of a sweep are not there.
    #[error(
        "{points} of {of} points are missing, the first is number {first} (seed {seed})\n = help: run the shards that have them again: what is there is not run twice"
    )]
    Missing {
        /// How many.
        points: u64,
        /// Of how many.
        of: u64,
        /// The first.
        first: u64,
        /// Its seed.
        seed: u64,
    },
    /// The merged table could not be written.
    #[error("the merged table: {0}")]
    Table(#[from] csv::Error),
    /// A run failed.
    #[error("{0}")]
    Run(String),
    /// The user interrupted.
    #[error("interrupted; trials that were finished are kept, the same command goes on")]
    Interrupted,
    /// A file could not be written or read.
    #[error("{path}: {error}\n = help: name a directory that can be written, with --out")]
    Io {
        /// Where.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
}

impl PlanError {
    pub(crate) fn io(path: &std::path::Path, error: std::io::Error) -> Self {
        Self::Io {
            path: path.display().to_string(),
            error,
        }
    }
}

/// One alternative.
#[derive(Debug, Clone)]
pub struct Alternative {
    /// Its values, joined by `, `; empty where nothing varies but the number of hosts.
    pub name: String,
    /// What was set to what.
    pub sets: Vec<(String, String)>,
    /// The scenario with it.
    pub scenario: Scenario,
}

/// A scenario's plan, and the alternatives that it asks about.
#[derive(Debug, Clone)]
pub struct Question {
    /// The plan.
    pub plan: PlanSpec,
    /// The scenario as it stands, with the hosts that it has now.
    pub present: Alternative,
    /// Its alternatives, in the order of the axes, the last going round fastest.
    pub alternatives: Vec<Alternative>,
}

impl Question {
    /// Reads a scenario once for each alternative. `sets` come before the values of the axes.
    pub fn read(
        name: &str,
        text: &str,
        lookup: &dyn Lookup,
        sets: &[(String, String)],
    ) -> Result<Self, PlanError> {
        let base = read(name, text, lookup, sets).map_err(PlanError::Rejected)?;
        let plan = base
            .spec
            .plan
            .clone()
            .ok_or_else(|| PlanError::NoPlan(name.to_owned()))?;
        let count = plan.axes.iter().map(|axis| axis.to.len() as u64).product();
        if count > ALTERNATIVES_MAX {
            return Err(PlanError::TooMany(count));
        }
        let alternatives = combinations(&plan)
            .into_iter()
            .map(|values| {
                let all: Vec<_> = sets.iter().chain(&values).cloned().collect();
                let scenario = if values.is_empty() {
                    base.clone()
                } else {
                    read(name, text, lookup, &all).map_err(PlanError::Rejected)?
                };
                let words: Vec<&str> = values.iter().map(|(_, value)| value.as_str()).collect();
                Ok(Alternative {
                    name: words.join(", "),
                    sets: values,
                    scenario,
                })
            })
            .collect::<Result<_, PlanError>>()?;
        Ok(Self {
            plan,
            present: Alternative {
                name: String::new(),
                sets: Vec::new(),
                scenario: base,
            },
            alternatives,
        })
    }

    /// How the number is searched: consolidation moves VMs about, and a host more may then do worse.
    pub fn search(&self) -> SearchWord {
        let consolidates =
            |alternative: &Alternative| alternative.scenario.spec.policies.consolidation.is_some();
        self.plan
            .search
            .unwrap_or(if self.alternatives.iter().any(consolidates) {
                SearchWord::Scan
            } else {
                SearchWord::Bisection
            })
    }
}

/// Every combination of the axes' values.
fn combinations(plan: &PlanSpec) -> Vec<Vec<(String, String)>> {
    plan.axes.iter().fold(vec![Vec::new()], |so_far, axis| {
        let with = |before: &Vec<(String, String)>, value: &String| {
            let mut values = before.clone();
            values.push((axis.set.value.clone(), value.clone()));
            values
        };
        so_far
            .iter()
            .flat_map(|before| axis.to.iter().map(move |value| with(before, value)))
            .collect()
    })
}
