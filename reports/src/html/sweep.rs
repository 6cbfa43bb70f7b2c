//! The page of a sweep: how many points hold what they expect, each figure over the seeds by setting, and all of it as a table.
//!
//! The first axis goes along each small chart; every combination of the others has a chart of its own, in the same range of values.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::HEADLINE;
use super::data::{Cell, Data, Kind};
use super::document::Document;
use super::element::{escape, section as titled};
use crate::chart::boxes::{Boxes, Column};
use crate::history::text::unit;
use crate::text::quantity;

/// Charts of a figure at most.
const DRAWN: usize = 24;

/// A sweep, merged.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Its name.
    pub name: String,
    /// What varies: a path, and its values.
    pub axes: Vec<(String, Vec<String>)>,
    /// The seeds: how many.
    pub seeds: u64,
    /// The points, by setting, then by seed.
    pub points: Vec<Point>,
    /// Figures that are drawn besides those that tell most of a run and those that the scenario expects.
    pub also: Vec<String>,
}

/// A point.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The number of the value of each axis.
    pub setting: Vec<usize>,
    /// Whether it held what it expects.
    pub passed: bool,
    /// The figures that it expects something of.
    pub expected: Vec<String>,
    /// Its figures.
    pub figures: BTreeMap<String, f64>,
}

impl Sweep {
    fn passed(&self) -> usize {
        self.points.iter().filter(|point| point.passed).count()
    }

    /// One line that says how it came out.
    pub fn verdict(&self) -> String {
        let (passed, all) = (self.passed(), self.points.len());
        let word = if passed == all { "PASS" } else { "FAIL" };
        format!("{word}: {passed} of {all} points hold what is expected")
    }

    /// The figures that are drawn: those of note that are not the same at every point.
    fn figures(&self) -> Vec<&str> {
        let headline = HEADLINE.iter().map(|(name, _)| *name);
        let expected = self.points.first().into_iter().flat_map(|point| &point.expected);
        let mut names: Vec<&str> = Vec::new();
        let all = self
            .also
            .iter()
            .chain(expected)
            .map(String::as_str)
            .chain(headline);
        for name in all.filter(|name| self.varies(name)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn varies(&self, figure: &str) -> bool {
        let mut values = self.points.iter().map(|point| point.figures.get(figure));
        let first = values.next().flatten();
        values.any(|value| value != first)
    }

    /// The values of a figure at the points of a setting.
    fn values(&self, figure: &str, setting: &[usize]) -> Vec<f64> {
        let of = self.points.iter().filter(|point| point.setting == setting);
        of.filter_map(|point| point.figures.get(figure).copied())
            .collect()
    }

    /// Every combination of the axes from `first` on.
    fn combinations(&self, first: usize) -> Vec<Vec<usize>> {
        let axes = self.axes.get(first..).unwrap_or_default();
        axes.iter().fold(vec![Vec::new()], |all, (_, values)| {
            let longer = |begun: Vec<usize>| {
                (0..values.len()).map(move |value| begun.iter().copied().chain([value]).collect())
            };
            all.into_iter().flat_map(longer).collect()
        })
    }

    /// The values of the axes from `first` on, in words.
    fn words(&self, first: usize, setting: &[usize]) -> String {
        let axes = self.axes.get(first..).unwrap_or_default();
        let words: Vec<String> = axes
            .iter()
            .zip(setting)
            .map(|((path, values), value)| format!("{path} = {}", values[*value]))
            .collect();
        words.join(", ")
    }
}

/// The page.
pub fn page(sweep: &Sweep) -> String {
    let figures = sweep.figures();
    let mut sections = vec![settings(sweep, &figures)];
    sections.extend(figures.iter().map(|figure| section(sweep, figure)));
    let axes: Vec<String> = sweep
        .axes
        .iter()
        .map(|(path, values)| format!("{path} = {}", values.join(", ")))
        .collect();
    let seeds = match sweep.seeds {
        1 => "1 seed".to_owned(),
        seeds => format!("{seeds} seeds"),
    };
    Document {
        name: &sweep.name,
        passed: sweep.passed() == sweep.points.len(),
        verdict: &sweep.verdict(),
        title: &format!("Sweep of {}", sweep.name),
        meta: &[axes.join(" · "), seeds]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" · "),
        sections: &sections,
    }
    .html()
}

/// The settings, each with the means of the figures that are drawn.
fn settings(sweep: &Sweep, figures: &[&str]) -> String {
    let mut columns: Vec<(&str, Kind)> = sweep
        .axes
        .iter()
        .map(|(path, _)| (path.as_str(), Kind::Text))
        .collect();
    columns.extend([("points", Kind::Number("1")), ("hold", Kind::Number("1"))]);
    columns.extend(figures.iter().map(|name| (*name, Kind::Number(unit(name)))));
    let row = |setting: Vec<usize>| {
        let points: Vec<&Point> = sweep
            .points
            .iter()
            .filter(|point| point.setting == setting)
            .collect();
        let passed = points.iter().filter(|point| point.passed).count();
        let of_axes = sweep
            .axes
            .iter()
            .zip(&setting)
            .map(|((_, values), value)| values[*value].as_str().into());
        let counts = [points.len(), passed].map(|count| (count as f64).into());
        let means = figures
            .iter()
            .map(|name| mean(&sweep.values(name, &setting)).into());
        of_axes.chain(counts).chain(means).collect()
    };
    let rows = sweep.combinations(0).into_iter().map(row).collect();
    let data = Data::new(format!("sweep-{}", sweep.name), &columns, rows);
    titled("Settings, means over the seeds", &data.folded(true))
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// A figure by setting.
fn section(sweep: &Sweep, figure: &str) -> String {
    let all = sweep
        .points
        .iter()
        .filter_map(|point| point.figures.get(figure).copied());
    let range = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
        (least.min(value), most.max(value))
    });
    let others = sweep.combinations(1);
    let charts: String = others
        .iter()
        .take(DRAWN)
        .map(|other| chart(sweep, figure, other, range))
        .collect();
    let mut html = format!("<p class=\"meta\">{}</p>", escape(&caption(sweep)));
    // Writing into a text can't fail.
    let _ = write!(html, "<figure><div class=\"multiples\">{charts}</div>");
    if others.len() > DRAWN {
        let _ = write!(
            html,
            "<p class=\"meta\">{} more settings are in the data.</p>",
            others.len() - DRAWN
        );
    }
    html += &data(sweep, figure).folded(false);
    html += "</figure>\n";
    titled(&format!("<code>{}</code>", escape(figure)), &html)
}

fn caption(sweep: &Sweep) -> String {
    let along = sweep.axes.first().map_or("All points".to_owned(), |(path, _)| {
        format!("Along each chart: {path}")
    });
    if sweep.seeds > 1 {
        along
            + ". A box is the middle half of the seeds, the line in it their median, the whisker all of them."
    } else {
        along + "."
    }
}

fn chart(sweep: &Sweep, figure: &str, other: &[usize], range: (f64, f64)) -> String {
    let unit = unit(figure);
    let along = sweep.axes.first();
    let places = along.map_or(1, |(_, values)| values.len());
    let column = |place: usize| {
        let setting: Vec<usize> = along
            .map(|_| place)
            .into_iter()
            .chain(other.iter().copied())
            .collect();
        let name = along.map_or("all".to_owned(), |(_, values)| values[place].clone());
        let words = |column: &Column| told(&sweep.words(0, &setting), column, unit);
        Column::of(name, sweep.values(figure, &setting), words)
    };
    let columns: Vec<Column> = (0..places).map(column).collect();
    let title = sweep.words(1, other);
    let boxes = Boxes {
        title: &format!("{figure} {title}"),
        unit,
        columns: &columns,
        range,
    };
    let heading = if title.is_empty() {
        String::new()
    } else {
        format!("<h3>{}</h3>", escape(&title))
    };
    format!("<div class=\"multiple\">{heading}{}</div>", boxes.chart())
}

/// A column in words.
fn told(setting: &str, column: &Column, unit: &str) -> String {
    let of = |share| {
        column
            .quantile(share)
            .map_or("-".to_owned(), |value| quantity(value, unit))
    };
    let setting = if setting.is_empty() { "all points" } else { setting };
    format!(
        "{setting}: median {}, {} to {}, {} points",
        of(0.5),
        of(0.0),
        of(1.0),
        column.len()
    )
}

/// The spread of a figure at each setting.
fn data(sweep: &Sweep, figure: &str) -> Data {
    let number = Kind::Number(unit(figure));
    let mut columns: Vec<(&str, Kind)> = sweep
        .axes
        .iter()
        .map(|(path, _)| (path.as_str(), Kind::Text))
        .collect();
    columns.push(("points", Kind::Number("1")));
    columns.extend(["mean", "min", "p25", "p50", "p75", "max"].map(|name| (name, number)));
    let row = |setting: Vec<usize>| -> Vec<Cell> {
        let values = sweep.values(figure, &setting);
        let average = mean(&values);
        let column = Column::of(String::new(), values, |_| String::new());
        let of_axes = sweep
            .axes
            .iter()
            .zip(&setting)
            .map(|((_, values), value)| Cell::from(values[*value].as_str()));
        let quantiles = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| column.quantile(share).into());
        of_axes
            .chain([(column.len() as f64).into(), average.into()])
            .chain(quantiles)
            .collect()
    };
    let rows = sweep.combinations(0).into_iter().map(row).collect();
    Data::new(format!("sweep-{}-{figure}", sweep.name), &columns, rows)
}
