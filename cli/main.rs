//! The command: it parses, shows progress, prints and sets the exit status; everything else is in the libraries.

mod agent;
mod arguments;
mod calibrate;
mod check;
mod compare;
mod exit;
mod history;
mod import;
mod lab;
mod plan;
mod progress;
mod record;
mod report;
mod run;
mod scenario;
mod schema;
mod sweep;
mod terminal;
mod test;
mod twin;

use clap::{Parser, Subcommand};

use exit::Exit;

/// A datacenter testbed with two bodies and one brain: runs a scenario of hosts, clusters, storage, networks and VMs, and
/// tells what came out.
#[derive(Parser)]
#[command(version, max_term_width = 110, after_help = exit::HELP)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run a scenario and write its record.
    Run(run::Run),
    /// Run scenarios side by side and tell which hold what they expect.
    Test(test::Test),
    /// Find out how many hosts a scenario needs, of which kind, what breaks first and what it costs.
    Plan(plan::Plan),
    /// Compare runs with a baseline: the first event in which they differ, and what got worse.
    Compare(compare::Compare),
    /// Make a baseline of runs, for `compare`.
    Bless(compare::Bless),
    /// Keep the figures of commits in a file of lines, and draw their course.
    History(history::Verb),
    /// Run a scenario at many seeds and settings, cut into shards, here or on a cluster.
    Sweep(sweep::Sweep),
    /// Validate scenarios without running them: every fault with its line, a caret and the mend.
    Check(check::Check),
    /// Make a report of a record: a page, a summary, or a trace for Perfetto.
    Report(report::Report),
    /// Make a record of what the hosts of a lab wrote down.
    Record(record::Record),
    /// Bring demand traces in, or make one.
    Import(import::Import),
    /// The lab: find out what this host can do for the KVM body.
    Lab(lab::Lab),
    /// Serve a controller as the agent of this host; `run --backend kvm` starts agents itself.
    #[command(hide = true)]
    Agent(agent::Agent),
    /// Run a scenario, or a grid of cases, on both bodies and tell how far they part.
    Twin(twin::Twin),
    /// Measure what this host takes, and write a profile for the simulator.
    Calibrate(calibrate::Calibrate),
    /// Print the JSON Schema of the scenario, for editors.
    Schema(schema::Schema),
}

fn main() -> std::process::ExitCode {
    let verb = Arguments::parse().verb;
    let outcome = match verb {
        Verb::Run(verb) => verb.carry_out(),
        Verb::Test(verb) => verb.carry_out(),
        Verb::Plan(verb) => verb.carry_out(),
        Verb::Compare(verb) => verb.carry_out(),
        Verb::Bless(verb) => verb.carry_out(),
        Verb::History(verb) => verb.carry_out(),
        Verb::Sweep(verb) => verb.carry_out(),
        Verb::Check(verb) => verb.carry_out(),
        Verb::Report(verb) => verb.carry_out(),
        Verb::Record(verb) => verb.carry_out(),
        Verb::Import(verb) => verb.carry_out(),
        Verb::Lab(verb) => verb.carry_out(),
        Verb::Agent(verb) => verb.carry_out(),
        Verb::Twin(verb) => verb.carry_out(),
        Verb::Calibrate(verb) => verb.carry_out(),
        Verb::Schema(verb) => verb.carry_out(),
    };
    outcome.unwrap_or_else(Exit::explained).into()
}
