//! A band over time: the middle of a spread as a line, its 5th to 95th percentile as an area.

use plotters::prelude::*;

use super::axis::{Axis, over_time};
use super::canvas::{Area, Screen, chart};
use super::palette::BLUE;
use super::{ChartError, line, steps};

/// A spread of shares over time: (seconds, share) of the three quantiles, at the same times.
#[derive(Debug, Clone)]
pub struct Band {
    /// 5th percentile.
    pub low: Vec<(f64, f64)>,
    /// Median.
    pub middle: Vec<(f64, f64)>,
    /// 95th percentile.
    pub high: Vec<(f64, f64)>,
}

impl Band {
    /// Draws it in percent.
    pub fn chart(&self, title: &str, name: &str) -> String {
        let description = format!("{title}: median and 5th to 95th percentile over the time of the run");
        chart(
            title,
            &description,
            |_| line::HEIGHT,
            |area, screen| self.draw(name, area, screen),
        )
    }

    fn draw(&self, name: &str, area: &Area<'_>, screen: Screen) -> Result<(), ChartError> {
        let end_s = self.high.last().map_or(0.0, |point| point.0);
        let percent = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
            let corners = steps(points, end_s).into_iter();
            corners.map(|(t, share)| (t, share * 100.0)).collect()
        };
        let (low, high) = (percent(&self.low), percent(&self.high));
        let most = high.iter().map(|point| point.1).fold(0.0, f64::max);
        let mut frame = over_time(area, screen, end_s, Axis::values(name, "%", 0.0, most))?;
        let outline: Vec<_> = high.into_iter().chain(low.into_iter().rev()).collect();
        frame.draw_series(std::iter::once(Polygon::new(outline, BLUE.mix(0.25))))?;
        let style = ShapeStyle::from(BLUE).stroke_width(2);
        frame.draw_series(LineSeries::new(percent(&self.middle), style))?;
        Ok(())
    }
}
