//! What a plan needs from outside: who carries a scenario out, where trials are kept, who is told of each.

use serde::Serialize;
use serde::de::DeserializeOwned;
use twinrack_scenario::spec::plan::PlanSpec;

use crate::question::{Alternative, PlanError};
use crate::store::Store;
use crate::trial::{Candidate, Runner, Trial, carry_out};

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
    /// What came of something that was tried on an alternative: as it was kept, or made now. `tried` names it among all else.
    pub(crate) fn outcome<T: Serialize + DeserializeOwned>(
        &self,
        alternative: &Alternative,
        tried: &str,
        make: impl FnOnce() -> Result<T, PlanError>,
    ) -> Result<T, PlanError> {
        let outcome = if let Some(kept) = self.store.kept(alternative, tried) {
            kept
        } else {
            let made = make()?;
            self.store.keep(alternative, tried, &made)?;
            made
        };
        (self.tried)();
        Ok(outcome)
    }

    /// A trial, kept or carried out.
    pub(crate) fn trial(
        &self,
        alternative: &Alternative,
        plan: &PlanSpec,
        candidate: Candidate,
    ) -> Result<Trial, PlanError> {
        self.outcome(alternative, &candidate.key(), || {
            carry_out(&alternative.scenario, plan, candidate, self.run)
        })
    }
}
