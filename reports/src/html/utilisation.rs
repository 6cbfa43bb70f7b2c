//! Use of processors over time: of each host where they are few, spread over hosts where they are many.

use super::data::{Cell, Data, Kind};
use super::figure::Figure;
use super::levels::file_name;
use crate::chart::band::Band;
use crate::chart::line::{Levels, Line};
use crate::chart::palette::{BLUE, GREEN, ORANGE, RED};
use crate::run::Run;

/// The series.
const METRIC: &str = "utilisation";
/// What the axis of values counts.
const NAME: &str = "processors busy";
/// The lines of hosts, as many as can be told apart.
const LINES: [(plotters::style::RGBColor, &str); 4] = [
    (BLUE, "blue line"),
    (ORANGE, "orange line"),
    (GREEN, "green line"),
    (RED, "red line"),
];

/// The figure; nothing when none was used, or none was told.
pub fn figure(run: &Run) -> String {
    let hosts: Vec<&str> = run
        .series
        .entities
        .iter()
        .filter_map(|entity| entity.strip_prefix("host:"))
        .collect();
    if (1..=LINES.len()).contains(&hosts.len()) {
        of_each(run, &hosts)
    } else {
        spread(run)
    }
}

fn of_each(run: &Run, hosts: &[&str]) -> String {
    let title = "Use of processors of each host";
    let points = |host: &&str| run.series.points(&format!("host:{host}"), METRIC);
    let all: Vec<Vec<(f64, f64)>> = hosts.iter().map(points).collect();
    if all.iter().flatten().all(|point| point.1 == 0.0) {
        return String::new();
    }
    let percent = |points: &[(f64, f64)]| points.iter().map(|&(t, share)| (t, share * 100.0)).collect();
    let levels = Levels {
        title,
        name: NAME,
        unit: "%",
        lines: all
            .iter()
            .zip(LINES)
            .map(|(points, (colour, _))| Line {
                points: percent(points),
                colour,
            })
            .collect(),
    };
    let mut caption = "100 % is all of a host's processors.".to_owned();
    if hosts.len() > 1 {
        caption += " Where lines lie on each other, the one named last is seen.";
    }
    let mut columns = vec![("time", Kind::Moment)];
    columns.extend(hosts.iter().map(|host| (*host, Kind::Share)));
    let legend = LINES.iter().zip(hosts);
    Figure {
        title: title.to_owned(),
        caption,
        legend: legend
            .map(|((_, class), host)| (*class, (*host).to_owned()))
            .collect(),
        charts: vec![(String::new(), levels.chart())],
        data: Data::new(file_name(run, METRIC), &columns, rows(&all)),
        open: false,
    }
    .html()
}

fn spread(run: &Run) -> String {
    let title = "Use of processors, spread over hosts";
    let of = |quantile: &str| run.series.points("total", &format!("{METRIC}_{quantile}"));
    let band = Band {
        low: of("p5"),
        middle: of("p50"),
        high: of("p95"),
        limit: None,
    };
    if band.high.iter().all(|point| point.1 == 0.0) {
        return String::new();
    }
    let chart = band.chart(title, NAME);
    let columns = [
        ("time", Kind::Moment),
        ("5 % of hosts below", Kind::Share),
        ("median", Kind::Share),
        ("95 % of hosts below", Kind::Share),
    ];
    Figure {
        title: title.to_owned(),
        caption: "Of the hosts that are on; 100 % is all of a host's processors.".to_owned(),
        legend: vec![
            ("blue line", "median of the hosts".to_owned()),
            ("blue band", "5 % to 95 % of them".to_owned()),
        ],
        charts: vec![(String::new(), chart)],
        data: Data::new(
            file_name(run, METRIC),
            &columns,
            rows(&[band.low, band.middle, band.high]),
        ),
        open: false,
    }
    .html()
}

/// Series that were sampled at the same times, side by side.
fn rows(series: &[Vec<(f64, f64)>]) -> Vec<Vec<Cell>> {
    let times = series.first().into_iter().flatten().map(|point| point.0);
    let row = |(index, t): (usize, f64)| {
        let values = series
            .iter()
            .map(|points| points.get(index).map(|point| point.1).into());
        std::iter::once(t.into()).chain(values).collect()
    };
    times.enumerate().map(row).collect()
}
