//! `twinrack plan`: how many hosts a scenario needs, of which kind, what breaks first, what it costs.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::Args;
use twinrack_plan::store::Store;
use twinrack_plan::{Answer, Means, PlanError, Question, plan, text};
use twinrack_scenario::Scenario;
use twinrack_scenario::read::FileLookup;
use twinrack_scenario::record::RunRecord;
use twinrack_sim::{RunError, RunOptions};

use crate::exit::{Exit, Stop, print};
use crate::progress::Counter;
use crate::report::write_atomically;
use crate::run::INTERRUPTED;
use crate::scenario::{drawing, setting, text_of};
use crate::terminal::width;

/// Arguments of `plan`.
#[derive(Args)]
pub struct Plan {
    /// The scenario file, with a section `plan`.
    scenario: PathBuf,
    /// Change a value of the scenario, before the plan's own values. Can be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = setting)]
    sets: Vec<(String, String)>,
    /// Where the answer goes, and every trial that was finished: the same command again goes on with the others.
    /// plans/NAME when absent.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Print plan.json and nothing else.
    #[arg(long)]
    json: bool,
    /// Threads; as many as there are processors when absent. The answer is the same with any number.
    #[arg(long)]
    threads: Option<usize>,
}

impl Plan {
    /// Carries the verb out.
    pub fn carry_out(self) -> Result<Exit, Stop> {
        let text = text_of(&self.scenario)?;
        let name = self.scenario.display().to_string();
        let lookup = FileLookup::for_file(&self.scenario);
        let question = Question::read(&name, &text, &lookup, &self.sets).map_err(stopped)?;
        let folder = self
            .out
            .clone()
            .unwrap_or_else(|| Path::new("plans").join(&question.alternatives[0].scenario.spec.name.value));
        crate::run::listen();
        let answer = self.answer(&question, &folder)?;
        let json = serde_json::to_string_pretty(&answer).map_err(Stop::bad_input)? + "\n";
        write_atomically(&folder.join("plan.json"), json.as_bytes())?;
        write_atomically(&folder.join("placement.csv"), &placement(&answer)?)?;
        if self.json {
            print(&json)?;
        } else {
            print(&text::written(&answer, width()))?;
            print(&format!(
                "\nanswer, trials and placement.csv in {}\n",
                folder.display()
            ))?;
        }
        Ok(if answer.best.is_some() {
            Exit::Done
        } else {
            Exit::Failed
        })
    }

    fn answer(&self, question: &Question, folder: &Path) -> Result<Answer, Stop> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads.unwrap_or(0))
            .build()
            .map_err(|error| Stop::bad_input(format!("error: threads: {error}")))?;
        // What makes a trial besides the scenario: this program, and what must hold.
        let store = Store::open(
            &folder.join("trials"),
            format!("{} {:?}", program_hash()?, question.plan),
        )
        .map_err(stopped)?;
        let counter = Counter::new("trials");
        let means = Means {
            run: &simulate,
            store: &store,
            tried: &|| counter.one_more(),
        };
        let answer = pool.install(|| plan(question, &means));
        counter.clear();
        answer.map_err(stopped)
    }
}

/// A run of a trial, until the user wishes to stop.
pub fn simulate(scenario: &Scenario, seed: u64) -> Result<RunRecord, PlanError> {
    let mut go_on = |_| {
        if INTERRUPTED.load(Ordering::SeqCst) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    twinrack_sim::run(scenario, RunOptions { seed }, &mut go_on).map_err(|error| match error {
        RunError::Interrupted(_) => PlanError::Interrupted,
        error => PlanError::Run(error.to_string()),
    })
}

/// BLAKE3 of this program: what another build made is made again.
pub fn program_hash() -> Result<String, Stop> {
    let program = std::env::current_exe()
        .and_then(std::fs::read)
        .map_err(|error| Stop::bad_input(format!("error: this program can't be read: {error}")))?;
    Ok(blake3::hash(&program).to_hex().to_string())
}

/// Where each VM goes: what is imported into a change plan.
fn placement(answer: &Answer) -> Result<Vec<u8>, Stop> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| Stop::bad_input(format!("error: placement.csv: {error}"));
    writer
        .write_record(["vm", "to", "reason", "priority"])
        .map_err(failed)?;
    let best = answer.best.map(|best| &answer.alternatives[best]);
    for (vm, host) in best.iter().flat_map(|best| &best.placement) {
        writer
            .write_record([vm.as_str(), host, "initial placement", "1"])
            .map_err(failed)?;
    }
    writer
        .into_inner()
        .map_err(|error| Stop::bad_input(format!("error: placement.csv: {error}")))
}

/// How the command ends on an error of a plan or a sweep.
pub fn stopped(error: PlanError) -> Stop {
    match error {
        PlanError::Rejected(rejected) => Stop::bad_input(rejected.drawn(drawing())),
        PlanError::Interrupted => Stop::interrupted(error),
        error => Stop::bad_input(format!("error: {error}")),
    }
}
