//! The comparison on a terminal: the verdict first, then the first difference, what moved and why, and what did not.

use std::collections::BTreeMap;

use twinrack_scenario::record::figure::kind_of;

use super::exact::{Exactly, FirstDifference, Told};
use super::gates::signed;
use super::{Comparison, Differing, FigureVerdict, Outcome, ScenarioComparison, Verdict};
use crate::text::table::{Last, drawn, table};
use crate::text::{moment, moments, quantity};

/// Seeds whose first difference is told; of more it says how many.
const TOLD: usize = 3;

/// One line that says how the comparison came out.
pub fn verdict(comparison: &Comparison) -> String {
    let count = |verdict| comparison.count(verdict);
    let worse = count(Verdict::Failed) + count(Verdict::Warned);
    let word = match comparison.outcome {
        Outcome::Nothing => "NOTHING COMPARED",
        Outcome::Failed => "REGRESSED",
        Outcome::Warned => "WARNED",
        Outcome::Passed => "NO REGRESSION",
    };
    let told = [
        (worse, "worse"),
        (count(Verdict::Gone), "gone"),
        (comparison.missing.len(), "runs missing"),
        (count(Verdict::Undecided), "undecided"),
        (count(Verdict::Improved), "better"),
        (count(Verdict::Changed), "changed"),
        (count(Verdict::Appeared), "new"),
        (count(Verdict::Unchanged), "unchanged"),
    ];
    let told = told.iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> = told.map(|(count, what)| format!("{count} {what}")).collect();
    let scenarios = match comparison.scenarios.len() {
        1 => comparison.scenarios[0].name.clone(),
        many => format!("{many} scenarios"),
    };
    format!(
        "{word}: of {} figures of {scenarios} {}",
        comparison.figures(),
        if told.is_empty() {
            "none was compared".to_owned()
        } else {
            told.join(", ")
        }
    )
}

/// The whole comparison, `width` columns wide; with `all` every figure that did not change too.
pub fn written(comparison: &Comparison, width: u16, all: bool) -> String {
    let mut parts = vec![
        verdict(comparison),
        format!("baseline  {}\nnew       {}", comparison.base, comparison.new),
    ];
    let (identical, others): (Vec<_>, Vec<_>) = comparison
        .scenarios
        .iter()
        .partition(|scenario| !all && is_identical(scenario));
    parts.extend(others.into_iter().map(|item| scenario(item, width, all)));
    let identical: Vec<String> = identical.into_iter().map(head).collect();
    parts.extend((!identical.is_empty()).then(|| identical.join("\n")));
    parts.extend(listed("in the baseline alone", &comparison.missing));
    parts.extend(listed("not in the baseline", &comparison.added));
    parts.extend(if_meant(comparison));
    parts.join("\n\n") + "\n"
}

/// How to bless what came out, where something did come out otherwise.
fn if_meant(comparison: &Comparison) -> Option<String> {
    let bless = comparison.bless.as_ref().filter(|_| comparison.differs())?;
    Some(format!("if this is meant: {bless}"))
}

fn listed(what: &str, names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| format!("{what}: {}", names.join(", ")))
}

fn scenario(scenario: &ScenarioComparison, width: u16, all: bool) -> String {
    let mut lines = vec![head(scenario)];
    lines.extend(scenario.differing.iter().take(TOLD).map(difference));
    let more = scenario.differing.len().saturating_sub(TOLD);
    if more > 0 {
        lines.push(format!("  … and {more} seeds more that differ"));
    }
    let (unchanged, moved): (Vec<_>, Vec<_>) = scenario
        .figures
        .iter()
        .partition(|figure| figure.verdict == Verdict::Unchanged);
    let shown = if all {
        scenario.figures.iter().collect()
    } else {
        moved
    };
    if !shown.is_empty() {
        lines.push(drawn(&figures(&shown, width)));
    }
    if !all && !unchanged.is_empty() {
        lines.push(format!(" {}", grouped(&unchanged)));
    }
    lines.join("\n")
}

/// Whether all that is to be said of a scenario is that nothing changed.
fn is_identical(scenario: &ScenarioComparison) -> bool {
    scenario.differing.is_empty()
        && scenario
            .figures
            .iter()
            .all(|figure| figure.verdict == Verdict::Unchanged)
}

/// What was compared: `live-migration (sim), 20 seeds (0-19), 18 of 20 identical`.
pub fn head(scenario: &ScenarioComparison) -> String {
    let mut parts = vec![format!("{} ({})", scenario.name, scenario.backend)];
    let (base, new) = (seeds(&scenario.base_seeds), seeds(&scenario.new_seeds));
    parts.push(if base == new {
        base
    } else {
        format!("{base} against {new}")
    });
    let pairs = scenario.identical.len() + scenario.differing.len();
    if pairs > 0 && scenario.differing.is_empty() {
        parts.push("identical to the last byte".to_owned());
    } else if pairs > 0 {
        parts.push(format!("{} of {pairs} identical", scenario.identical.len()));
    }
    if scenario.scenario_differs {
        parts.push("the scenario itself differs".to_owned());
    }
    parts.join(", ")
}

/// `seed 1`, `seeds 0-19`, `seeds 1, 4`.
fn seeds(seeds: &[u64]) -> String {
    let in_a_row = seeds.windows(2).all(|two| two[0].checked_add(1) == Some(two[1]));
    match seeds {
        [one] => format!("seed {one}"),
        [first, .., last] if in_a_row => format!("seeds {first}-{last}"),
        [first, .., last] if seeds.len() > 8 => format!("{} runs of seeds {first} to {last}", seeds.len()),
        _ => {
            let all: Vec<String> = seeds.iter().map(u64::to_string).collect();
            format!("seeds {}", all.join(", "))
        }
    }
}

/// In what two runs at one seed differ.
pub fn difference(differing: &Differing) -> String {
    let seed = differing.seed;
    match &differing.exactly {
        Exactly::Identical => format!("  seed {seed}: identical"),
        Exactly::EventsAlike { events } => {
            format!("  seed {seed}: all {events} events are alike; figures or what hosts drew differ")
        }
        Exactly::NotKept => {
            format!(
                "  seed {seed}: differs; in which event can't be told, as the baseline keeps no events of long runs"
            )
        }
        Exactly::Event(first) => format!("  seed {seed}: {}", first_difference(first)),
    }
}

fn first_difference(first: &FirstDifference) -> String {
    let keys = if first.keys.is_empty() {
        String::new()
    } else {
        format!(" in {}", first.keys.join(", "))
    };
    let [base, new] = told(first);
    format!(
        "first difference at event {}{keys}\n    baseline  {}\n    new       {}\n    {} events follow it; from it on {} are in the \
         baseline alone, {} in the new run alone",
        first.number, base, new, first.following, first.base_alone, first.new_alone
    )
}

/// The event on both sides, each with its moment.
fn told(first: &FirstDifference) -> [String; 2] {
    let line = |time: &str, event: &Told| format!("{time}  {}", event.words);
    let alone =
        |event: Option<&Told>| event.map_or("has ended".to_owned(), |event| line(&moment(event.t_s), event));
    match (&first.base, &first.new) {
        (Some(base), Some(new)) => {
            let [base_time, new_time] = moments([base.t_s, new.t_s]);
            [line(&base_time, base), line(&new_time, new)]
        }
        (base, new) => [alone(base.as_ref()), alone(new.as_ref())],
    }
}

fn figures(figures: &[&FigureVerdict], width: u16) -> comfy_table::Table {
    let header = ["", "figure", "baseline", "new", "change", "why"];
    let mut table = table(width, &header, &[2, 3, 4], Last::Words);
    for (name, figure) in rows(figures) {
        let [base, new] = sides(figure);
        table.add_row([
            figure.verdict.word().to_owned(),
            name,
            base,
            new,
            change(figure),
            figure.why.join("; "),
        ]);
    }
    table
}

/// Figures by the name they are shown by: statistics of one figure that came out alike are one row, `migration.rounds.*`.
pub fn rows<'a>(figures: &[&'a FigureVerdict]) -> Vec<(String, &'a FigureVerdict)> {
    let mut rows: Vec<(String, &FigureVerdict)> = Vec::new();
    for figure in figures {
        let kind = kind_of(&figure.figure).filter(|kind| !kind.stats.is_empty());
        let alike = |row: &FigureVerdict| {
            kind.is_some()
                && kind == kind_of(&row.figure)
                && sides(row) == sides(figure)
                && row.why == figure.why
        };
        match (rows.iter_mut().find(|(_, row)| alike(row)), kind) {
            (Some((name, _)), Some(kind)) => *name = format!("{}.*", kind.name),
            _ => rows.push((figure.figure.clone(), figure)),
        }
    }
    rows
}

/// The means of both sides with units; a dash where there is none.
pub fn sides(figure: &FigureVerdict) -> [String; 2] {
    [figure.base, figure.new]
        .map(|side| side.map_or("-".to_owned(), |side| quantity(side.mean, &figure.unit)))
}

/// The change as a share of the baseline.
pub fn change(figure: &FigureVerdict) -> String {
    figure.change.map_or(String::new(), signed)
}

/// `33 unchanged: 30 the same, 3 too small to count`.
pub fn grouped(unchanged: &[&FigureVerdict]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for figure in unchanged {
        *counts.entry(figure.because).or_default() += 1;
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(because, count)| format!("{count} {because}"))
        .collect();
    format!("{} unchanged: {}", unchanged.len(), counts.join(", "))
}
