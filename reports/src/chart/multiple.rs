//! Small charts that are read side by side: one level each over things in a row, such as commits, with the words of each point under
//! the pointer.

use std::fmt::Write as _;

use plotters::prelude::*;
use plotters::style::RGBColor;

use super::ChartError;
use super::axis::{Axis, over_row};
use super::canvas::{Area, small};
use super::palette::BLUE;
use crate::html::escape;

/// Size of a chart, in pixels.
const SIZE: (u32, u32) = (288, 132);
/// Room under a chart, in pixels.
const FOOT: u32 = 8;
/// Radius of a point, and of one that is marked.
const RADIUS: (i32, i32) = (2, 4);
/// Points up to which each is drawn; of more only the line and the marks are.
const DOTTED: usize = 40;

/// A point.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Its place in the row, from 0.
    pub place: usize,
    /// Its value.
    pub mean: f64,
    /// The least and the greatest that it stands for.
    pub spread: (f64, f64),
    /// The colour it is marked with, where there is something to see.
    pub mark: Option<RGBColor>,
    /// What it says under the pointer.
    pub words: String,
}

/// A small chart.
#[derive(Debug, Clone)]
pub struct Multiple<'a> {
    /// Its title, for those who can't see it.
    pub title: &'a str,
    /// The unit of its values, as of a figure.
    pub unit: &'a str,
    /// The points, in order.
    pub points: &'a [Point],
    /// How many places the row has.
    pub places: usize,
}

impl Multiple<'_> {
    /// Draws it.
    pub fn chart(&self) -> String {
        small(self.title, SIZE, |area| self.draw(area))
    }

    fn values(&self) -> Axis {
        let least = self
            .points
            .iter()
            .map(|point| point.spread.0)
            .fold(f64::INFINITY, f64::min);
        let most = self
            .points
            .iter()
            .map(|point| point.spread.1)
            .fold(f64::NEG_INFINITY, f64::max);
        Axis::scaled(self.unit, least, most)
    }

    fn draw(&self, area: &Area<'_>) -> Result<String, ChartError> {
        let mut frame = over_row(area, self.places, self.values(), FOOT)?;
        let at = |point: &Point| (point.place as f64, point.mean);
        if self.points.iter().any(|point| point.spread.0 < point.spread.1) {
            let high = self
                .points
                .iter()
                .map(|point| (point.place as f64, point.spread.1));
            let low = self
                .points
                .iter()
                .rev()
                .map(|point| (point.place as f64, point.spread.0));
            let outline: Vec<(f64, f64)> = high.chain(low).collect();
            frame.draw_series(std::iter::once(Polygon::new(outline, BLUE.mix(0.25))))?;
        }
        let style = ShapeStyle::from(BLUE).stroke_width(2);
        frame.draw_series(LineSeries::new(self.points.iter().map(at), style))?;
        let dotted = self.points.len() <= DOTTED;
        for point in self.points {
            let (colour, radius) = match point.mark {
                Some(colour) => (colour, RADIUS.1),
                None if dotted => (BLUE, RADIUS.0),
                None => continue,
            };
            frame.draw_series(std::iter::once(Circle::new(at(point), radius, colour.filled())))?;
        }
        let pixels = self.points.iter().map(|point| frame.backend_coord(&at(point)));
        Ok(self.overlay(&pixels.collect::<Vec<_>>()))
    }

    /// What the pointer finds: of each point its words, from halfway to the point before to halfway to the next.
    fn overlay(&self, pixels: &[(i32, i32)]) -> String {
        let mut svg = String::new();
        for (index, point) in self.points.iter().enumerate() {
            let here = pixels[index].0;
            let before = index
                .checked_sub(1)
                .map_or(here - 12, |before| i32::midpoint(pixels[before].0, here));
            let after = pixels
                .get(index + 1)
                .map_or(here + 12, |after| i32::midpoint(after.0, here));
            // Writing into a text can't fail.
            let _ = write!(
                svg,
                "<rect class=\"point\" x=\"{before}\" y=\"0\" width=\"{}\" height=\"{}\" fill=\"transparent\"><title>{}</title></rect>",
                (after - before).max(1),
                SIZE.1,
                escape(&point.words)
            );
        }
        svg
    }
}
