//! A band over time: the middle of a spread as a line, its 5th to 95th percentile as an area, and the limit where there is one.

use plotters::prelude::*;

use super::axis::{Axis, Frame, over, over_time};
use super::canvas::chart;
use super::palette::{BLUE, RED};
use super::{ChartError, line, steps};

/// A spread of shares: (where, share) of the three quantiles, at the same places.
#[derive(Debug, Clone)]
pub struct Band {
    /// 5th percentile.
    pub low: Vec<(f64, f64)>,
    /// Median.
    pub middle: Vec<(f64, f64)>,
    /// 95th percentile.
    pub high: Vec<(f64, f64)>,
    /// What must not be passed, as a share.
    pub limit: Option<f64>,
}

impl Band {
    /// Draws levels over the time of a run, in seconds, each of which holds until the next, in percent.
    pub fn chart(&self, title: &str, name: &str) -> String {
        let description = format!("{title}: median and 5th to 95th percentile over the time of the run");
        chart(
            title,
            &description,
            |_| line::HEIGHT,
            |area, screen| {
                let end_s = self.high.last().map_or(0.0, |point| point.0);
                let frame = over_time(area, screen, end_s, self.values(name))?;
                self.draw(frame, end_s, |points| steps(points, end_s))
            },
        )
    }

    /// Draws what runs from point to point over months, in percent.
    pub fn over_months(&self, title: &str, name: &str) -> String {
        let description = format!("{title}: median and 5th to 95th percentile month by month");
        chart(
            title,
            &description,
            |_| line::HEIGHT,
            |area, screen| {
                let end = self.high.last().map_or(0.0, |point| point.0);
                let months = Axis::whole("months from now", end, screen.time_ticks());
                let frame = over(area, months, self.values(name))?;
                self.draw(frame, end, <[(f64, f64)]>::to_vec)
            },
        )
    }

    fn values(&self, name: &str) -> Axis {
        let most = self
            .high
            .iter()
            .map(|point| point.1)
            .chain(self.limit)
            .fold(0.0, f64::max);
        Axis::values(name, "%", 0.0, most * 100.0)
    }

    fn draw(
        &self,
        mut frame: Frame<'_, '_>,
        end: f64,
        corners: impl Fn(&[(f64, f64)]) -> Vec<(f64, f64)>,
    ) -> Result<(), ChartError> {
        let percent = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
            corners(points)
                .into_iter()
                .map(|(at, share)| (at, share * 100.0))
                .collect()
        };
        let (low, high) = (percent(&self.low), percent(&self.high));
        let outline: Vec<_> = high.into_iter().chain(low.into_iter().rev()).collect();
        frame.draw_series(std::iter::once(Polygon::new(outline, BLUE.mix(0.25))))?;
        let line = |colour: RGBColor| ShapeStyle::from(colour).stroke_width(2);
        frame.draw_series(LineSeries::new(percent(&self.middle), line(BLUE)))?;
        if let Some(limit) = self.limit {
            let ends = [(0.0, limit * 100.0), (end, limit * 100.0)];
            frame.draw_series(LineSeries::new(ends, line(RED)))?;
        }
        Ok(())
    }
}
