//! A heat map: a row for each thing, time from left to right, the more of a colour the fuller.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::ChartError;
use super::axis::{Axis, FOOT, under_rows};
use super::canvas::{Area, Screen, chart, fitted, label};
use super::palette::{BLUE, RED};

/// Steps that can be told apart.
const STEPS: f64 = 10.0;
/// Height of all rows together that is aimed at, in pixels, and the least and the most that one has.
const ROWS: (usize, i32, i32) = (520, 6, 22);
/// Height that a label needs, in pixels.
const LABEL: i32 = 18;

/// Shares of rows over time.
#[derive(Debug, Clone)]
pub struct Heat {
    /// Each row's name, and its shares in equal parts of the time.
    pub rows: Vec<(String, Vec<f64>)>,
    /// The end of the time, in seconds.
    pub end_s: f64,
    /// The share from which on a part is drawn in the colour of what is wrong.
    pub limit: f64,
}

impl Heat {
    /// Draws it.
    pub fn chart(&self, title: &str) -> String {
        let description = format!("{title}: {} rows over the time of the run", self.rows.len());
        chart(
            title,
            &description,
            |_| self.height(),
            |area, screen| self.draw(area, screen),
        )
    }

    fn row_height(&self) -> i32 {
        let (all, least, most) = ROWS;
        i32::try_from(all / self.rows.len().max(1))
            .unwrap_or(least)
            .clamp(least, most)
    }

    fn height(&self) -> u32 {
        let rows = i32::try_from(self.rows.len()).unwrap_or(i32::MAX / ROWS.2);
        (TOP + self.row_height() * rows).unsigned_abs() + FOOT
    }

    fn draw(&self, area: &Area<'_>, screen: Screen) -> Result<(), ChartError> {
        let left = match screen {
            Screen::Wide => 140,
            Screen::Narrow => 84,
        };
        let time = Axis::time("time in the run", 0.0, self.end_s, screen.time_ticks());
        let frame = under_rows(area, time, Axis::rows(self.rows.len()), [left, 24, TOP])?;
        let pixel = |at: f64| frame.backend_coord(&(at, 0.0)).0;
        let height = self.row_height();
        // Where rows are lower than their names, not every one is named.
        let named = (LABEL + height - 1) / height;
        let mut top = TOP;
        for (index, (name, shares)) in (0..).zip(&self.rows) {
            if index % named == 0 {
                let style = label().pos(Pos::new(HPos::Left, VPos::Center));
                area.draw(&Text::new(fitted(name, left - 8), (0, top + height / 2), style))?;
            }
            let width = self.end_s / shares.len().max(1) as f64;
            for (first, count, share) in stretches(shares) {
                let (from, to) = (first as f64 * width, (first + count) as f64 * width);
                let corners = [(pixel(from), top), (pixel(to), top + height)];
                let colour = if share >= self.limit {
                    RED.mix(0.9)
                } else {
                    BLUE.mix(share)
                };
                area.draw(&Rectangle::new(corners, colour.filled()))?;
            }
            top += height;
        }
        Ok(())
    }
}

/// Room above the rows, in pixels.
const TOP: i32 = 6;

/// Neighbours of one step of shade in one: where it begins, how many they are, and their share, rounded to a step.
fn stretches(shares: &[f64]) -> Vec<(usize, usize, f64)> {
    let mut stretches: Vec<(usize, usize, f64)> = Vec::new();
    for (at, share) in shares.iter().enumerate() {
        let step = (share * STEPS).ceil() / STEPS;
        match stretches.last_mut() {
            Some((_, count, before)) if before.to_bits() == step.to_bits() => *count += 1,
            _ => stretches.push((at, 1, step)),
        }
    }
    stretches.retain(|(_, _, share)| *share > 0.0);
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_shade_are_one() {
        assert_eq!(
            stretches(&[0.01, 0.1, 0.11, 0.0, 1.0]),
            [(0, 2, 0.1), (2, 1, 0.2), (4, 1, 1.0)]
        );
    }

    #[test]
    fn however_many_rows_there_are_the_map_keeps_its_height() {
        for count in [1, 5, 23, 64] {
            let heat = Heat {
                rows: vec![(String::new(), vec![0.5]); count],
                end_s: 1.0,
                limit: 1.0,
            };
            assert!(heat.height() <= 600, "{count} are {} pixels high", heat.height());
        }
    }
}
