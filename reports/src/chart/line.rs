//! A level over time.

use plotters::prelude::*;
use plotters::style::RGBColor;

use super::axis::{Axis, over_time};
use super::canvas::{Area, Screen, chart};
use super::{ChartError, steps};

/// Height of a chart over time, in pixels.
pub(super) const HEIGHT: u32 = 250;

/// What is drawn.
#[derive(Debug, Clone)]
pub struct Level<'a> {
    /// Its title.
    pub title: &'a str,
    /// What the axis of values counts.
    pub name: &'a str,
    /// Its unit, [`COUNT`] for things that are counted.
    pub unit: &'a str,
    /// (seconds, value) in order of time; a value holds until the next.
    pub points: &'a [(f64, f64)],
    /// Its colour.
    pub colour: RGBColor,
}

/// The unit of things that are counted.
pub const COUNT: &str = "1";

impl Level<'_> {
    fn end_s(&self) -> f64 {
        self.points.last().map_or(0.0, |point| point.0)
    }

    fn values(&self) -> Axis {
        let values = || self.points.iter().map(|point| point.1);
        let most = values().fold(0.0, f64::max);
        if self.unit == COUNT {
            Axis::counts(self.name, most)
        } else {
            Axis::values(self.name, self.unit, values().fold(f64::INFINITY, f64::min), most)
        }
    }

    /// Whether the axis of values begins elsewhere than at 0, which the page says in words.
    pub fn is_cut(&self) -> bool {
        self.values().is_cut()
    }

    /// Draws it.
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
        let end_s = self.end_s();
        let mut frame = over_time(area, screen, end_s, self.values())?;
        let style = ShapeStyle::from(self.colour).stroke_width(2);
        frame.draw_series(LineSeries::new(steps(self.points, end_s), style))?;
        Ok(())
    }
}
