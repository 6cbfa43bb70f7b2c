//! Charts of a plan: the runway as a fan with its limit, use of processors over a day as a band and as a map of hosts.

use twinrack_reports::chart::band::Band;
use twinrack_reports::chart::heat::Heat;
use twinrack_reports::html::data::{Cell, Data, Kind};
use twinrack_reports::html::figure::Figure;

use crate::answer::Answer;
use crate::runway::{Month, Spread};

/// What the colours of a band stand for.
fn legend(what: &str, limit: Option<&str>) -> Vec<(&'static str, String)> {
    let mut legend = vec![
        ("blue line", "median".to_owned()),
        ("blue band", format!("5 % to 95 % of {what}")),
    ];
    legend.extend(limit.map(|limit| ("red line", limit.to_owned())));
    legend
}

/// How full the hosts get, month by month: of the nearest limit, of processors, of memory.
pub fn runway(answer: &Answer) -> String {
    let months = &answer.runway;
    if months.is_empty() {
        return String::new();
    }
    let fan = |title: &str, name: &str, limit: Option<f64>, of: fn(&Month) -> Spread| {
        let line = |quantile: fn(Spread) -> f64| -> Vec<(f64, f64)> {
            months
                .iter()
                .map(|month| (f64::from(month.month), quantile(of(month))))
                .collect()
        };
        let band = Band {
            low: line(|spread| spread.p5),
            middle: line(|spread| spread.p50),
            high: line(|spread| spread.p95),
            limit,
        };
        (title.to_owned(), band.over_months(title, name))
    };
    Figure {
        title: "How full the hosts get as VMs grow".to_owned(),
        caption: "Each sample has its own demand and its own growth. The nearest limit is whichever of what must hold is used \
                  most: time to empty a host, waiting for processors, memory while what may be missing is missing."
            .to_owned(),
        legend: legend("the samples", Some("limit")),
        charts: vec![
            fan("Of the nearest limit", "used of it", Some(1.0), |month| month.fullness),
            fan("Memory, while what may be missing is missing", "memory given", Some(1.0), |month| month.memory),
            fan("Processors, at the busiest moment", "processors busy", ceiling(answer), |month| month.cpu),
        ],
        data: data(answer),
        open: false,
    }
    .html()
}

fn data(answer: &Answer) -> Data {
    let mut columns = vec![("month", Kind::Number("1")), ("VMs, median", Kind::Number("1"))];
    for name in [
        ["nearest limit, p5", "nearest limit, p50", "nearest limit, p95"],
        ["memory, p5", "memory, p50", "memory, p95"],
        ["CPU peak, p5", "CPU peak, p50", "CPU peak, p95"],
    ] {
        columns.extend(name.map(|name| (name, Kind::Share)));
    }
    columns.push(("still holds", Kind::Share));
    let row = |month: &Month| {
        let mut row: Vec<Cell> = vec![f64::from(month.month).into(), libm::round(month.vms.p50).into()];
        for spread in [month.fullness, month.memory, month.cpu] {
            row.extend([spread.p5, spread.p50, spread.p95].map(Cell::from));
        }
        row.push(month.holds.into());
        row
    };
    let rows = answer.runway.iter().map(row).collect();
    Data::new(format!("{}-runway", answer.name), &columns, rows)
}

/// The ceiling on processors, where the plan asks for one.
fn ceiling(answer: &Answer) -> Option<f64> {
    answer.cpu_ceiling
}

/// Use of processors over the time of the first sample.
pub fn processors(answer: &Answer) -> String {
    let Some(portrait) = &answer.portrait else {
        return String::new();
    };
    let [low, middle, high] = portrait.use_of_hosts.clone();
    if high.iter().all(|point| point.1 == 0.0) {
        return String::new();
    }
    let limit = ceiling(answer);
    let rows = middle.iter().enumerate().map(|(at, (t, median))| {
        let other = |points: &[(f64, f64)]| Cell::from(points.get(at).map(|point| point.1));
        vec![Cell::from(*t), other(&low), (*median).into(), other(&high)]
    });
    let columns = [
        ("time", Kind::Moment),
        ("5 % of hosts below", Kind::Share),
        ("median", Kind::Share),
        ("95 % of hosts below", Kind::Share),
    ];
    let data = Data::new(format!("{}-processors", answer.name), &columns, rows.collect());
    let title = "Over the hosts";
    let band = Band {
        low,
        middle,
        high,
        limit,
    };
    let ceiling = match limit {
        Some(limit) => format!(
            "The plan's ceiling on all hosts together is {:.0} %.",
            limit * 100.0
        ),
        None => "The plan sets no ceiling on it.".to_owned(),
    };
    let band = Figure {
        title: title.to_owned(),
        caption: format!(
            "All hosts up, seed {}; 100 % is all of a host's processors. {ceiling}",
            portrait.seed
        ),
        legend: legend("the hosts", limit.map(|_| "ceiling")),
        charts: vec![(
            String::new(),
            band.chart("Use of processors, spread over hosts", "processors busy"),
        )],
        data,
        open: false,
    };
    band.html() + &heat(answer)
}

/// Which host is busy when: the highest use, not the mean, which would hide it.
fn heat(answer: &Answer) -> String {
    let Some(portrait) = answer
        .portrait
        .as_ref()
        .filter(|portrait| !portrait.heat.is_empty())
    else {
        return "<p class=\"meta\">There are too many hosts to show each of them.</p>\n".to_owned();
    };
    let title = "Each host over time";
    let map = Heat {
        rows: portrait.heat.clone(),
        end_s: portrait.span_s,
        limit: 1.0,
    };
    let parts = portrait.heat.first().map_or(1, |(_, shares)| shares.len().max(1));
    let rows = portrait.heat.iter().flat_map(|(host, shares)| {
        let begin = |at: usize| portrait.span_s * at as f64 / parts as f64;
        let row = move |(at, share): (usize, &f64)| {
            vec![Cell::Text(host.clone()), begin(at).into(), (*share).into()]
        };
        shares.iter().enumerate().map(row).collect::<Vec<_>>()
    });
    let columns = [
        ("host", Kind::Text),
        ("from", Kind::Moment),
        ("highest use", Kind::Share),
    ];
    Figure {
        title: title.to_owned(),
        caption: format!(
            "The highest use in each {parts}th of the time: one peak is a problem that a mean would not show. \
             The darker the busier, in steps of 10 %."
        ),
        legend: vec![
            ("blue area", "busy, in part".to_owned()),
            ("red area", "all processors busy".to_owned()),
        ],
        charts: vec![(String::new(), map.chart(title))],
        data: Data::new(format!("{}-hosts", answer.name), &columns, rows.collect()),
        open: false,
    }
    .html()
}
