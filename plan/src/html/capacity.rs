//! Tables of capacity: the alternatives, the clusters of the best of them, and states side by side.

use twinrack_reports::html::data::{Cell, Data, Kind};

use crate::answer::{Answer, Sized};
use crate::text::{self, interval, months_words, whatif};
use crate::whatif::State;

/// Every alternative, the best marked.
pub fn alternatives(answer: &Answer) -> String {
    let columns = [
        ("", Kind::Text),
        ("alternative", Kind::Text),
        ("hosts", Kind::Text),
        ("95 %", Kind::Text),
        ("holds in", Kind::Text),
        ("CPU p95", Kind::Share),
        ("memory, short", Kind::Share),
        ("empties in", Kind::Number("s")),
        ("energy a year", Kind::Number("kW·h")),
        ("cost", Kind::Number("1")),
    ];
    let rows = answer.alternatives.iter().enumerate();
    let rows = rows.map(|(index, sized)| alternative(sized, answer.best == Some(index)));
    let table = Data::new(format!("{}-alternatives", answer.name), &columns, rows.collect()).shown();
    let note = format!(
        "<p class=\"meta\">Searched by {}. The hosts hold in 95 % of the samples; beside them the numbers that 95 % of the samples \
         lie between. Memory as given while what may be missing is missing.</p>\n",
        text::searches(answer)
    );
    table + &note
}

fn alternative(sized: &Sized, is_best: bool) -> Vec<Cell> {
    let measured = sized.measured.as_ref();
    let number = |of: &dyn Fn(&crate::Measured) -> Option<f64>| Cell::from(measured.and_then(of));
    vec![
        Cell::from(if is_best { "→" } else { "" }),
        Cell::Text(named(sized).to_owned()),
        Cell::Text(sized.hosts.map_or("none".to_owned(), |hosts| hosts.to_string())),
        Cell::Text(sized.interval.map_or(String::new(), |(low, high)| {
            interval((Some(low), Some(high)), |hosts| hosts.to_string())
        })),
        Cell::Text(measured.map_or(String::new(), |measured| {
            format!("{}/{}", measured.holds, sized.needed.len())
        })),
        number(&|measured| Some(measured.cpu_p95)),
        number(&|measured| Some(measured.memory_short)),
        number(&|measured| measured.drain_s),
        number(&|measured| Some(measured.energy_kwh_year)),
        number(&|measured| measured.cost.map(libm::round)),
    ]
}

/// What an alternative is called.
pub fn named(sized: &Sized) -> &str {
    if sized.name.is_empty() {
        "as it is"
    } else {
        &sized.name
    }
}

/// The clusters of the best alternative; what is left is that of all hosts together.
pub fn clusters(answer: &Answer) -> String {
    let Some(portrait) = &answer.portrait else {
        return String::new();
    };
    let columns = [
        ("cluster", Kind::Text),
        ("hosts", Kind::Number("1")),
        ("VMs", Kind::Number("1")),
        ("CPU p95", Kind::Share),
        ("memory", Kind::Share),
        ("time remaining", Kind::Text),
        ("VMs remaining", Kind::Text),
        ("tightest", Kind::Text),
    ];
    let best = answer
        .best
        .and_then(|best| answer.alternatives[best].measured.as_ref());
    let tightest = best.and_then(|best| best.tightest.as_ref());
    let tightest = tightest.map_or(String::new(), |(what, used)| {
        format!("{what}, {:.0} %", used * 100.0)
    });
    let left = answer.headroom.as_ref().map(|left| {
        let [soon, months, late] = left.months_spread();
        let [least, more, most] = left.more_spread();
        let spread = if soon.is_finite() && late.is_finite() {
            format!(" ({soon:.0}–{late:.0})")
        } else {
            String::new()
        };
        (months_words(months) + &spread, format!("{more} ({least}–{most})"))
    });
    let (months, more) = left.unwrap_or_default();
    let several = portrait.clusters.len() > 1;
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for cluster in &portrait.clusters {
        let of_all = |text: &String| Cell::Text(if several { String::new() } else { text.clone() });
        rows.push(vec![
            Cell::Text(cluster.name.clone()),
            f64::from(cluster.hosts).into(),
            f64::from(cluster.vms).into(),
            cluster.cpu_p95.into(),
            cluster.memory.into(),
            of_all(&months),
            of_all(&more),
            of_all(&tightest),
        ]);
    }
    if several {
        let sum = |of: fn(&crate::portrait::Cluster) -> u32| {
            f64::from(portrait.clusters.iter().map(of).sum::<u32>())
        };
        rows.push(vec![
            Cell::from("all together"),
            sum(|cluster| cluster.hosts).into(),
            sum(|cluster| cluster.vms).into(),
            best.map(|best| best.cpu_p95).into(),
            best.map(|best| best.memory).into(),
            Cell::Text(months),
            Cell::Text(more),
            Cell::Text(tightest),
        ]);
    }
    let table = Data::new(format!("{}-capacity", answer.name), &columns, rows).shown();
    let note = "<p class=\"meta\">With all hosts, in the first sample. What remains is told as the median of the samples, with \
                what 5 % and 95 % of them are below; VMs of the same mix, growing by the same share everywhere.</p>\n";
    table + note
}

/// States before and after each change.
pub fn side_by_side(name: &str, states: &[State], spare: &str) -> String {
    let header = whatif::header(states);
    let mut columns = vec![("", Kind::Text)];
    // As numbers stand: to the right.
    columns.extend(header.iter().map(|name| (name.as_str(), Kind::Number("1"))));
    let rows = whatif::rows(states, spare).into_iter().map(|(name, cells)| {
        std::iter::once(Cell::Text(name))
            .chain(cells.into_iter().map(Cell::Text))
            .collect()
    });
    Data::new(format!("{name}-what-if"), &columns, rows.collect()).shown()
}
