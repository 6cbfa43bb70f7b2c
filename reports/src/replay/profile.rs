//! A profile from a fit, in the form that `policies.profile` takes: the parameters that the runs determine, and where they come from.

use std::fmt::Write as _;

use super::parameter::Parameter;
use super::refit::{Fitted, Held, Refit};
use crate::twin::percent;

/// The profile as YAML; `runs` says in words which they were.
pub fn yaml(refit: &Refit, runs: &str) -> String {
    let mut text = format!(
        "# What a host takes for migrations, for `policies: {{profile: ./FILE}}` of a scenario that is not scaled.\n\
         source: >-\n  Fitted by `twinrack calibrate --from` to {} runs, {} held out. {runs}\nmeasured:\n",
        refit.fitted.0.cases.len(),
        refit.held_out.0.cases.len(),
    );
    // Writing into a text can't fail.
    for fitted in &refit.parameters {
        let told = match (fitted.error, fitted.why) {
            (Some(error), _) => format!("value: {:e}, error: {error:e}", fitted.value),
            (None, why) => format!("kept: {:e}, why: \"{}\"", fitted.value, why.unwrap_or_default()),
        };
        let _ = writeln!(
            text,
            "  - {{name: {}, unit: \"{}\", {told}}}",
            fitted.parameter.name().replace(',', ""),
            fitted.parameter.unit()
        );
    }
    for (which, (before, after)) in [("fitted", &refit.fitted), ("held out", &refit.held_out)] {
        let _ = errors(&mut text, which, before, after);
    }
    text += "migration:\n";
    let told = |parameter: Parameter| {
        refit
            .parameters
            .iter()
            .find(|own| own.parameter == parameter && own.error.is_some())
    };
    if let Some(goodput) = told(Parameter::Goodput) {
        let _ = writeln!(text, "  efficiency: {:.4}%", goodput.value * 100.0);
    }
    if let Some(header) = told(Parameter::PageHeader) {
        let _ = writeln!(text, "  page_header: {:.0}B", header.value);
    }
    if !refit.wire.is_bare() {
        let _ = writeln!(text, "  wire: {}", refit.wire);
    }
    let timings: Vec<String> = refit.parameters.iter().filter_map(timing).collect();
    if !timings.is_empty() {
        text += "  timings:\n";
        text += &timings.concat();
    }
    text
}

fn errors(text: &mut String, which: &str, before: &Held, after: &Held) -> std::fmt::Result {
    for (before, after) in before.verdicts.iter().zip(&after.verdicts) {
        writeln!(
            text,
            "  - {{name: {}, runs: {which}, error_before: {}, error_after: {}}}",
            after.name,
            percent(before.median).replace(' ', ""),
            percent(after.median).replace(' ', "")
        )?;
    }
    Ok(())
}

/// The lines of a step, where the runs determine it.
fn timing(fitted: &Fitted) -> Option<String> {
    fitted.error?;
    let time = format!("{:.0}ns", fitted.value * 1e9);
    Some(match fitted.parameter {
        Parameter::RoundTurn => format!("    round: {time}\n"),
        Parameter::LogStart => format!("    log_start: {time}\n"),
        Parameter::SetUp => format!("    validation: 0s\n    setup: {time}\n"),
        Parameter::SetUpPerGib => format!("    setup_per_gib: {time}\n"),
        Parameter::Pause => format!("    pause: {time}\n"),
        Parameter::PausePerVcpu => format!("    pause_per_vcpu: {time}\n"),
        Parameter::State => format!("    state: {:.0}B\n", fitted.value),
        Parameter::StatePerVcpu => format!("    state_per_vcpu: {:.0}B\n", fitted.value),
        Parameter::HandOver => format!("    csv_hand_over: {time}\n    lun_hand_over: {time}\n"),
        Parameter::Resume => format!("    resume: {time}\n"),
        Parameter::ResumePerVcpu => format!("    resume_per_vcpu: {time}\n"),
        Parameter::CleanUp => format!("    announce: 0s\n    clean_up: {time}\n"),
        Parameter::Goodput | Parameter::PageHeader | Parameter::DirtyRate | Parameter::WorkingSet => {
            return None;
        }
    })
}
