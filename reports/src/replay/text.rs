//! A replay for a terminal: the verdict, the events side by side, the figures, and what is off.

use std::fmt::Write as _;

use super::Replay;
use super::blame::{Blame, Suspect};
use super::parameter::Parameter;
use super::refit::Refit;
use crate::text::table::{Last, drawn, table};
use crate::text::{moment, quantity};
use crate::twin::{percent, written as figures_written};

/// Events that a terminal shows; the page has all.
const SHOWN: usize = 40;

impl Replay {
    /// The verdict, in a line.
    pub fn verdict(&self) -> String {
        let figures = &self.figures.figures;
        let within = figures.iter().filter(|figure| figure.within()).count();
        let name = &self.figures.name;
        let off = self.blame.off();
        format!(
            "REPLAY: {name}, {within} of {} figures within their band; {off}",
            figures.len()
        )
    }

    /// How far the clocks are apart, in a sentence.
    pub fn clocks(&self) -> String {
        let alignment = &self.alignment;
        let both = alignment.both();
        let all = alignment.events.len();
        let farthest = alignment.farthest().map_or_else(String::new, |event| {
            let apart = event.apart_s().unwrap_or_default();
            let how = if apart < 0.0 { "ahead of" } else { "behind" };
            format!(
                "; at most the simulation is {} {how} the lab, at {}",
                quantity(apart.abs(), "s"),
                event.what()
            )
        });
        format!(
            "{both} of {all} events are in both; their clocks are {} apart in the median{farthest}",
            quantity(alignment.median_s(), "s")
        )
    }
}

impl Blame {
    /// What is off, in words.
    pub fn off(&self) -> String {
        match &self.named {
            Some(suspect) => format!("off: {}", suspect.told()),
            None if self.quantities.is_empty() => {
                "no migration of the lab completed, so no model was held to one".to_owned()
            }
            None => format!(
                "no parameter is off: steps and rounds differ by {:.1} times what may differ without a reason",
                self.differ.sqrt()
            ),
        }
    }
}

impl Blame {
    /// How another explanation compares with the one that is named.
    pub fn likely(&self, other: &Suspect) -> &'static str {
        if self.named.as_ref().is_some_and(|named| other.rivals(named)) {
            "as likely"
        } else {
            "less likely"
        }
    }
}

impl Suspect {
    /// The parameters and their change, and how much of the difference that removes.
    pub fn told(&self) -> String {
        let change = |(parameter, from, to): &(Parameter, f64, f64)| {
            let shown = |value: f64| shown(*parameter, value);
            format!(
                "{} ({} here, {} fits)",
                parameter.name(),
                shown(*from),
                shown(*to)
            )
        };
        let changes: Vec<String> = self.changes.iter().map(change).collect();
        format!(
            "{}, which removes {} of the difference",
            changes.join(" and "),
            percent(self.explains)
        )
    }
}

/// A value of a parameter: what multiplies as a percentage.
pub fn shown(parameter: Parameter, value: f64) -> String {
    if parameter.multiplies() {
        return format!("{:.2} %", value * 100.0);
    }
    quantity(value, parameter.unit())
}

/// The replay, for a terminal of `width` columns.
pub fn written(replay: &Replay, width: u16) -> String {
    let mut text = format!("{}\n\n", replay.verdict());
    let mut events = table(
        width,
        &["event", "simulated", "measured", "apart"],
        &[1, 2, 3],
        Last::Number,
    );
    for event in replay.alignment.events.iter().take(SHOWN) {
        let at = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), moment);
        let apart = event
            .apart_s()
            .map_or_else(String::new, |apart| signed(apart, "s"));
        events.add_row([event.what(), at(event.simulated_s), at(event.measured_s), apart]);
    }
    text += &drawn(&events);
    let more = replay.alignment.events.len().saturating_sub(SHOWN);
    if more > 0 {
        let _ = write!(text, "\n … and {more} more");
    }
    // Writing into a text can't fail.
    let _ = write!(text, "\n\n{}\n\n", replay.clocks());
    text += "figures: simulated / measured (error, spread of the repeats)\n";
    text += &figures_written(&replay.figures);
    text += "\nquantities of migrations that differ most, in units of what may differ without a reason\n";
    for (key, own, there) in worst(&replay.blame) {
        let simulated = there.map_or_else(|| "none".to_owned(), |value| quantity(value, key.what.unit()));
        let _ = writeln!(
            text,
            "  {:<34} {simulated} / {} ({:+.1})",
            format!("{}, {}", key.vm, key.what.name()),
            quantity(own.value, key.what.unit()),
            (there.unwrap_or(0.0) - own.value) / own.sigma
        );
    }
    let _ = writeln!(text, "\n{}", replay.blame.off());
    for other in replay.blame.others.iter().take(3) {
        let _ = writeln!(text, "  {}: {}", replay.blame.likely(other), other.told());
    }
    text += &inputs(replay);
    text
}

/// What the simulator was given.
fn inputs(replay: &Replay) -> String {
    let mut text = String::from("given to the simulator\n");
    for input in &replay.inputs {
        let _ = writeln!(
            text,
            "  {:<28} {:>12}  {}",
            input.parameter.name(),
            shown(input.parameter, input.value),
            input.from
        );
    }
    if !replay.blame.untold.is_empty() {
        let names: Vec<&str> = replay.blame.untold.iter().map(|own| own.name()).collect();
        let _ = writeln!(text, "  not to be told from this run: {}", names.join(", "));
    }
    text
}

/// The quantities that differ most.
fn worst(blame: &Blame) -> Vec<&(super::quantity::Key, super::quantity::Quantity, Option<f64>)> {
    const WORST: usize = 8;
    let off = |(_, own, there): &(super::quantity::Key, super::quantity::Quantity, Option<f64>)| {
        ((there.unwrap_or(0.0) - own.value) / own.sigma).abs()
    };
    let mut list: Vec<_> = blame.quantities.iter().collect();
    list.sort_by(|a, b| off(b).total_cmp(&off(a)));
    list.truncate(WORST);
    list
}

/// A difference with its sign.
pub fn signed(value: f64, unit: &str) -> String {
    let sign = if value < 0.0 { "-" } else { "+" };
    format!("{sign}{}", quantity(value.abs(), unit))
}

/// A fit, for a terminal of `width` columns.
pub fn refitted(refit: &Refit, width: u16) -> String {
    let mut parameters = table(
        width,
        &["parameter", "before", "fitted", "known to", ""],
        &[1, 2, 3],
        Last::Words,
    );
    for fitted in &refit.parameters {
        let value = |value: f64| shown(fitted.parameter, value);
        let (after, known, why) = match fitted.error {
            Some(error) => (value(fitted.value), format!("± {}", value(error)), ""),
            None => ("kept".to_owned(), String::new(), fitted.why.unwrap_or_default()),
        };
        parameters.add_row([
            fitted.parameter.name().to_owned(),
            value(fitted.before),
            after,
            known,
            why.to_owned(),
        ]);
    }
    let mut errors = table(
        width,
        &[
            "median error",
            "runs",
            "before",
            "after",
            "95 % within",
            "gate",
            "",
        ],
        &[1, 2, 3, 4, 5],
        Last::Words,
    );
    for (which, (before, after)) in [("fitted", &refit.fitted), ("held out", &refit.held_out)] {
        for (was, is) in before.verdicts.iter().zip(&after.verdicts) {
            errors.add_row([
                format!("{}, {which}", is.name),
                after.cases.len().to_string(),
                percent(was.median),
                percent(is.median),
                percent(is.p95),
                is.gate.to_string(),
                if is.ok { "kept" } else { "missed" }.to_owned(),
            ]);
        }
    }
    format!(
        "{}\n\nsteps and rounds differed by {:.1} times what may differ without a reason, now by {:.1}\n\n{}\n",
        drawn(&parameters),
        refit.differ.0.sqrt(),
        refit.differ.1.sqrt(),
        drawn(&errors)
    )
}
