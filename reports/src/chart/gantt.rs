//! Migrations over the run: for each when it waited, copied, and stood still.

use plotters::prelude::*;

use super::{BLUE, ChartError, ORANGE, RED, faint, label, svg, tick, time_unit};
use crate::run::MigrationStory;

const ROW: u32 = 20;
/// Rows that still can be read; the table below has all.
const ROWS: usize = 60;

/// Draws when each migration waited (orange), was under way (blue) and stood still (red).
pub fn chart(stories: &[MigrationStory]) -> String {
    let shown = &stories[..stories.len().min(ROWS)];
    let description = format!(
        "{} migrations: waiting in orange, under way in blue, black-out in red",
        stories.len()
    );
    svg(
        "Migrations",
        &description,
        60 + shown.len() as u32 * ROW,
        |area| draw(area, shown),
    )
}

fn draw(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    stories: &[MigrationStory],
) -> Result<(), ChartError> {
    let begin = stories
        .iter()
        .map(|story| story.requested_s)
        .fold(f64::INFINITY, f64::min);
    let end = stories
        .iter()
        .filter_map(|story| story.ended_s)
        .fold(begin + 1e-3, f64::max);
    let rows = stories.len() as u32;
    let (scale, unit) = time_unit(end - begin);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .margin_right(40)
        .x_label_area_size(34)
        .y_label_area_size(150)
        .build_cartesian_2d(begin * scale..end * scale, 0.0..f64::from(rows))?;
    chart
        .configure_mesh()
        .disable_mesh()
        .axis_style(faint())
        .label_style(label(13))
        .x_desc(format!("simulated time, {unit}"))
        .y_labels(0)
        .x_label_formatter(&|value| tick(*value))
        .draw()?;
    for (row, story) in stories.iter().enumerate() {
        let bottom = f64::from(rows - 1 - row as u32);
        let started = story.started_s.unwrap_or(story.requested_s);
        let ended = story.ended_s.unwrap_or(end);
        let mut bars = vec![(story.requested_s, started, ORANGE), (started, ended, BLUE)];
        bars.extend(
            story
                .paused_s
                .map(|paused| (paused, story.resumed_s.unwrap_or(ended), RED)),
        );
        for (from, to, colour) in bars {
            let corners = [(from * scale, bottom + 0.2), (to * scale, bottom + 0.8)];
            chart.draw_series(std::iter::once(Rectangle::new(corners, colour.filled())))?;
        }
        let at = chart.backend_coord(&(begin * scale, bottom + 0.5));
        let name = format!("{}: {} → {}", story.vm, story.from, story.to);
        area.draw(&Text::new(name, (10, at.1 - 7), label(12)))?;
    }
    Ok(())
}
