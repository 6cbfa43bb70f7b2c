//! What is left: quantiles with their intervals, and how full the hosts get on the way.

use twinrack_reports::text::quantity;
use twinrack_reports::text::table::{Last, drawn, table};

use super::{months_words, percent};
use crate::answer::Answer;
use crate::replicate::Interval;
use crate::runway::Spread;

/// What is left: how likely it is to be less, and how sure that is.
pub fn headroom(answer: &Answer, width: u16) -> Option<String> {
    let headroom = answer.headroom.as_ref()?;
    let header = [
        "what is left",
        "5 % have less",
        "half have less",
        "95 % have less",
    ];
    let mut table = table(width, &header, &[1, 2, 3], Last::Number);
    let vms = headroom.more_spread().map(|more| more.to_string());
    let more = headroom.more_intervals();
    let months = headroom.months_spread().map(months_words);
    let lasts = headroom.months_intervals();
    let cell = |value: &str, interval: String| format!("{value} ({interval})");
    let vms = vms
        .iter()
        .zip(more)
        .map(|(vms, more)| cell(vms, interval(more, |more| more.to_string())));
    let months = months
        .iter()
        .zip(lasts)
        .map(|(months, lasts)| cell(months, interval(lasts, |months| format!("{months:.0}"))));
    table.add_row(std::iter::once("VMs remaining, same mix".to_owned()).chain(vms));
    table.add_row(std::iter::once("time remaining".to_owned()).chain(months));
    let beyond = if headroom.beyond {
        "; in some samples more was left than was tried"
    } else {
        ""
    };
    Some(format!(
        "{}\n in brackets the 95 % interval of each, from {} samples{beyond}",
        drawn(&table),
        headroom.more.len()
    ))
}

/// An interval whose ends may be open.
pub fn interval<T>(interval: Interval<T>, shown: impl Fn(T) -> String) -> String {
    match interval {
        (None, None) => "too few samples".to_owned(),
        (Some(low), None) => format!("{} or more", shown(low)),
        (None, Some(high)) => format!("{} or less", shown(high)),
        (Some(low), Some(high)) => {
            let (low, high) = (shown(low), shown(high));
            if low == high { low } else { format!("{low}-{high}") }
        }
    }
}

/// How full the hosts get, at a few months.
pub fn runway(answer: &Answer, width: u16) -> Option<String> {
    const SHOWN: usize = 6;
    let months = &answer.runway;
    if months.is_empty() {
        return None;
    }
    let header = [
        "in months",
        "VMs",
        "of the nearest limit",
        "CPU peak",
        "memory while short",
        "still holds",
    ];
    let mut table = table(width, &header, &[0, 1, 2, 3, 4, 5], Last::Number);
    let step = months.len().div_ceil(SHOWN).max(1);
    for month in months.iter().step_by(step) {
        let share = |spread: Spread| {
            format!(
                "{} ({}-{})",
                percent(spread.p50),
                whole(spread.p5),
                percent(spread.p95)
            )
        };
        table.add_row([
            month.month.to_string(),
            quantity(libm::round(month.vms.p50), "1"),
            share(month.fullness),
            share(month.cpu),
            share(month.memory),
            percent(month.holds),
        ]);
    }
    Some(format!(
        "{}\n in brackets 5 % to 95 % of the samples",
        drawn(&table)
    ))
}

fn whole(share: f64) -> String {
    format!("{:.0}", share * 100.0)
}
