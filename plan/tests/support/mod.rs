//! What tests of plans share: a question answered by the simulator, its trials kept nowhere.

use std::ops::ControlFlow;

use twinrack_plan::store::Store;
use twinrack_plan::{Answer, Means, PlanError, Question, plan};
use twinrack_scenario::Scenario;
use twinrack_scenario::read::NoFiles;
use twinrack_scenario::record::RunRecord;
use twinrack_sim::{RunOptions, run};

fn simulate(scenario: &Scenario, seed: u64) -> Result<RunRecord, PlanError> {
    run(scenario, RunOptions { seed }, &mut |_| ControlFlow::Continue(()))
        .map_err(|error| PlanError::Run(error.to_string()))
}

/// The answer to a scenario's question, with some of its values set anew.
pub fn answered(name: &str, yaml: &str, sets: &[(&str, &str)]) -> Answer {
    let sets = sets
        .iter()
        .map(|(path, value)| ((*path).to_owned(), (*value).to_owned()));
    let sets: Vec<_> = sets.collect();
    let question = Question::read(name, yaml, &NoFiles, &sets).expect("a question");
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path(), "test".to_owned()).expect("a store");
    let means = Means {
        run: &simulate,
        store: &store,
        tried: &|| (),
    };
    plan(&question, &means).expect("an answer")
}
