//! Levels over time, a line each.

use plotters::prelude::*;
use plotters::style::RGBColor;

use super::axis::{Axis, over_time};
use super::canvas::{Area, Screen, chart};
use super::{ChartError, steps};

/// Height of a chart over time, in pixels.
pub(super) const HEIGHT: u32 = 250;

/// The unit of things that are counted.
pub const COUNT: &str = "1";

/// One level.
#[derive(Debug, Clone)]
pub struct Line {
    /// (seconds, value) in order of time; a value holds until the next.
    pub points: Vec<(f64, f64)>,
    /// Its colour.
    pub colour: RGBColor,
}

/// Levels in the same axes.
#[derive(Debug, Clone)]
pub struct Levels<'a> {
    /// Their title.
    pub title: &'a str,
    /// What the axis of values counts.
    pub name: &'a str,
    /// Its unit, [`COUNT`] for things that are counted.
    pub unit: &'a str,
    /// The levels; later ones are drawn over earlier ones.
    pub lines: Vec<Line>,
}

impl Levels<'_> {
    fn points(&self) -> impl Iterator<Item = &(f64, f64)> {
        self.lines.iter().flat_map(|line| &line.points)
    }

    fn values(&self) -> Axis {
        let most = self.points().map(|point| point.1).fold(0.0, f64::max);
        let least = self.points().map(|point| point.1).fold(f64::INFINITY, f64::min);
        if self.unit == COUNT {
            Axis::counts(self.name, most)
        } else {
            Axis::values(self.name, self.unit, least, most)
        }
    }

    /// Whether the axis of values begins elsewhere than at 0, which the page says in words.
    pub fn is_cut(&self) -> bool {
        self.values().is_cut()
    }

    /// Draws them.
    pub fn chart(&self) -> String {
        let description = format!("{} over the time of the run", self.title);
        chart(
            self.title,
            &description,
            |_| HEIGHT,
            |area, screen| self.draw(area, screen),
        )
    }

    fn draw(&self, area: &Area<'_>, screen: Screen) -> Result<(), ChartError> {
        let end_s = self.points().map(|point| point.0).fold(0.0, f64::max);
        let mut frame = over_time(area, screen, end_s, self.values())?;
        for line in &self.lines {
            let style = ShapeStyle::from(line.colour).stroke_width(2);
            frame.draw_series(LineSeries::new(steps(&line.points, end_s), style))?;
        }
        Ok(())
    }
}
