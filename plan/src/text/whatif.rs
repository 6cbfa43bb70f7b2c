//! What-if in words: how it comes out in a line, then before and after each change side by side.

use twinrack_reports::text::quantity;
use twinrack_reports::text::table::{Last, drawn, table};

use super::{counted, months_words, percent};
use crate::whatif::State;

/// One line: whether what comes out holds, and what that does for the time that is left.
pub fn verdict(states: &[State]) -> String {
    let (Some(before), Some(after)) = (states.first(), states.last()) else {
        return "nothing was looked at".to_owned();
    };
    let holds = if after.fits() { "FITS" } else { "DOES NOT FIT" };
    let broke = after.broke.as_ref().filter(|_| !after.fits());
    let broke = broke.map_or(String::new(), |(level, samples)| {
        let words = level.situation.words();
        format!(
            ": {} {words}, in {samples} of {} samples",
            level.item.kpi, after.samples
        )
    });
    let left = |state: &State| {
        state
            .headroom
            .as_ref()
            .map(|left| (left.more_spread()[1], left.months_spread()[1]))
    };
    let change = left(before)
        .zip(left(after))
        .map(|((vms, months), (more_vms, more_months))| {
            format!(
                "; VMs remaining {vms} -> {more_vms}, time remaining {} -> {}",
                months_words(months),
                months_words(more_months)
            )
        });
    format!(
        "{holds}: {} for {} VMs{broke}{}",
        counted(after.hosts),
        quantity(f64::from(after.vms), "1"),
        change.unwrap_or_default()
    )
}

/// The whole comparison.
pub fn written(states: &[State], spare: &str, width: u16) -> String {
    let header = header(states);
    let columns: Vec<&str> = std::iter::once("")
        .chain(header.iter().map(String::as_str))
        .collect();
    let numbers: Vec<usize> = (1..columns.len()).collect();
    let mut table = table(width, &columns, &numbers, Last::Number);
    for (name, cells) in rows(states, spare) {
        table.add_row(std::iter::once(name).chain(cells));
    }
    format!("{}\n\n{}\n", verdict(states), drawn(&table))
}

/// What each column is.
pub fn header(states: &[State]) -> Vec<String> {
    let name = |state: &State| match &state.change {
        Some(change) => format!("+ {change}"),
        None => "before".to_owned(),
    };
    states.iter().map(name).collect()
}

/// A row's name and what it is of a state.
type RowOf = (String, Box<dyn Fn(&State) -> String>);

/// The rows: a name, and a cell for each state. A row in which nothing is known is left out.
pub fn rows(states: &[State], spare: &str) -> Vec<(String, Vec<String>)> {
    let number = |value: u32| quantity(f64::from(value), "1");
    let row = |name: &str, of: Box<dyn Fn(&State) -> String>| (name.to_owned(), of);
    let measured = |of: fn(&crate::Measured) -> String| {
        Box::new(move |state: &State| state.measured.as_ref().map(of).unwrap_or_default())
    };
    let all: Vec<RowOf> = vec![
        row("hosts", Box::new(move |state| number(state.hosts))),
        row("VMs", Box::new(move |state| number(state.vms))),
        row(
            "VMs a host",
            Box::new(|state| format!("{:.1}", f64::from(state.vms) / f64::from(state.hosts.max(1)))),
        ),
        row(
            "logical processors",
            Box::new(move |state| number(state.processors)),
        ),
        row(
            "memory for VMs",
            Box::new(|state| quantity(state.memory as f64, "B")),
        ),
        row("CPU p95", measured(|measured| percent(measured.cpu_p95))),
        row("CPU p99", measured(|measured| percent(measured.cpu_p99))),
        row("memory given", measured(|measured| percent(measured.memory))),
        row("while short", measured(|measured| percent(measured.memory_short))),
        row(
            "time to empty a host",
            measured(|measured| {
                measured
                    .drain_s
                    .map_or(String::new(), |seconds| quantity(seconds, "s"))
            }),
        ),
        row(
            "holds in",
            Box::new(|state| {
                let holds = state.measured.as_ref().map_or(0, |measured| measured.holds);
                format!("{holds}/{}", state.samples)
            }),
        ),
        row(
            "VMs remaining",
            Box::new(|state| {
                let left = state.headroom.as_ref();
                left.map_or(String::new(), |left| {
                    let [least, more, most] = left.more_spread();
                    format!("{more} ({least}-{most})")
                })
            }),
        ),
        row(
            "time remaining",
            Box::new(|state| {
                let left = state.headroom.as_ref();
                left.map_or(String::new(), |left| months_words(left.months_spread()[1]))
            }),
        ),
        row(
            "kWh a year",
            measured(|measured| quantity(libm::round(measured.energy_kwh_year), "1")),
        ),
        row(
            "cost",
            measured(|measured| {
                measured
                    .cost
                    .map_or(String::new(), |cost| quantity(libm::round(cost), "1"))
            }),
        ),
    ];
    let sought = (
        format!("of the group sought: there, needed for {spare}"),
        Box::new(|state: &State| {
            let needed = state
                .needed
                .hosts
                .map_or("none".to_owned(), |hosts| hosts.to_string());
            format!("{}, {needed}", state.sought)
        }) as Box<dyn Fn(&State) -> String>,
    );
    let rows = all.into_iter().chain([sought]);
    let rows = rows.map(|(name, of)| (name, states.iter().map(of).collect::<Vec<String>>()));
    rows.filter(|(_, cells)| cells.iter().any(|cell| !cell.is_empty()))
        .collect()
}
