//! The parameters of a host from the runs of a lab: bounded least squares over some of them, held against the others.
//!
//! Which runs are held out follows from what is in them, not from the order in which they are named. A parameter that the runs do not
//! determine keeps the value that it had: one that changes nothing in them, and one that only another's change can't be told from.

use twinrack_scenario::Scenario;
use twinrack_scenario::spec::migration::WireSpec;

use super::Simulate;
use super::blame::observed;
use super::fit::{Fit, errors, fit, jacobian};
use super::parameter::Parameter;
use super::quantity::Observed;
use crate::run::{MigrationStory, Run};
use crate::twin::{TwinCase, TwinFigure, Verdict, verdicts};

/// A run of the lab and its scenario as the simulator is to take it, with what is known of the host so far in it.
#[derive(Debug, Clone)]
pub struct LabRun {
    /// What to call it.
    pub name: String,
    /// What the lab told.
    pub run: Run,
    /// The scenario.
    pub scenario: Scenario,
}

/// A parameter and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The parameter.
    pub parameter: Parameter,
    /// What it was: that of the first run.
    pub before: f64,
    /// What it is.
    pub value: f64,
    /// One standard error; nothing for one that the runs don't determine.
    pub error: Option<f64>,
    /// Why they don't.
    pub why: Option<&'static str>,
}

/// The figures of some runs, simulated and measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Each run.
    pub cases: Vec<TwinCase>,
    /// Each figure over all of them.
    pub verdicts: Vec<Verdict>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Refit {
    /// All parameters of a host.
    pub parameters: Vec<Fitted>,
    /// The difference per quantity before and after, over the runs that were fitted: 1 is what may differ without a reason.
    pub differ: (f64, f64),
    /// The runs that were fitted, before and after.
    pub fitted: (Held, Held),
    /// Those held out.
    pub held_out: (Held, Held),
    /// The headers of pages on the wire, which were known.
    pub wire: WireSpec,
}

/// Why nothing was fitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefitError {
    /// Too few runs.
    #[error("{0} of {1} runs are held out, so that {2} are left to be fitted")]
    TooFew(usize, usize, usize),
    /// No run has a migration that completed.
    #[error("no run that is fitted has a live migration that completed")]
    NothingTold,
    /// The simulator failed.
    #[error("{0}")]
    Simulation(String),
}

/// Fits the host's parameters to all but every `one_in`th run.
pub fn refit(mut runs: Vec<LabRun>, one_in: usize, simulate: Simulate<'_>) -> Result<Refit, RefitError> {
    // In an order that nobody chose: that of a hash of what is in each.
    runs.sort_by_key(|lab| {
        let told = format!(
            "{} {} {}",
            lab.run.summary.scenario.blake3, lab.run.summary.seed, lab.run.summary.digest
        );
        *blake3::hash(told.as_bytes()).as_bytes()
    });
    let total = runs.len();
    let out = total.checked_div(one_in).unwrap_or(0);
    let rest = runs.split_off(out);
    let (held_out, fitting) = (runs, rest);
    if fitting.is_empty() || (one_in > 0 && out == 0) {
        return Err(RefitError::TooFew(out, total, fitting.len()));
    }
    let labs: Vec<Observed> = fitting.iter().map(|lab| Observed::of_lab(&lab.run)).collect();
    if labs.iter().all(|lab| lab.0.is_empty()) {
        return Err(RefitError::NothingTold);
    }
    let mut bench = Bench {
        fitting: &fitting,
        labs,
        simulate,
    };
    let (parameters, differ) = bench.fitted().map_err(RefitError::Simulation)?;
    let values: Vec<(Parameter, f64)> = parameters.iter().map(|own| (own.parameter, own.value)).collect();
    let held = |runs: &[LabRun], values: &[(Parameter, f64)]| held(runs, values, simulate);
    Ok(Refit {
        fitted: (
            held(&fitting, &[]).map_err(RefitError::Simulation)?,
            held(&fitting, &values).map_err(RefitError::Simulation)?,
        ),
        held_out: (
            held(&held_out, &[]).map_err(RefitError::Simulation)?,
            held(&held_out, &values).map_err(RefitError::Simulation)?,
        ),
        wire: fitting[0].scenario.spec.policies.migration.wire.clone(),
        parameters,
        differ,
    })
}

/// Parameters that runs do not determine, each with the reason.
type Untold = Vec<(Parameter, &'static str)>;

/// The runs that are fitted.
struct Bench<'a> {
    fitting: &'a [LabRun],
    labs: Vec<Observed>,
    simulate: Simulate<'a>,
}

impl Bench<'_> {
    fn residuals(&self, parameters: &[Parameter], values: &[f64]) -> Result<Vec<f64>, String> {
        let changes: Vec<(Parameter, f64)> = parameters.iter().copied().zip(values.iter().copied()).collect();
        let mut all = Vec::new();
        for (lab, own) in self.fitting.iter().zip(&self.labs) {
            all.extend(own.residuals(&observed(&lab.scenario, &changes, self.simulate)?));
        }
        Ok(all)
    }

    fn fitted(&mut self) -> Result<(Vec<Fitted>, (f64, f64)), String> {
        let all = Parameter::of_host();
        let spec = &self.fitting[0].scenario.spec;
        let starts: Vec<f64> = all.iter().map(|own| own.of(spec)).collect();
        let (told, untold) = self.told(&all, &starts)?;
        let start_of = |parameter: Parameter| {
            all.iter()
                .position(|own| *own == parameter)
                .map_or(0.0, |index| starts[index])
        };
        let free: Vec<_> = told.iter().map(|own| own.free(start_of(*own))).collect();
        let before: Vec<f64> = free.iter().map(|own| own.start).collect();
        let first = self.residuals(&told, &before)?;
        let Fit { values, cost, errors } = fit(&free, &mut |values| self.residuals(&told, values))?;
        let fitted = |parameter: &Parameter| {
            let before = start_of(*parameter);
            let place = told.iter().position(|own| own == parameter);
            Fitted {
                parameter: *parameter,
                before,
                value: place.map_or(before, |place| values[place]),
                error: place.map(|place| errors[place]),
                why: untold
                    .iter()
                    .find(|(own, _)| own == parameter)
                    .map(|(_, why)| *why),
            }
        };
        let count = first.len().max(1) as f64;
        let cost_before: f64 = first.iter().map(|own| own * own).sum();
        Ok((
            all.iter().map(fitted).collect(),
            (cost_before / count, cost / count),
        ))
    }

    /// The parameters that the runs tell of, and the others with the reason.
    fn told(&self, all: &[Parameter], starts: &[f64]) -> Result<(Vec<Parameter>, Untold), String> {
        let free: Vec<_> = all
            .iter()
            .zip(starts)
            .map(|(own, start)| own.free(*start))
            .collect();
        let now = self.residuals(all, starts)?;
        let columns = jacobian(&free, starts, &now, &mut |values| self.residuals(all, values))?;
        let mut told: Vec<(Parameter, Vec<f64>)> = all.iter().copied().zip(columns).collect();
        let mut untold = Vec::new();
        let silent = |column: &[f64]| column.iter().all(|own| *own == 0.0);
        untold.extend(
            told.iter()
                .filter(|own| silent(&own.1))
                .map(|own| (own.0, "it changes nothing in these runs")),
        );
        told.retain(|own| !silent(&own.1));
        loop {
            let columns: Vec<Vec<f64>> = told.iter().map(|own| own.1.clone()).collect();
            let unknown = errors(&columns).iter().rposition(|error| error.is_infinite());
            let Some(place) = unknown else { break };
            let (parameter, _) = told.remove(place);
            untold.push((parameter, "these runs can't tell it from the others"));
        }
        Ok((told.into_iter().map(|own| own.0).collect(), untold))
    }
}

/// The runs with such values, against what was measured.
fn held(runs: &[LabRun], values: &[(Parameter, f64)], simulate: Simulate<'_>) -> Result<Held, String> {
    let mut cases = Vec::new();
    for lab in runs {
        let mut scenario = lab.scenario.clone();
        for (parameter, value) in values {
            parameter.put(*value, &mut scenario.spec);
        }
        let simulated = simulate(&scenario)?;
        cases.push(TwinCase {
            name: lab.name.clone(),
            figures: figures(&simulated, &lab.run),
        });
    }
    Ok(Held {
        verdicts: verdicts(&cases),
        cases,
    })
}

/// What a prediction is held to: the sums over the migrations of a run that completed in both.
fn figures(simulated: &Run, lab: &Run) -> Vec<TwinFigure> {
    let completed = |run: &Run| -> Vec<MigrationStory> {
        run.migrations()
            .into_iter()
            .filter(|story| story.resumed_s.is_some())
            .collect()
    };
    let (simulated, lab) = (completed(simulated), completed(lab));
    let figure = |name: &str, unit: &str, of: &dyn Fn(&MigrationStory) -> f64| TwinFigure {
        name: name.to_owned(),
        unit: unit.to_owned(),
        simulated: simulated.iter().map(of).sum(),
        measured: vec![lab.iter().map(of).sum()],
    };
    vec![
        figure("migration.total_s", "s", &|story| {
            story.ended_s.unwrap_or_default() - story.started_s.unwrap_or_default()
        }),
        figure("migration.brownout_s", "s", &|story| story.brownout_s),
        figure("migration.bytes", "B", &|story| story.bytes),
        figure("migration.downtime_s", "s", &|story| story.downtime_s),
        figure("migration.rounds", "1", &|story| story.rounds.len() as f64),
    ]
}
