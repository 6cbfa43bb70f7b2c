//! The page of a history: each figure that moved as a small chart over the commits, those that changed last first.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use plotters::style::RGBColor;

use super::data::{Cell, Data, Kind};
use super::document::Document;
use super::element::{details, escape, section as titled};
use crate::chart::multiple::{Multiple, Point};
use crate::chart::palette::{GREEN, ORANGE, RED};
use crate::compare::gates::signed;
use crate::history::changes::Change;
use crate::history::text::{unit, verdict, worse_at_the_end};
use crate::history::{History, Series, short};
use crate::text::quantity;

/// Charts of a scenario at most; the page says how many more figures moved.
const DRAWN: usize = 24;

/// The page.
pub fn page(history: &History) -> String {
    let (series, commits) = (history.series(), history.commits());
    let mut scenarios: BTreeMap<(&str, &str), Vec<&Series>> = BTreeMap::new();
    for one in &series {
        scenarios
            .entry((&one.scenario, &one.backend))
            .or_default()
            .push(one);
    }
    // Scenarios in which something changed last come first.
    let mut scenarios: Vec<_> = scenarios.into_iter().collect();
    scenarios.sort_by_key(|(_, series)| std::cmp::Reverse(last_change(series)));
    let legend = "<ul class=\"legend\"><li><i class=\"blue line\"></i>mean over the runs of a commit</li>\
        <li><i class=\"blue band\"></i>least to greatest</li><li><i class=\"red\"></i>got worse</li>\
        <li><i class=\"green\"></i>got better</li><li><i class=\"orange\"></i>changed</li></ul>\
        <p class=\"meta\">Under the pointer: the commit, when it was made, and its value. Each axis begins where its values do.</p>\n";
    let mut sections = vec![legend.to_owned()];
    sections.extend(
        scenarios
            .iter()
            .map(|(of, series)| section(*of, series, &commits)),
    );
    let meta = match (commits.first(), commits.last()) {
        (Some((_, first)), Some((_, last))) => format!("{first} to {last}"),
        _ => "no commit yet".to_owned(),
    };
    Document {
        name: "history",
        passed: worse_at_the_end(&series, commits.len()).is_empty(),
        verdict: &verdict(history, &series),
        title: "Figures over the commits",
        meta: &meta,
        sections: &sections,
    }
    .html()
}

fn last_change(series: &[&Series]) -> Option<usize> {
    series.iter().filter_map(|series| series.last_change()).max()
}

fn section((scenario, backend): (&str, &str), series: &[&Series], commits: &[(&str, &str)]) -> String {
    let (still, mut moved): (Vec<&Series>, Vec<&Series>) =
        series.iter().copied().partition(|series| series.is_constant());
    moved.sort_by_key(|series| std::cmp::Reverse(series.last_change()));
    let mut html = String::new();
    if !moved.is_empty() {
        let charts: String = moved
            .iter()
            .take(DRAWN)
            .map(|series| chart(series, commits))
            .collect();
        // Writing into a text can't fail.
        let _ = write!(html, "<figure><div class=\"multiples\">{charts}</div>");
        let more = moved.len().saturating_sub(DRAWN);
        if more > 0 {
            let _ = write!(
                html,
                "<p class=\"meta\">{more} more figures moved; their values are in the data.</p>"
            );
        }
        html += &data(scenario, &moved, commits).folded(false);
        html += "</figure>\n";
    }
    if !still.is_empty() {
        let item = |series: &&Series| {
            let level = series.points[0].1.mean();
            format!(
                "<li><code>{}</code> {}</li>",
                escape(&series.figure),
                quantity(level, unit(&series.figure))
            )
        };
        html += &details(
            &format!("{} figures are the same at every commit", still.len()),
            &format!("<ul>{}</ul>", still.iter().map(item).collect::<String>()),
            false,
        );
    }
    titled(&format!("{} ({})", escape(scenario), escape(backend)), &html)
}

/// One figure: its name, where it is now, its last change, and its course.
fn chart(series: &Series, commits: &[(&str, &str)]) -> String {
    let unit = unit(&series.figure);
    let now = series.points.last().map_or(0.0, |(_, level)| level.mean());
    let change = series.changes.last().zip(series.last_change());
    let change = change.map_or("no change of note".to_owned(), |(change, place)| {
        format!("{} at {}", signed(change.share), short(commits[place].0))
    });
    let points: Vec<Point> = series
        .points
        .iter()
        .enumerate()
        .map(|(index, (place, level))| {
            let mark = series.changes.iter().find(|change| change.at == index);
            let (commit, when) = commits[*place];
            Point {
                place: *place,
                mean: level.mean(),
                spread: level.spread(),
                mark: mark.map(colour),
                words: words((commit, when), level.mean(), unit, mark),
            }
        })
        .collect();
    let drawn = Multiple {
        title: &format!("{} of {}", series.figure, series.scenario),
        unit,
        points: &points,
        places: commits.len(),
    };
    format!(
        "<div class=\"multiple\"><h3><code>{}</code></h3><p class=\"meta\">{} · {}</p>{}</div>",
        escape(&series.figure),
        quantity(now, unit),
        escape(&change),
        drawn.chart()
    )
}

const fn colour(change: &Change) -> RGBColor {
    match change.worse {
        Some(true) => RED,
        Some(false) => GREEN,
        None => ORANGE,
    }
}

fn words((commit, when): (&str, &str), value: f64, unit: &str, change: Option<&Change>) -> String {
    let change = change.map_or(String::new(), |change| format!(", {}", signed(change.share)));
    format!("{} {when}: {}{change}", short(commit), quantity(value, unit))
}

fn data(scenario: &str, moved: &[&Series], commits: &[(&str, &str)]) -> Data {
    let names: Vec<(&str, Kind)> = moved
        .iter()
        .map(|series| (series.figure.as_str(), Kind::Number(unit(&series.figure))))
        .collect();
    let columns = [("commit", Kind::Text), ("when", Kind::Text)]
        .into_iter()
        .chain(names)
        .collect::<Vec<_>>();
    let row = |(place, (commit, when)): (usize, &(&str, &str))| {
        let value = |series: &&Series| {
            let point = series.points.iter().find(|(at, _)| *at == place);
            Cell::from(point.map(|(_, level)| level.mean()))
        };
        [Cell::from(*commit), Cell::from(*when)]
            .into_iter()
            .chain(moved.iter().map(value))
            .collect()
    };
    let rows = commits.iter().enumerate().map(row).collect();
    Data::new(format!("history-{scenario}"), &columns, rows)
}
