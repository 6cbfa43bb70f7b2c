//! What a lab's log measured by itself, and the simulator is therefore given: the steps that have an event at either end.
//!
//! A step that can't be seen by itself, as the turn between rounds or the rate that a stream reaches, is no input: there the
//! scenario's or a profile's number is held against the lab.

use twinrack_scenario::spec::ScenarioSpec;
use twinrack_scenario::spec::migration::MigrationPolicySpec;
use twinrack_scenario::units::{Bytes, SimDuration};

use super::parameter::Parameter;
use crate::run::{MigrationStory, Run};
use crate::twin::quantile;

/// A number that the simulator is given.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// What.
    pub parameter: Parameter,
    /// Its value.
    pub value: f64,
    /// In words how it came about.
    pub from: String,
}

/// The steps that a log measured: the median over its migrations of each.
pub fn of_log(run: &Run) -> Vec<Input> {
    let stories: Vec<MigrationStory> = run
        .migrations()
        .into_iter()
        .filter(|story| story.resumed_s.is_some() && story.how == "live")
        .collect();
    let input = |parameter: Parameter, from: &str, of: &dyn Fn(&MigrationStory) -> Option<f64>| {
        let values: Vec<f64> = stories
            .iter()
            .filter_map(of)
            .map(|value| value.max(0.0))
            .collect();
        (!values.is_empty()).then(|| Input {
            parameter,
            value: quantile(&values, 0.5),
            from: from.to_owned(),
        })
    };
    let inputs = [
        input(
            Parameter::SetUp,
            "from the start until the first page was sent",
            &|story| {
                let first = story.rounds.first()?;
                Some(first.end_s - first.seconds - story.started_s?)
            },
        ),
        input(
            Parameter::Pause,
            "stop, log and save of the black-out",
            &|story| Some(story.blackout?.stop_s),
        ),
        input(
            Parameter::State,
            "bytes that were neither of a round nor of a page",
            &state,
        ),
        input(Parameter::HandOver, "commit of the black-out", &|story| {
            Some(story.blackout?.commit_s)
        }),
        input(
            Parameter::Resume,
            "the black-out beyond these and what its bytes take",
            &resume,
        ),
        input(Parameter::CleanUp, "from when it ran until the end", &|story| {
            Some(story.ended_s? - story.resumed_s?)
        }),
    ];
    let inputs = inputs.into_iter().flatten();
    inputs
        .flat_map(|input| [whole(&input), Some(input)])
        .flatten()
        .collect()
}

/// A step that was measured whole grows by nothing more.
fn whole(step: &Input) -> Option<Input> {
    let parameter = step.parameter.growth()?;
    Some(Input {
        parameter,
        value: 0.0,
        from: "in the step that was measured".to_owned(),
    })
}

/// Bytes sent in the pause, pages and state.
fn in_pause(story: &MigrationStory) -> f64 {
    story.bytes - story.rounds.iter().map(|round| round.bytes).sum::<f64>()
}

/// The black-out's bytes that are no pages.
fn state(story: &MigrationStory) -> Option<f64> {
    let pages = story.rounds.last()?.dirtied;
    // Headers of pages go with the pages: those of the last round are taken for them.
    let last = story.rounds.last().filter(|round| round.pages > 0.0)?;
    Some(in_pause(story) - pages * (last.bytes / last.pages))
}

/// What the black-out took beyond stop, hand-over and the bytes at the rate of the first round.
fn resume(story: &MigrationStory) -> Option<f64> {
    let first = story.rounds.first().filter(|round| round.bytes > 0.0)?;
    let parts = story.blackout.map_or(0.0, |parts| parts.stop_s + parts.commit_s);
    let whole = story.resumed_s? - story.paused_s?;
    Some(whole - parts - in_pause(story) * first.seconds / first.bytes)
}

/// The numbers of a profile that a scenario is to take instead, and which.
fn of_profile(profile: &MigrationPolicySpec, name: &str) -> Vec<Input> {
    let timings = &profile.timings;
    let seconds = |time: Option<SimDuration>| time.map(SimDuration::as_secs_f64);
    let values = [
        (Parameter::Goodput, profile.efficiency.map(|share| share.0)),
        (Parameter::RoundTurn, seconds(timings.round)),
        (Parameter::LogStart, seconds(timings.log_start)),
        (Parameter::PageHeader, profile.page_header.map(Bytes::as_f64)),
        (Parameter::SetUp, seconds(timings.setup)),
        (Parameter::SetUpPerGib, seconds(timings.setup_per_gib)),
        (Parameter::Pause, seconds(timings.pause)),
        (Parameter::PausePerVcpu, seconds(timings.pause_per_vcpu)),
        (Parameter::State, timings.state.map(Bytes::as_f64)),
        (Parameter::StatePerVcpu, timings.state_per_vcpu.map(Bytes::as_f64)),
        (Parameter::HandOver, seconds(timings.csv_hand_over)),
        (Parameter::Resume, seconds(timings.resume)),
        (Parameter::ResumePerVcpu, seconds(timings.resume_per_vcpu)),
        (Parameter::CleanUp, seconds(timings.clean_up)),
    ];
    let input = |(parameter, value): (Parameter, Option<f64>)| {
        value.map(|value| Input {
            parameter,
            value,
            from: format!("profile {name}"),
        })
    };
    values.into_iter().filter_map(input).collect()
}

/// Has a scenario take what a profile says, where it says nothing itself: the parameters, which are given back, and the headers of the
/// wire, which are known of a host and never fitted.
pub fn put_profile(profile: &MigrationPolicySpec, name: &str, spec: &mut ScenarioSpec) -> Vec<Input> {
    let wire = &mut spec.policies.migration.wire;
    if wire.is_bare() {
        *wire = profile.wire.clone();
    }
    put(of_profile(profile, name), spec)
}

/// Puts inputs into a scenario, but for those that it states itself or that were there before; gives those that were put and say something.
pub fn put(inputs: Vec<Input>, spec: &mut ScenarioSpec) -> Vec<Input> {
    let mut given = Vec::new();
    for input in inputs {
        if !input.parameter.is_stated(spec) {
            let is_nothing_new = input.value == 0.0 && input.parameter.of(spec) == 0.0;
            input.parameter.put(input.value, spec);
            if !is_nothing_new {
                given.push(input);
            }
        }
    }
    given
}
