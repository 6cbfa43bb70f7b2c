//! The answer in planners' words: the verdict first, a line for each alternative, what breaks first, what is left, what was
//! taken for granted.

pub mod actions;
pub mod failures;
mod left;
pub mod whatif;

pub use left::interval;
use twinrack_reports::text::expectation;
use twinrack_reports::text::quantity;
use twinrack_reports::text::table::{Last, drawn, table};

use crate::answer::{Answer, Sized};
use crate::confidence::Reason;
use crate::measured::Measured;

/// One line that answers the question.
pub fn verdict(answer: &Answer) -> String {
    let Some(best) = answer.best.map(|best| &answer.alternatives[best]) else {
        return format!(
            "DOES NOT FIT: {}, with no number of hosts that was tried",
            answer.name
        );
    };
    let hosts = best.hosts.unwrap_or_default();
    let tightest = best
        .measured
        .as_ref()
        .and_then(|measured| measured.tightest.as_ref());
    let tightest = tightest.map_or(String::new(), |(what, used)| {
        format!("; tightest: {what}, {} of its limit", percent(*used))
    });
    format!(
        "FITS with {}: {}{}, least {} ({}){tightest}",
        answer.spare,
        counted(hosts),
        of(best),
        answer.minimise,
        interval_words(best)
    )
}

pub(crate) fn counted(hosts: u32) -> String {
    if hosts == 1 {
        "1 host".to_owned()
    } else {
        format!("{hosts} hosts")
    }
}

fn of(sized: &Sized) -> String {
    if sized.name.is_empty() {
        String::new()
    } else {
        format!(" of {}", sized.name)
    }
}

fn interval_words(sized: &Sized) -> String {
    match sized.interval {
        Some((low, high)) if low == high => format!("{low} in 95 % of {} samples", sized.needed.len()),
        Some((low, high)) => format!("{low} to {high} in 95 % of {} samples", sized.needed.len()),
        None => format!("not in all of {} samples", sized.needed.len()),
    }
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// The whole answer, `width` columns wide.
pub fn written(answer: &Answer, width: u16) -> String {
    let mut parts = vec![
        verdict(answer),
        alternatives(answer, width),
        breaks(answer, width),
    ];
    parts.extend(left::headroom(answer, width));
    parts.extend(left::runway(answer, width));
    parts.extend(failures::written(answer, width));
    parts.extend(actions::summary(&answer.actions));
    parts.push(confidence(answer));
    parts.push(format!(
        "searched by {}, at {} seeds; taken for granted:\n{}",
        searches(answer),
        answer
            .alternatives
            .iter()
            .map(|sized| sized.needed.len())
            .max()
            .unwrap_or(0),
        listed(answer.assumptions.iter().map(String::as_str))
    ));
    parts.join("\n\n") + "\n"
}

/// How the numbers were searched: one word, or one for each alternative where they differ.
pub(crate) fn searches(answer: &Answer) -> String {
    let mut words: Vec<&str> = answer.alternatives.iter().map(|sized| sized.search).collect();
    words.dedup();
    words.join(", ")
}

fn listed<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines
        .map(|line| format!("  - {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn alternatives(answer: &Answer, width: u16) -> String {
    let header = [
        "",
        "alternative",
        "hosts",
        "95 %",
        "holds in",
        "CPU p95",
        "CPU peak",
        "memory",
        "drain",
        "kWh a year",
        "cost",
    ];
    let mut table = table(width, &header, &[2, 3, 4, 5, 6, 7, 8, 9, 10], Last::Number);
    for (index, sized) in answer.alternatives.iter().enumerate() {
        let mark = if answer.best == Some(index) { "->" } else { "" };
        let name = if sized.name.is_empty() {
            "as it is"
        } else {
            &sized.name
        };
        let mut row = vec![mark.to_owned(), name.to_owned()];
        row.extend(match sized.hosts.zip(sized.measured.as_ref()) {
            Some((hosts, measured)) => fitting(sized, hosts, measured),
            None => vec!["none".to_owned()],
        });
        table.add_row(row);
    }
    drawn(&table)
}

fn fitting(sized: &Sized, hosts: u32, measured: &Measured) -> Vec<String> {
    let interval = sized
        .interval
        .map_or("-".to_owned(), |(low, high)| format!("{low}-{high}"));
    vec![
        hosts.to_string(),
        interval,
        format!("{}/{}", measured.holds, sized.needed.len()),
        percent(measured.cpu_p95),
        percent(measured.cpu_peak),
        percent(measured.memory),
        measured
            .drain_s
            .map_or(String::new(), |seconds| quantity(seconds, "s")),
        quantity(libm::round(measured.energy_kwh_year), "1"),
        measured
            .cost
            .map_or(String::new(), |cost| quantity(libm::round(cost), "1")),
    ]
}

/// What broke at one host less than was needed.
fn breaks(answer: &Answer, width: u16) -> String {
    let mut table = table(
        width,
        &[
            "breaks first, with one host less",
            "",
            "is",
            "must be",
            "in",
            "because",
        ],
        &[2, 4],
        Last::Words,
    );
    for sized in &answer.alternatives {
        for (level, samples) in &sized.breaks {
            let item = &level.item;
            table.add_row([
                if sized.name.is_empty() {
                    "as it is"
                } else {
                    &sized.name
                }
                .to_owned(),
                format!("{} {}", item.kpi, level.situation.words()),
                expectation::value(item),
                expectation::limit(item),
                format!("{samples}/{}", sized.needed.len()),
                item.why.clone().unwrap_or_default(),
            ]);
        }
    }
    if table.row_count() == 0 {
        return "nothing breaks with one host less: fewer can't be tried".to_owned();
    }
    drawn(&table)
}

/// Months until something breaks, in words.
pub(crate) fn months_words(months: f64) -> String {
    match months {
        months if months.is_infinite() => "for ever".to_owned(),
        months if months < 1.0 => "now".to_owned(),
        months => format!("{months:.0} months"),
    }
}

fn confidence(answer: &Answer) -> String {
    let confidence = &answer.confidence;
    let line = |reason: &Reason| format!("  {} {}", reason.mark(), reason.words);
    let lines: Vec<String> = confidence.reasons.iter().map(line).collect();
    format!(
        "confidence: {} {} of 5 stars\n{}",
        confidence.drawn(),
        confidence.stars,
        lines.join("\n")
    )
}
