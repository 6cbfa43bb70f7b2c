//! Distributions side by side, small: for each column the middle half as a box, the median as a line in it, and all as a whisker.

use std::fmt::Write as _;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::ChartError;
use super::axis::{Axis, over_row};
use super::canvas::{Area, fitted, label, small};
use super::palette::BLUE;
use crate::html::escape;

/// Size of a chart, in pixels.
const SIZE: (u32, u32) = (288, 160);
/// Room under a chart for the names of its columns, in pixels.
const FOOT: u32 = 26;
/// Half the width of a box, as a share of a column.
const HALF: f64 = 0.28;
/// Least pixels that the name of a column takes.
const NAME: i32 = 34;

/// Values of one column, sorted.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    values: Vec<f64>,
    /// What it says under the pointer.
    pub words: String,
}

impl Column {
    /// A column of values.
    pub fn of(name: String, mut values: Vec<f64>, words: impl FnOnce(&Self) -> String) -> Self {
        values.sort_by(f64::total_cmp);
        let mut column = Self {
            name,
            values,
            words: String::new(),
        };
        column.words = words(&column);
        column
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value below which this share of all lies, between two neighbours in proportion; none of none.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let last = self.values.len().checked_sub(1)?;
        let place = share * last as f64;
        let (below, above) = (place.floor() as usize, place.ceil() as usize);
        let (low, high) = (self.values[below], self.values[above]);
        Some(low + (high - low) * (place - below as f64))
    }
}

/// Columns in one chart.
#[derive(Debug, Clone)]
pub struct Boxes<'a> {
    /// Its title, for those who can't see it.
    pub title: &'a str,
    /// The unit of the values, as of a figure.
    pub unit: &'a str,
    /// The columns, from the left.
    pub columns: &'a [Column],
    /// The least and the greatest value of all charts that are read beside this one.
    pub range: (f64, f64),
}

impl Boxes<'_> {
    /// Draws it.
    pub fn chart(&self) -> String {
        small(self.title, SIZE, |area| self.draw(area))
    }

    fn draw(&self, area: &Area<'_>) -> Result<String, ChartError> {
        let values = Axis::scaled(self.unit, self.range.0, self.range.1);
        let mut frame = over_row(area, self.columns.len(), values, FOOT)?;
        for (place, column) in self.columns.iter().enumerate() {
            let Some([least, low, middle, high, most]) = five(column) else {
                continue;
            };
            let place = place as f64;
            let (left, right) = (place - HALF, place + HALF);
            let stroke = ShapeStyle::from(BLUE).stroke_width(2);
            let line = |from: (f64, f64), to: (f64, f64)| PathElement::new(vec![from, to], stroke);
            frame.draw_series([Rectangle::new(
                [(left, low), (right, high)],
                BLUE.mix(0.25).filled(),
            )])?;
            frame.draw_series([
                line((place, least), (place, low)),
                line((place, high), (place, most)),
                line((left, middle), (right, middle)),
            ])?;
        }
        let left_of = |place: usize| frame.backend_coord(&(place as f64 - 0.5, self.range.0)).0;
        let edges: Vec<i32> = (0..=self.columns.len()).map(left_of).collect();
        self.names(area, &edges)?;
        Ok(self.overlay(&edges))
    }

    /// Writes the names of columns under them, as many as fit.
    fn names(&self, area: &Area<'_>, edges: &[i32]) -> Result<(), ChartError> {
        let width = (edges[edges.len() - 1] - edges[0]) / i32::try_from(self.columns.len().max(1))?;
        let stride = usize::try_from((NAME / width.max(1)).max(0))? + 1;
        let style = label().pos(Pos::new(HPos::Center, VPos::Bottom));
        for (column, edge) in self.columns.iter().zip(edges.windows(2)).step_by(stride) {
            let room = width * i32::try_from(stride)?;
            let at = (i32::midpoint(edge[0], edge[1]), SIZE.1.cast_signed() - 4);
            area.draw(&Text::new(fitted(&column.name, room), at, style.clone()))?;
        }
        Ok(())
    }

    /// What the pointer finds: the words of each column.
    fn overlay(&self, edges: &[i32]) -> String {
        let mut svg = String::new();
        for (column, edge) in self.columns.iter().zip(edges.windows(2)) {
            // Writing into a text can't fail.
            let _ = write!(
                svg,
                "<rect class=\"point\" x=\"{}\" y=\"0\" width=\"{}\" height=\"{}\" fill=\"transparent\"><title>{}</title></rect>",
                edge[0],
                (edge[1] - edge[0]).max(1),
                SIZE.1,
                escape(&column.words)
            );
        }
        svg
    }
}

/// Least, lower quartile, median, upper quartile, greatest.
fn five(column: &Column) -> Option<[f64; 5]> {
    let of = |share| column.quantile(share);
    Some([of(0.0)?, of(0.25)?, of(0.5)?, of(0.75)?, of(1.0)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours_in_proportion() {
        let column = |values: &[f64]| Column::of(String::new(), values.to_vec(), |_| String::new());
        assert_eq!(
            five(&column(&[4.0, 1.0, 3.0, 2.0, 5.0])),
            Some([1.0, 2.0, 3.0, 4.0, 5.0])
        );
        assert_eq!(column(&[1.0, 2.0]).quantile(0.75), Some(1.75));
        assert_eq!(five(&column(&[7.0])), Some([7.0; 5]));
        assert_eq!(five(&column(&[])), None);
    }
}
