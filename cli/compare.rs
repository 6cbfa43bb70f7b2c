//! `twinrack compare`: tells whether new runs are worse than a baseline, and in what; `twinrack bless` makes a baseline.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use twinrack_reports::compare::{
    self, CompareError, Comparison, Outcome, Rules, Suite, compare, dashboards, explain, junit, markdown,
    text,
};
use twinrack_reports::html;
use twinrack_scenario::record::Better;

use crate::exit::{Exit, Stop, print};
use crate::report::write_atomically;
use crate::terminal::width;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal.
    Text,
    /// A comment of a pull request, at most 65 000 bytes.
    Markdown,
    /// Test results, for CI servers.
    Junit,
    /// A page with plots, in one file.
    Html,
    /// Everything, for programs.
    Json,
    /// The figures of the new runs that should be low, for github-action-benchmark's `customSmallerIsBetter`.
    Gab,
    /// Those that should be high, for its `customBiggerIsBetter`.
    GabBigger,
    /// The figures of the new runs in the Bencher Metric Format.
    Bmf,
}

/// From which verdict on the command fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ErrorOn {
    /// Anything is otherwise than it was, for the better or not: of simulated runs, that they are not the same to the last byte.
    Change,
    /// Something is worse by as much as warns, or a run or figure of the baseline is missing.
    Warn,
    /// Something is worse by as much as fails.
    Fail,
    /// Nothing: the report is what is wanted.
    Never,
}

/// Arguments of `compare`.
#[derive(Args)]
pub struct Compare {
    /// What was: a run's directory, a directory of runs, or a baseline.
    base: PathBuf,
    /// What is: likewise.
    new: PathBuf,
    /// How it is written.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Where it goes; standard output when absent.
    #[arg(long)]
    out: Option<PathBuf>,
    /// What ends with status 1.
    #[arg(long, value_enum, default_value = "fail")]
    error_on: ErrorOn,
    /// Limits of a figure in place of 1 % and 3 %: `migration.downtime_s=2%,5%` or, with what counts as no difference in the
    /// figure's unit, `migration.downtime_s=2%,5%,0.001`. Can be repeated.
    #[arg(long = "limit", value_name = "FIGURE=WARN,FAIL[,FLOOR]")]
    limits: Vec<String>,
    /// List and explain the figures that did not change too.
    #[arg(long)]
    all: bool,
    /// Explain the verdict on one figure, whether it changed or not, and print nothing else: `migration.downtime_s.max`.
    #[arg(long, value_name = "FIGURE", conflicts_with_all = ["format", "all"])]
    explain: Option<String>,
    /// The command that made the new runs: a report repeats it for its readers.
    #[arg(long, value_name = "COMMAND")]
    made_by: Option<String>,
}

impl Compare {
    /// Carries the verb out.
    pub fn carry_out(self) -> Result<Exit, Stop> {
        let mut rules = Rules::default();
        for limit in &self.limits {
            rules.add(limit).map_err(stopped)?;
        }
        let [base, new] = [&self.base, &self.new].map(|path| Suite::read(path).map_err(stopped));
        let mut comparison = compare(&base?, &new?, &rules).map_err(stopped)?;
        comparison.repeat = self.repeat();
        comparison.bless = self.base.is_file().then(|| self.bless());
        let content = self.written(&comparison)?;
        match &self.out {
            Some(path) => {
                write_atomically(path, content.as_bytes())?;
                print(&format!("{}\n{}\n", text::verdict(&comparison), path.display()))?;
            }
            None => print(&content)?,
        }
        self.ended(&comparison)
    }

    /// The command that makes this comparison again, by what made the new runs where that is known.
    fn repeat(&self) -> String {
        let made = self.made_by.iter().map(|command| format!("{command} && "));
        let limits = self.limits.iter().map(|limit| format!(" --limit {limit}"));
        format!(
            "{}twinrack compare {} {}{}",
            made.collect::<String>(),
            self.base.display(),
            self.new.display(),
            limits.collect::<String>()
        )
    }

    fn bless(&self) -> String {
        format!(
            "twinrack bless {} --out {}",
            self.new.display(),
            self.base.display()
        )
    }

    fn written(&self, comparison: &Comparison) -> Result<String, Stop> {
        if let Some(figure) = &self.explain {
            return explain::written(comparison, figure).map_err(stopped);
        }
        Ok(match self.format {
            Format::Text => text::written(comparison, width(), self.all),
            Format::Markdown => markdown::written(comparison),
            Format::Junit => junit::written(
                comparison,
                matches!(self.error_on, ErrorOn::Warn | ErrorOn::Change),
            ),
            Format::Html => html::compare::page(comparison),
            Format::Json => pretty(comparison)?,
            Format::Gab => pretty(&dashboards::action_benchmark(comparison, Better::Lower))?,
            Format::GabBigger => pretty(&dashboards::action_benchmark(comparison, Better::Higher))?,
            Format::Bmf => pretty(&dashboards::bencher(comparison))?,
        })
    }

    fn ended(&self, comparison: &Comparison) -> Result<Exit, Stop> {
        Ok(match (comparison.outcome, self.error_on) {
            (Outcome::Nothing, _) => {
                return Err(Stop::bad_input(
                    "error: nothing was compared\n = help: runs are compared with runs of the same scenario on the same body; \
                     measured ones take four repeats on each side at least",
                ));
            }
            (_, ErrorOn::Change) if comparison.differs() => Exit::Failed,
            (_, ErrorOn::Never) | (Outcome::Passed, _) | (Outcome::Warned, ErrorOn::Fail) => Exit::Done,
            (Outcome::Failed, _) | (Outcome::Warned, ErrorOn::Warn | ErrorOn::Change) => Exit::Failed,
        })
    }
}

fn pretty(value: &impl serde::Serialize) -> Result<String, Stop> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(Stop::bad_input)
}

/// Arguments of `bless`.
#[derive(Args)]
pub struct Bless {
    /// The runs: directories of runs, or of directories of runs.
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// The baseline: a file to keep beside the sources.
    #[arg(long)]
    out: PathBuf,
}

impl Bless {
    /// Carries the verb out.
    pub fn carry_out(self) -> Result<Exit, Stop> {
        let suite = Suite::read_all(&self.runs).map_err(stopped)?;
        let baseline = compare::bless(&suite).map_err(stopped)?;
        write_atomically(&self.out, baseline.as_bytes())?;
        print(&format!(
            "{} runs blessed, {} KiB, in {}\n",
            suite.samples.len(),
            baseline.len().div_ceil(1024),
            self.out.display()
        ))?;
        Ok(Exit::Done)
    }
}

fn stopped(error: CompareError) -> Stop {
    Stop::bad_input(format!(
        "error: {error}\n = help: `twinrack run --out DIR` makes runs, `twinrack bless DIR --out FILE` a baseline of them"
    ))
}
