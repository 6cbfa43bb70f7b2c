//! A band over time: the middle of a spread as a line, its 5th to 95th percentile as an area.

use plotters::prelude::*;

use super::line::steps;
use super::{BLUE, ChartError, end_labels, faint, label, svg, tick, time_unit};

/// A spread over time: (seconds, value) of the three quantiles, at the same times.
#[derive(Debug, Clone)]
pub struct Band {
    /// 5th percentile.
    pub low: Vec<(f64, f64)>,
    /// Median.
    pub middle: Vec<(f64, f64)>,
    /// 95th percentile.
    pub high: Vec<(f64, f64)>,
}

/// Draws a band of shares as percent.
pub fn chart(title: &str, band: &Band) -> String {
    let description = format!("{title}: median and 5th to 95th percentile over simulated time, in percent");
    svg(title, &description, 260, |area| draw(area, band))
}

fn draw(area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>, band: &Band) -> Result<(), ChartError> {
    let end = band.high.last().map_or(1.0, |point| point.0).max(1e-3);
    let (scale, time) = time_unit(end);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .margin_right(150)
        .x_label_area_size(34)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..end * scale, 0.0..100.0)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(faint())
        .light_line_style(TRANSPARENT)
        .axis_style(faint())
        .label_style(label(13))
        .x_desc(time)
        .y_desc("% of processors busy")
        .x_label_formatter(&|value| tick(*value))
        .y_label_formatter(&|value| tick(*value))
        .draw()?;
    let scaled = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
        steps(points, end)
            .into_iter()
            .map(|(t, value)| (t * scale, value * 100.0))
            .collect()
    };
    let mut outline = scaled(&band.high);
    outline.extend(scaled(&band.low).into_iter().rev());
    chart.draw_series(std::iter::once(Polygon::new(outline, BLUE.mix(0.25))))?;
    chart.draw_series(LineSeries::new(
        scaled(&band.middle),
        ShapeStyle::from(&BLUE).stroke_width(2),
    ))?;
    let mut names = Vec::new();
    for (name, points) in [
        ("95 % of hosts below", &band.high),
        ("median", &band.middle),
        ("5 % of hosts below", &band.low),
    ] {
        if let Some(last) = points.last() {
            let at = chart.backend_coord(&(end * scale, last.1 * 100.0));
            names.push((at.1, name.to_owned(), BLUE));
        }
    }
    let right = chart.backend_coord(&(end * scale, 0.0)).0;
    end_labels(area, right, names)
}
