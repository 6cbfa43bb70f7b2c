//! Rows of bars over time, each with its label and its numbers: beside the bars where the screen is wide, over them where it is
//! narrow.

use plotters::prelude::*;
use plotters::style::RGBColor;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::ChartError;
use super::axis::{Axis, FOOT, Frame, under_rows};
use super::canvas::{Area, Screen, fitted, label};
use super::palette::{BLUE, ORANGE, RED};
use crate::run::PhaseKind;

/// Least width of a bar, in pixels: what happened is seen, however short it was.
const LEAST: i32 = 3;
/// Width of a column of numbers, in pixels.
const COLUMN: i32 = 90;
/// Room between a text and what is beside it, in pixels.
const GAP: i32 = 8;

/// A bar: from and to on its axis, and its colour.
pub type Bar = (f64, f64, RGBColor);

/// The colour of what a migration does.
pub const fn colour(kind: PhaseKind) -> RGBColor {
    match kind {
        PhaseKind::Waiting => ORANGE,
        PhaseKind::UnderWay => BLUE,
        PhaseKind::BlackOut => RED,
    }
}

/// A row.
#[derive(Debug, Clone)]
pub struct Row {
    /// What it is.
    pub label: String,
    /// Its numbers, one for each column.
    pub numbers: Vec<String>,
    /// Its bars; later ones lie on earlier ones.
    pub bars: Vec<Bar>,
}

/// What bars are drawn against.
#[derive(Debug, Clone)]
pub enum Across {
    /// Time: its name, begin and end in seconds.
    Time(String, f64, f64),
    /// Percent of something: its name, the least and the most.
    Percent(String, f64, f64),
}

impl Across {
    /// Room left of the bars on a narrow screen, half of the first label of the axis, in pixels.
    const fn room(&self) -> i32 {
        match self {
            Self::Time(..) => 4,
            Self::Percent(..) => 20,
        }
    }

    fn axis(&self, screen: Screen) -> Axis {
        match self {
            Self::Time(name, begin, end) => Axis::time(name, *begin, *end, screen.time_ticks()),
            Self::Percent(name, least, most) => Axis::values(name, "%", *least, *most),
        }
    }
}

/// Rows and what they have in common.
#[derive(Debug, Clone)]
pub struct Rows {
    /// From top to bottom.
    pub list: Vec<Row>,
    /// What their bars are drawn against.
    pub across: Across,
    /// Room for labels on a wide screen, in pixels; 0 for rows too many to be told apart.
    pub label_width: i32,
    /// The names of the columns of numbers.
    pub columns: Vec<&'static str>,
}

/// Pixels from the edges to the bars, the height of a row, and where in it its bars begin and end.
struct Layout {
    left: i32,
    right: i32,
    top: i32,
    row: i32,
    bar: (i32, i32),
}

impl Rows {
    /// Most pixels that rows without labels take together.
    pub const COMPACT: usize = 400;

    fn layout(&self, screen: Screen) -> Layout {
        let columns = COLUMN * pixels(self.columns.len());
        match screen {
            _ if self.label_width == 0 => {
                let row = pixels((Self::COMPACT / self.list.len().max(1)).clamp(1, 8));
                Layout {
                    left: 12,
                    right: 24,
                    top: 6,
                    row,
                    bar: (0, row),
                }
            }
            Screen::Wide => Layout {
                left: self.label_width,
                right: columns + 24,
                top: 22,
                row: 24,
                bar: (4, 20),
            },
            Screen::Narrow => Layout {
                left: self.across.room(),
                right: 16,
                top: 2,
                row: 40,
                bar: (20, 34),
            },
        }
    }

    /// How high the chart is, in pixels.
    pub fn height(&self, screen: Screen) -> u32 {
        let layout = self.layout(screen);
        (layout.top + layout.row * pixels(self.list.len())).unsigned_abs() + FOOT
    }

    /// Draws the rows.
    pub fn draw(&self, area: &Area<'_>, screen: Screen) -> Result<(), ChartError> {
        let layout = self.layout(screen);
        let edges = [layout.left, layout.right, layout.top];
        let frame = under_rows(area, self.across.axis(screen), Axis::rows(self.list.len()), edges)?;
        let mut top = layout.top;
        for row in &self.list {
            for (index, bar) in row.bars.iter().enumerate() {
                // Of a thin line only the first bar is sure to be seen, or what came last would hide all.
                let least = if index == 0 || self.label_width > 0 {
                    LEAST
                } else {
                    0
                };
                let height = (top + layout.bar.0, top + layout.bar.1);
                draw_bar(area, &frame, *bar, height, least)?;
            }
            match screen {
                _ if self.label_width == 0 => {}
                Screen::Wide => self.write_beside(area, row, top + layout.row / 2)?,
                Screen::Narrow => self.write_above(area, row, top + layout.bar.0 / 2)?,
            }
            top += layout.row;
        }
        if screen == Screen::Wide && self.label_width > 0 {
            write_numbers(area, &self.columns, layout.top / 2)?;
        }
        Ok(())
    }

    /// Writes the label left of the bars and the numbers right of them, each under the name of its column.
    fn write_beside(&self, area: &Area<'_>, row: &Row, height: i32) -> Result<(), ChartError> {
        write_label(area, &row.label, self.label_width - GAP, height)?;
        write_numbers(area, &row.numbers, height)
    }

    /// Writes the label and the numbers in a line; a number without a unit needs the name of its column.
    fn write_above(&self, area: &Area<'_>, row: &Row, height: i32) -> Result<(), ChartError> {
        let told = row.numbers.iter().zip(&self.columns);
        let numbers = told
            .filter(|(number, _)| !number.is_empty())
            .map(|(number, column)| with_unit(number, column));
        let text: Vec<String> = std::iter::once(row.label.clone()).chain(numbers).collect();
        let text = text.join(" · ");
        write_label(area, &text, Screen::Narrow.width().cast_signed(), height)
    }
}

/// A number that has no unit, with the name of its column.
fn with_unit(number: &str, column: &str) -> String {
    match number {
        _ if number.contains(' ') => number.to_owned(),
        "1" => format!("1 {}", column.trim_end_matches('s')),
        _ => format!("{number} {column}"),
    }
}

fn pixels(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Writes a text at the left edge, at this height, cut where it is wider than `width`.
fn write_label(area: &Area<'_>, text: &str, width: i32, height: i32) -> Result<(), ChartError> {
    let style = label().pos(Pos::new(HPos::Left, VPos::Center));
    area.draw(&Text::new(fitted(text, width), (0, height), style))?;
    Ok(())
}

/// Writes numbers in their columns at the right edge, at this height.
fn write_numbers(area: &Area<'_>, numbers: &[impl ToString], height: i32) -> Result<(), ChartError> {
    let mut right = Screen::Wide.width().cast_signed();
    for number in numbers.iter().rev() {
        let style = label().pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(number.to_string(), (right, height), style))?;
        right -= COLUMN;
    }
    Ok(())
}

/// Draws as much of a bar as lies within the frame, in pixels, at least `least` wide; one that has none is not drawn.
fn draw_bar(
    area: &Area<'_>,
    frame: &Frame<'_, '_>,
    (from, to, colour): Bar,
    (top, bottom): (i32, i32),
    least: i32,
) -> Result<(), ChartError> {
    let pixel = |at: f64| frame.backend_coord(&(at, 0.0)).0;
    let (left, right) = (pixel(from), pixel(to).max(pixel(from) + least));
    if right > left {
        area.draw(&Rectangle::new([(left, top), (right, bottom)], colour.filled()))?;
    }
    Ok(())
}
