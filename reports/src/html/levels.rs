//! Levels of the whole run over time: those that move as charts, the others in a sentence.

use plotters::style::RGBColor;

use super::data::{Data, Kind};
use super::element::{escape, section as titled};
use super::figure::Figure;
use super::utilisation;
use crate::chart::gantt::LABELLED;
use crate::chart::line::{COUNT, Levels, Line};
use crate::chart::palette::{BLUE, GREEN, ORANGE};
use crate::run::Run;
use crate::text::quantity;

/// A level that a run may have.
struct Shown {
    /// Its series.
    metric: &'static str,
    /// The figure of the same quantity, where there is one.
    figure: Option<&'static str>,
    title: &'static str,
    /// What its axis counts, and in which unit.
    name: &'static str,
    unit: &'static str,
    colour: RGBColor,
}

const POWER: Shown = Shown {
    metric: "power_w",
    figure: Some("power.watts"),
    title: "Power of all hosts",
    name: "power",
    unit: "W",
    colour: BLUE,
};
const PARKED: Shown = Shown {
    metric: "cores_parked",
    figure: Some("cores.parked"),
    title: "Logical processors parked",
    name: "processors",
    unit: COUNT,
    colour: GREEN,
};
const REST: [Shown; 4] = [
    Shown {
        metric: "hosts_active",
        figure: Some("hosts.active"),
        title: "Hosts switched on",
        name: "hosts",
        unit: COUNT,
        colour: ORANGE,
    },
    Shown {
        metric: "vms_running",
        figure: Some("vms.running"),
        title: "VMs running",
        name: "VMs",
        unit: COUNT,
        colour: GREEN,
    },
    Shown {
        metric: UNDER_WAY,
        figure: None,
        title: "Migrations under way",
        name: "migrations",
        unit: COUNT,
        colour: ORANGE,
    },
    Shown {
        metric: "net_bps",
        figure: None,
        title: "Traffic of all networks",
        name: "traffic",
        unit: "b/s",
        colour: GREEN,
    },
];

/// How many migrations there are at once.
const UNDER_WAY: &str = "migrations";

/// The section.
pub fn section(run: &Run) -> String {
    let mut constant = Vec::new();
    let mut one = |level: &Shown| {
        level_figure(run, level).unwrap_or_else(|still| {
            constant.extend(still);
            String::new()
        })
    };
    let mut html = one(&POWER) + &one(&PARKED) + &utilisation::figure(run);
    // Few migrations are seen one by one further down.
    let few = run.migrations().len() <= LABELLED;
    html.extend(
        REST.iter()
            .filter(|level| level.metric != UNDER_WAY || !few)
            .map(one),
    );
    if !constant.is_empty() {
        html += "<p>Constant over the run: ";
        html += &escape(&constant.join(", "));
        html += ".</p>\n";
    }
    titled("Over time", &html)
}

/// A figure of a level that moves; otherwise what there is to say of it in a few words, unless it is zero.
fn level_figure(run: &Run, level: &Shown) -> Result<String, Option<String>> {
    let points = run.series.points("total", level.metric);
    let Some(&(_, first)) = points.first() else {
        return Err(None);
    };
    if points.iter().all(|point| point.1.to_bits() == first.to_bits()) {
        if first == 0.0 {
            return Err(None);
        }
        let title = level.title.to_lowercase().replace("vms", "VMs");
        return Err(Some(format!("{title} {}", quantity(first, level.unit))));
    }
    let drawn = Levels {
        title: level.title,
        name: level.name,
        unit: level.unit,
        lines: vec![Line {
            points: points.clone(),
            colour: level.colour,
        }],
    };
    let mut caption = statistics(run, level);
    caption.push(format!("{} samples are drawn.", points.len()));
    if drawn.is_cut() {
        caption.push("The axis does not begin at 0.".to_owned());
    }
    let figure = Figure {
        title: level.title.to_owned(),
        caption: caption.join(" "),
        legend: Vec::new(),
        charts: vec![(String::new(), drawn.chart())],
        data: Data::new(
            file_name(run, level.metric),
            &[("time", Kind::Moment), (level.name, Kind::Number(level.unit))],
            points
                .iter()
                .map(|&(t, value)| vec![t.into(), value.into()])
                .collect(),
        ),
        open: false,
    };
    Ok(figure.html())
}

/// Mean, least and greatest over the whole run: the figures, which miss nothing that happens between samples.
fn statistics(run: &Run, level: &Shown) -> Vec<String> {
    let of = |stat: &str| run.summary.kpis.get(&format!("{}.{stat}", level.figure?));
    let (Some(mean), Some(min), Some(max)) = (of("mean"), of("min"), of("max")) else {
        return Vec::new();
    };
    let [mean, min, max] = [mean, min, max].map(|figure| quantity(figure.value, level.unit));
    vec![format!("Mean {mean}, least {min}, greatest {max}.")]
}

/// The name of a file of data of this run, without its ending.
pub fn file_name(run: &Run, what: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '-'
        }
    };
    format!("{}-{what}", run.summary.scenario.name)
        .chars()
        .map(plain)
        .collect()
}
