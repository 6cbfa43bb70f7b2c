//! Axes: ticks at round numbers of the unit that people would count in, each grid line with its label.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::ChartError;
use super::canvas::{Area, Screen, label};
use super::palette::FAINT;
use crate::text::number::{digits, si_prefix};

/// Height of the labels and the title under a chart, in pixels.
pub const FOOT: u32 = 44;
/// Room left of a chart for the labels of values, and above it for their title, in pixels.
const VALUES: (u32, u32) = (62, 26);
/// Room right of a chart, half of a label at the end of the axis, in pixels.
const RIGHT: u32 = 24;

/// A small chart shows at least this share of its greatest value from bottom to top.
const NARROWEST: f64 = 0.02;

/// Steps of seconds, minutes, hours and days at which people read a clock.
const CLOCK_STEPS: [f64; 22] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10_800.0,
    14_400.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0, 432_000.0, 864_000.0,
];

/// How a tick is written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Labels {
    /// As a number, divided by this.
    Number(f64),
    /// As a clock shows it, `h:mm`.
    HoursMinutes,
    /// Likewise, `h:mm:ss`.
    HoursMinutesSeconds,
}

/// One axis: from where to where, its ticks and how they are written.
#[derive(Debug, Clone)]
pub struct Axis {
    range: Range<f64>,
    ticks: Vec<f64>,
    labels: Labels,
    title: String,
}

impl Axis {
    /// An axis of time from `begin` to `end`, in seconds, with at most `most` ticks.
    pub fn time(name: &str, begin: f64, end: f64, most: usize) -> Self {
        let end = end.max(begin + 1e-9);
        let least = (end - begin) / most as f64;
        let step = CLOCK_STEPS
            .into_iter()
            .find(|step| *step >= least && least > 0.5)
            .unwrap_or_else(|| round_step(least));
        let (labels, unit) = match step {
            s if s >= 86_400.0 => (Labels::Number(86_400.0), "d"),
            s if s >= 3600.0 => (Labels::Number(3600.0), "h"),
            s if s >= 60.0 && end > 7200.0 => (Labels::HoursMinutes, "h:mm"),
            s if s >= 60.0 => (Labels::Number(60.0), "min"),
            s if s >= 1.0 && end > 600.0 => (Labels::HoursMinutesSeconds, "h:mm:ss"),
            _ if end > 2.0 => (Labels::Number(1.0), "s"),
            _ if end > 2e-3 => (Labels::Number(1e-3), "ms"),
            _ => (Labels::Number(1e-6), "µs"),
        };
        Self {
            ticks: ticks(begin, end, step),
            range: begin..end,
            labels,
            title: format!("{name}, {unit}"),
        }
    }

    /// An axis of values in `unit`, widened to whole steps. It begins at 0 unless the values keep far from it; one of percent always.
    pub fn values(name: &str, unit: &str, least: f64, most: f64) -> Self {
        let far = unit != "%" && least > 0.6 * most;
        let least = if far { least } else { least.min(0.0) };
        let most = if most > least { most } else { least + 1.0 };
        let step = round_step((most - least) / 5.0);
        let (low, high) = ((least / step).floor() * step, (most / step).ceil() * step);
        let (factor, prefix) = match unit {
            "W" | "b/s" => si_prefix(high),
            _ => (1.0, ""),
        };
        Self {
            ticks: ticks(low, high, step),
            range: low..high,
            labels: Labels::Number(factor),
            title: format!("{name}, {prefix}{unit}"),
        }
    }

    /// An axis of a plain number from 0 to `end`, with at most `most` ticks, at whole numbers.
    pub fn whole(name: &str, end: f64, most: usize) -> Self {
        let end = end.max(1.0);
        Self {
            ticks: ticks(0.0, end, round_step(end / most as f64).max(1.0)),
            range: 0.0..end,
            labels: Labels::Number(1.0),
            title: name.to_owned(),
        }
    }

    /// An axis of things that are counted: no ticks between whole ones.
    pub fn counts(name: &str, most: f64) -> Self {
        let step = round_step(most / 5.0).max(1.0);
        let high = (most / step).ceil().max(1.0) * step;
        Self {
            ticks: ticks(0.0, high, step),
            range: 0.0..high,
            labels: Labels::Number(1.0),
            title: name.to_owned(),
        }
    }

    /// An axis of values of a figure in few steps, in the prefix of its unit that suits; it begins where the values do.
    pub fn scaled(unit: &str, least: f64, most: f64) -> Self {
        let (factor, shown) = scale(unit, least.abs().max(most.abs()));
        // What differs by less is as good as the same; enlarged it would look like much.
        let narrowest = (least.abs().max(most.abs()) * NARROWEST).max(1e-9 * factor);
        let room = ((narrowest - (most - least)) / 2.0).max(0.0);
        let (least, most) = (least - room, most + room);
        let step = round_step((most - least) / factor / 3.0) * factor;
        let (low, high) = ((least / step).floor() * step, (most / step).ceil() * step);
        Self {
            ticks: ticks(low, high, step),
            range: low..high,
            labels: Labels::Number(factor),
            title: shown,
        }
    }

    /// An axis of `count` places in a row, with half a place at either end; it has no labels.
    pub fn places(count: usize) -> Self {
        Self {
            range: -0.5..count.max(1) as f64 - 0.5,
            ticks: Vec::new(),
            labels: Labels::Number(1.0),
            title: String::new(),
        }
    }

    /// An axis of `count` rows, which are told by what is drawn in them.
    pub fn rows(count: usize) -> Self {
        Self {
            range: count as f64..0.0,
            ticks: Vec::new(),
            labels: Labels::Number(1.0),
            title: String::new(),
        }
    }

    /// Whether it begins elsewhere than at 0.
    pub fn is_cut(&self) -> bool {
        self.range.start != 0.0
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.range.clone()).map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            // A line between ticks would have no label.
            Vec::new()
        } else {
            self.ticks.clone()
        }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let whole = value.round() as u64;
        let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
        match self.labels {
            Labels::Number(factor) => digits((value / factor * 1e6).round() / 1e6),
            Labels::HoursMinutes => format!("{hours}:{minutes:02}"),
            Labels::HoursMinutesSeconds => format!("{hours}:{minutes:02}:{seconds:02}"),
        }
    }
}

/// What values of a figure in `unit` are divided by for people, and the unit that they then have.
fn scale(unit: &str, most: f64) -> (f64, String) {
    let (factor, prefix) = match unit {
        "W" | "b/s" | "Hz" => si_prefix(most),
        "B" => match most {
            most if most >= 1_073_741_824.0 => (1_073_741_824.0, "Gi"),
            most if most >= 1_048_576.0 => (1_048_576.0, "Mi"),
            most if most >= 1024.0 => (1024.0, "Ki"),
            _ => (1.0, ""),
        },
        "s" => match most {
            most if most >= 7200.0 => return (3600.0, "h".to_owned()),
            most if most >= 600.0 => return (60.0, "min".to_owned()),
            most if most >= 1.0 => (1.0, ""),
            most if most >= 1e-3 => (1e-3, "m"),
            _ => (1e-6, "µ"),
        },
        "kW·h" if most < 1.0 => return (1e-3, "Wh".to_owned()),
        "kW·h" => return (1.0, "kWh".to_owned()),
        _ => (1.0, ""),
    };
    let unit = if unit == "1" { "" } else { unit };
    (factor, format!("{prefix}{unit}"))
}

/// The least of 1, 2, 5 times a power of ten that is at least `least`.
fn round_step(least: f64) -> f64 {
    let power = libm::pow(10.0, libm::floor(libm::log10(least.max(1e-12))));
    let of_power = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    // A hair of tolerance: 0.2 / 2 must not be taken for more than 0.1.
    of_power
        .into_iter()
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// The multiples of `step` from `begin` to `end`.
fn ticks(begin: f64, end: f64, step: f64) -> Vec<f64> {
    let (first, last) = (
        (begin / step - 1e-6).ceil() as i64,
        (end / step + 1e-6).floor() as i64,
    );
    (first..=last).map(|count| count as f64 * step).collect()
}

/// A chart in its axes, ready for what is to be drawn.
pub type Frame<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

/// Draws the axes of values over time; the title of the values stands over them.
pub fn over_time<'a, 'b>(
    area: &'a Area<'b>,
    screen: Screen,
    end_s: f64,
    values: Axis,
) -> Result<Frame<'a, 'b>, ChartError> {
    let time = Axis::time("time in the run", 0.0, end_s, screen.time_ticks());
    over(area, time, values)
}

/// Draws the axes of values over something; the title of the values stands over them.
pub fn over<'a, 'b>(area: &'a Area<'b>, across: Axis, values: Axis) -> Result<Frame<'a, 'b>, ChartError> {
    let (left, top) = VALUES;
    let at_left = Pos::new(HPos::Left, VPos::Top);
    area.draw(&Text::new(values.title.clone(), (0, 2), label().pos(at_left)))?;
    let mut frame = ChartBuilder::on(area)
        .margin_top(top)
        .margin_right(RIGHT)
        .x_label_area_size(FOOT)
        .y_label_area_size(left)
        .build_cartesian_2d(across.clone(), values)?;
    grid(&mut frame, &across.title, false)?;
    Ok(frame)
}

/// Draws the axes of a small chart: values over places in a row, the unit of the values over their axis, `foot` pixels under it.
pub fn over_row<'a, 'b>(
    area: &'a Area<'b>,
    places: usize,
    values: Axis,
    foot: u32,
) -> Result<Frame<'a, 'b>, ChartError> {
    let (left, top) = VALUES;
    let at_left = Pos::new(HPos::Left, VPos::Top);
    area.draw(&Text::new(values.title.clone(), (0, 2), label().pos(at_left)))?;
    let mut frame = ChartBuilder::on(area)
        .margin_top(top)
        .margin_right(8)
        .margin_bottom(foot)
        .y_label_area_size(left)
        .build_cartesian_2d(Axis::places(places), values)?;
    let mut mesh = frame.configure_mesh();
    mesh.disable_x_mesh()
        .bold_line_style(FAINT)
        .axis_style(FAINT)
        .label_style(label())
        .draw()?;
    Ok(frame)
}

/// Draws the axis of time under rows that begin and end these many pixels from the edges.
pub fn under_rows<'a, 'b>(
    area: &'a Area<'b>,
    time: Axis,
    rows: Axis,
    [left, right, top]: [i32; 3],
) -> Result<Frame<'a, 'b>, ChartError> {
    let title = time.title.clone();
    let mut frame = ChartBuilder::on(area)
        .margin_top(top)
        .margin_left(left)
        .margin_right(right)
        .x_label_area_size(FOOT)
        .build_cartesian_2d(time, rows)?;
    grid(&mut frame, &title, true)?;
    Ok(frame)
}

fn grid(frame: &mut Frame<'_, '_>, time: &str, upright: bool) -> Result<(), ChartError> {
    let mut mesh = frame.configure_mesh();
    if upright {
        mesh.disable_y_mesh();
    } else {
        mesh.disable_x_mesh();
    }
    mesh.bold_line_style(FAINT)
        .axis_style(FAINT)
        .label_style(label())
        .x_desc(time)
        .draw()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> String {
        let labels: Vec<String> = axis.ticks.iter().map(|tick| axis.format_ext(tick)).collect();
        format!("{}: {}", axis.title, labels.join(" "))
    }

    #[test]
    fn time_is_counted_as_people_do() {
        let axis = |begin, end| labels(&Axis::time("time", begin, end, 8));
        assert_eq!(axis(0.0, 86_400.0), "time, h: 0 3 6 9 12 15 18 21 24");
        assert_eq!(axis(0.0, 360.0), "time, min: 0 1 2 3 4 5 6");
        assert_eq!(axis(0.0, 120.0), "time, s: 0 15 30 45 60 75 90 105 120");
        assert_eq!(axis(300.0, 335.0), "time, s: 300 305 310 315 320 325 330 335");
        assert_eq!(axis(7000.0, 8800.0), "time, h:mm: 2:00 2:05 2:10 2:15 2:20 2:25");
        assert_eq!(
            axis(900.0, 935.0),
            "time, h:mm:ss: 0:15:00 0:15:05 0:15:10 0:15:15 0:15:20 0:15:25 0:15:30 0:15:35"
        );
        assert_eq!(axis(0.0, 0.4), "time, ms: 0 50 100 150 200 250 300 350 400");
        assert_eq!(axis(0.0, 7.0 * 86_400.0), "time, d: 0 1 2 3 4 5 6 7");
    }

    #[test]
    fn values_end_at_a_tick_and_begin_at_0_unless_they_keep_far_from_it() {
        let axis = |least, most| labels(&Axis::values("power", "W", least, most));
        assert_eq!(axis(38_000.0, 73_432.0), "power, kW: 0 20 40 60 80");
        assert_eq!(axis(129.2, 130.52), "power, W: 129 129.5 130 130.5 131");
        assert_eq!(
            labels(&Axis::values("busy", "%", 93.8, 100.0)),
            "busy, %: 0 20 40 60 80 100"
        );
        assert_eq!(labels(&Axis::counts("hosts", 2.0)), "hosts: 0 1 2");
        assert_eq!(labels(&Axis::counts("hosts", 800.0)), "hosts: 0 200 400 600 800");
    }
}
