//! Lines over time, each with its name at its end.

use plotters::prelude::*;

use super::{ChartError, end_labels, faint, label, svg, tick, time_unit, value_unit, whole_tick};

/// One line.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// (seconds, value) in order of time.
    pub points: Vec<(f64, f64)>,
    /// Its colour.
    pub colour: RGBColor,
}

/// Draws lines; a level holds until the next point, so lines are steps.
pub fn chart(title: &str, unit: &str, lines: &[Line]) -> String {
    let description = format!("{title} over simulated time, in {unit}");
    svg(title, &description, 260, |area| draw(area, unit, lines))
}

fn draw(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    unit: &str,
    lines: &[Line],
) -> Result<(), ChartError> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let end = points().map(|point| point.0).fold(0.0, f64::max).max(1e-3);
    let top = points().map(|point| point.1).fold(0.0, f64::max);
    let top = if top > 0.0 { top * 1.08 } else { 1.0 };
    let (scale, time) = time_unit(end);
    let (value_scale, unit) = value_unit(top, unit);
    let counted = points().all(|point| point.1.fract() == 0.0) && value_scale == 1.0 && top < 100.0;
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .margin_right(120)
        .x_label_area_size(34)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..end * scale, 0.0..top * value_scale)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(faint())
        .light_line_style(TRANSPARENT)
        .axis_style(faint())
        .label_style(label(13))
        .x_desc(time)
        .y_desc(unit)
        .x_label_formatter(&|value| tick(*value))
        .y_label_formatter(&|value| if counted { whole_tick(*value) } else { tick(*value) })
        .draw()?;
    let mut names = Vec::new();
    for line in lines {
        let style = ShapeStyle::from(&line.colour).stroke_width(2);
        chart.draw_series(LineSeries::new(
            steps(&line.points, end)
                .into_iter()
                .map(|(t, v)| (t * scale, v * value_scale)),
            style,
        ))?;
        if let Some(last) = line.points.last() {
            let at = chart.backend_coord(&(end * scale, last.1 * value_scale));
            names.push((at.1, line.name.clone(), line.colour));
        }
    }
    let right = chart.backend_coord(&(end * scale, 0.0)).0;
    end_labels(area, right, names)
}

/// The corners of the steps, up to the end.
pub(super) fn steps(points: &[(f64, f64)], end: f64) -> Vec<(f64, f64)> {
    let mut corners: Vec<(f64, f64)> = Vec::with_capacity(points.len() * 2 + 1);
    for &(t, value) in points {
        if let Some(&(_, before)) = corners.last() {
            corners.push((t, before));
        }
        corners.push((t, value));
    }
    if let Some(&(t, value)) = corners.last()
        && t < end
    {
        corners.push((end, value));
    }
    corners
}
