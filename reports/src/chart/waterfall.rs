//! The rounds of one migration as a waterfall: each round a bar from its begin to its end, labelled with what it sent.

use plotters::prelude::*;

use super::{BLUE, ChartError, RED, faint, label, svg, tick};
use crate::run::MigrationStory;
use crate::text::quantity;

const ROW: u32 = 22;

/// Draws the rounds of a migration and its black-out.
pub fn chart(story: &MigrationStory) -> String {
    let title = format!("Rounds of {} from {} to {}", story.vm, story.from, story.to);
    let rows = story.rounds.len() as u32 + 1;
    let description = format!(
        "{} rounds of pre-copy, each from its begin to its end, and the black-out",
        story.rounds.len()
    );
    svg(&title, &description, 60 + rows * ROW, |area| {
        draw(area, story, rows)
    })
}

fn draw(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    story: &MigrationStory,
    rows: u32,
) -> Result<(), ChartError> {
    let begin = story.started_s.unwrap_or(story.requested_s);
    let end = story.ended_s.or(story.resumed_s).unwrap_or(begin + 1.0);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .margin_right(250)
        .x_label_area_size(34)
        .y_label_area_size(80)
        .build_cartesian_2d(0.0..(end - begin).max(1e-3), 0.0..f64::from(rows))?;
    let name = |row: f64| {
        let row = rows as usize - 1 - (row as usize).min(rows as usize - 1);
        story
            .rounds
            .get(row)
            .map_or("black-out".to_owned(), |round| format!("round {}", round.round))
    };
    chart
        .configure_mesh()
        .disable_mesh()
        .axis_style(faint())
        .label_style(label(13))
        .x_desc("seconds since the migration began")
        .y_labels(0)
        .x_label_formatter(&|value| tick(*value))
        .draw()?;
    let mut bar = |row: u32, from: f64, to: f64, colour: RGBColor, text: String| -> Result<(), ChartError> {
        let bottom = f64::from(rows - 1 - row);
        let corners = [(from - begin, bottom + 0.15), (to - begin, bottom + 0.85)];
        chart.draw_series(std::iter::once(Rectangle::new(corners, colour.filled())))?;
        let at = chart.backend_coord(&(to - begin, bottom + 0.5));
        area.draw(&Text::new(text, (at.0.max(80) + 8, at.1 - 7), label(13)))?;
        area.draw(&Text::new(name(bottom), (14, at.1 - 7), label(13)))?;
        Ok(())
    };
    for (row, round) in story.rounds.iter().enumerate() {
        let text = format!(
            "{} pages, {}",
            quantity(round.pages, "1"),
            quantity(round.seconds, "s")
        );
        bar(row as u32, round.end_s - round.seconds, round.end_s, BLUE, text)?;
    }
    if let Some((paused, resumed)) = story.paused_s.zip(story.resumed_s) {
        bar(rows - 1, paused, resumed, RED, quantity(resumed - paused, "s"))?;
    }
    Ok(())
}
