//! `twinrack plan`: how many hosts a scenario needs, of which kind, what breaks first, what it costs.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::Args;
use twinrack_plan::answer::spare_words;
use twinrack_plan::overlay::{Change, OverlayError, listed, overlaid};
use twinrack_plan::store::Store;
use twinrack_plan::whatif::State;
use twinrack_plan::{Answer, Means, PlanError, Question, html, plan, text};
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
    /// What if? A change to the hosts or VMs that there are: add-hosts=6:dell-r740-8280, remove-hosts=2:node, add-vms=40:web,
    /// remove-vms=10:web, growth=2%/month, set=PATH=VALUE, or a file with a list of them. Can be repeated: each comes on top
    /// of those before it, and the scenario is shown before and after each.
    #[arg(long = "with", value_name = "CHANGE|FILE.yaml")]
    with: Vec<String>,
    /// Write the scenario with all changes of --with.
    #[arg(long, value_name = "FILE.yaml", requires = "with")]
    save: Option<PathBuf>,
    /// Write the page of the answer here too; it is always in the answer's folder.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
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
        crate::run::listen();
        if self.with.is_empty() {
            self.answer(&text)
        } else {
            self.what_if(text)
        }
    }

    /// How many hosts the scenario needs.
    fn answer(&self, text: &str) -> Result<Exit, Stop> {
        let question = self.question(text)?;
        let folder = self.folder(&question);
        let answer = self.on_threads(&folder, |trials| {
            trials.with(&question, |means| plan(&question, means))
        })?;
        let json = serde_json::to_string_pretty(&answer).map_err(Stop::bad_input)? + "\n";
        write_atomically(&folder.join("plan.json"), json.as_bytes())?;
        write_atomically(&folder.join("placement.csv"), &placement(&answer)?)?;
        let actions = text::actions::csv(&answer.actions).map_err(Stop::bad_input)?;
        write_atomically(&folder.join("actions.csv"), &actions)?;
        self.write_page(&folder.join("plan.html"), &html::page(&answer))?;
        if self.json {
            print(&json)?;
        } else {
            print(&text::written(&answer, width()))?;
            print(&format!(
                "\nplan.html, plan.json, placement.csv, actions.csv and trials in {}\n",
                folder.display()
            ))?;
        }
        Ok(if answer.best.is_some() {
            Exit::Done
        } else {
            Exit::Failed
        })
    }

    /// What changes would do to the hosts that there are.
    fn what_if(&self, mut text: String) -> Result<Exit, Stop> {
        let wrong = |error: OverlayError| Stop::bad_input(format!("error: --with {error}"));
        let before = self.question(&text)?;
        let folder = self.folder(&before);
        let mut steps = vec![(None, before)];
        for change in self.changes()? {
            text = overlaid(&text, &change).map_err(wrong)?;
            steps.push((Some(change.to_string()), self.question(&text)?));
        }
        let states = self.on_threads(&folder, |trials| {
            let state = |(change, question): &(Option<String>, Question)| {
                trials.with(question, |means| State::of(change.clone(), question, means))
            };
            steps.iter().map(state).collect::<Result<Vec<State>, _>>()
        })?;
        let json = serde_json::to_string_pretty(&states).map_err(Stop::bad_input)? + "\n";
        write_atomically(&folder.join("what-if.json"), json.as_bytes())?;
        let (name, plan) = steps.last().map_or(("", None), |(_, question)| {
            (question.present.scenario.spec.name.as_str(), Some(&question.plan))
        });
        let spare = plan.map_or(String::new(), |plan| spare_words(&plan.spare));
        self.write_page(
            &folder.join("what-if.html"),
            &html::what_if(name, &states, &spare),
        )?;
        if let Some(path) = &self.save {
            write_atomically(path, text.as_bytes())?;
        }
        if self.json {
            print(&json)?;
        } else {
            let spare = steps
                .last()
                .map(|(_, question)| spare_words(&question.plan.spare));
            print(&text::whatif::written(
                &states,
                &spare.unwrap_or_default(),
                width(),
            ))?;
            let saved = self
                .save
                .as_ref()
                .map(|path| format!("; the scenario in {}", path.display()));
            print(&format!(
                "\nwhat-if.html, what-if.json and trials in {}{}\n",
                folder.display(),
                saved.unwrap_or_default()
            ))?;
        }
        Ok(match states.last() {
            Some(after) if after.fits() => Exit::Done,
            _ => Exit::Failed,
        })
    }

    /// Writes a page to the answer's folder, and where it was asked for.
    fn write_page(&self, path: &Path, page: &str) -> Result<(), Stop> {
        write_atomically(path, page.as_bytes())?;
        match &self.html {
            Some(path) => write_atomically(path, page.as_bytes()),
            None => Ok(()),
        }
    }

    /// The changes asked for, those of files in their places.
    fn changes(&self) -> Result<Vec<Change>, Stop> {
        let wrong = |error: OverlayError| Stop::bad_input(format!("error: --with {error}"));
        let mut changes = Vec::new();
        for with in &self.with {
            let is_file = !with.contains('=');
            if is_file && [".yaml", ".yml"].iter().any(|ending| with.ends_with(ending)) {
                changes.extend(listed(with, &text_of(Path::new(with))?).map_err(wrong)?);
            } else {
                changes.push(with.parse().map_err(wrong)?);
            }
        }
        Ok(changes)
    }

    fn question(&self, text: &str) -> Result<Question, Stop> {
        let name = self.scenario.display().to_string();
        let lookup = FileLookup::for_file(&self.scenario);
        Question::read(&name, text, &lookup, &self.sets).map_err(stopped)
    }

    fn folder(&self, question: &Question) -> PathBuf {
        let named = || Path::new("plans").join(&question.present.scenario.spec.name.value);
        self.out.clone().unwrap_or_else(named)
    }

    /// Works on as many threads as were asked for, counting trials where somebody looks.
    fn on_threads<T: Send>(
        &self,
        folder: &Path,
        work: impl FnOnce(&Trials) -> Result<T, PlanError> + Send,
    ) -> Result<T, Stop> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads.unwrap_or(0))
            .build()
            .map_err(|error| Stop::bad_input(format!("error: threads: {error}")))?;
        let trials = Trials {
            folder: folder.join("trials"),
            program: program_hash()?,
            counter: Counter::new("trials"),
        };
        let done = pool.install(|| work(&trials));
        trials.counter.clear();
        done.map_err(stopped)
    }
}

/// Where trials are made and kept.
struct Trials {
    folder: PathBuf,
    program: String,
    counter: Counter,
}

impl Trials {
    /// What makes a trial besides the scenario is this program and what must hold.
    fn with<T>(
        &self,
        question: &Question,
        work: impl FnOnce(&Means<'_>) -> Result<T, PlanError>,
    ) -> Result<T, PlanError> {
        let store = Store::open(&self.folder, format!("{} {:?}", self.program, question.plan))?;
        work(&Means {
            run: &simulate,
            store: &store,
            tried: &|| self.counter.one_more(),
        })
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
    let placed = best.and_then(|best| best.measured.as_ref());
    for (vm, host) in placed.iter().flat_map(|placed| &placed.placement) {
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
