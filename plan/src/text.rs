//! The answer in planners' words: the verdict first, a line for each alternative, what breaks first, what is left, what was
//! taken for granted.

use twinrack_reports::text::expectation;
use twinrack_reports::text::quantity;
use twinrack_reports::text::table::{Last, drawn, table};

use crate::answer::{Answer, Sized};
use crate::headroom::Headroom;

/// One line that answers the question.
pub fn verdict(answer: &Answer) -> String {
    let Some(best) = answer.best.map(|best| &answer.alternatives[best]) else {
        return format!(
            "DOES NOT FIT: {}, with no number of hosts that was tried",
            answer.name
        );
    };
    let hosts = best.hosts.unwrap_or_default();
    let tightest = best.tightest.as_ref().map_or(String::new(), |(what, used)| {
        format!("; tightest: {what}, {} of its limit", percent(*used))
    });
    format!(
        "FITS with {}: {}{}, least {} ({}){tightest}",
        spare_words(answer.spare),
        counted(hosts),
        of(best),
        answer.minimise,
        interval_words(best)
    )
}

fn counted(hosts: u32) -> String {
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

fn spare_words(spare: u32) -> String {
    if spare == 0 {
        "no host to spare".to_owned()
    } else {
        format!("N+{spare}")
    }
}

fn interval_words(sized: &Sized) -> String {
    match sized.interval {
        Some((low, high)) if low == high => format!("{low} in 95 % of {} samples", sized.needed.len()),
        Some((low, high)) => format!("{low} to {high} in 95 % of {} samples", sized.needed.len()),
        None => format!("not in all of {} samples", sized.needed.len()),
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// The whole answer, `width` columns wide.
pub fn written(answer: &Answer, width: u16) -> String {
    let mut parts = vec![
        verdict(answer),
        alternatives(answer, width),
        breaks(answer, width),
    ];
    parts.extend(answer.headroom.as_ref().map(headroom));
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
fn searches(answer: &Answer) -> String {
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
        "CPU peak",
        "memory",
        "drain",
        "kWh a year",
        "cost",
    ];
    let mut table = table(width, &header, &[2, 3, 4, 5, 6, 7, 8, 9], Last::Number);
    for (index, sized) in answer.alternatives.iter().enumerate() {
        let mark = if answer.best == Some(index) { "->" } else { "" };
        let name = if sized.name.is_empty() {
            "as it is"
        } else {
            &sized.name
        };
        let mut row = vec![mark.to_owned(), name.to_owned()];
        row.extend(match sized.hosts {
            Some(hosts) => fitting(sized, hosts),
            None => vec!["none".to_owned()],
        });
        table.add_row(row);
    }
    drawn(&table)
}

fn fitting(sized: &Sized, hosts: u32) -> Vec<String> {
    let interval = sized
        .interval
        .map_or("-".to_owned(), |(low, high)| format!("{low}-{high}"));
    vec![
        hosts.to_string(),
        interval,
        format!("{}/{}", sized.holds, sized.needed.len()),
        percent(sized.cpu_peak),
        percent(sized.memory),
        sized
            .drain_s
            .map_or(String::new(), |seconds| quantity(seconds, "s")),
        quantity(libm::round(sized.energy_kwh_year), "1"),
        sized
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

fn headroom(headroom: &Headroom) -> String {
    let [least, more, most] = headroom.more_spread();
    let beyond = if headroom.beyond {
        ", or more: no more was tried"
    } else {
        ""
    };
    let [soon, months, late] = headroom.months_spread();
    let span = |months: f64| {
        if months.is_finite() {
            format!("{months:.0}")
        } else {
            "for ever".to_owned()
        }
    };
    format!(
        "VMs remaining: {more} of the same mix ({least} to {most} in 90 % of {} samples{beyond})\n\
         time remaining: {} months ({} to {} in 90 %)",
        headroom.more.len(),
        span(months),
        span(soon),
        span(late)
    )
}

fn confidence(answer: &Answer) -> String {
    let stars = answer.confidence.iter().filter(|(there, _)| *there).count();
    let lines: Vec<String> = answer
        .confidence
        .iter()
        .map(|(there, reason)| format!("  {} {reason}", if *there { "*" } else { "-" }))
        .collect();
    format!(
        "confidence: {stars} of {} stars\n{}",
        answer.confidence.len(),
        lines.join("\n")
    )
}
