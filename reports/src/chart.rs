//! Charts: `plotters` wrapped, so that every chart has a title for screen readers, labels on the data, colours that the
//! colour-blind tell apart, and follows the page from light to dark.

pub mod band;
pub mod gantt;
pub mod line;
pub mod waterfall;

use plotters::prelude::*;

/// Width of a chart in its own units; the page scales it.
pub const WIDTH: u32 = 900;

/// Colours of Okabe and Ito that stand on light and dark ground alike.
pub const BLUE: RGBColor = RGBColor(0, 114, 178);
/// Orange of the same set.
pub const ORANGE: RGBColor = RGBColor(230, 159, 0);
/// Green of the same set.
pub const GREEN: RGBColor = RGBColor(0, 158, 115);
/// Vermilion of the same set.
pub const RED: RGBColor = RGBColor(213, 94, 0);
/// Height of a line of labels, in pixels.
const LABEL_HEIGHT: i32 = 15;
/// Stands for the text colour of the page until the chart is finished.
const INK: RGBColor = RGBColor(1, 2, 3);
/// Stands for the faint lines of the page.
const FAINT: RGBColor = RGBColor(4, 5, 6);

/// Why a chart could not be drawn; it is a bug of ours, and the page says so in its place.
pub type ChartError = Box<dyn std::error::Error>;

/// Draws a chart `height` high with a title and a description for those who can't see it.
pub fn svg(
    title: &str,
    description: &str,
    height: u32,
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Result<(), ChartError>,
) -> String {
    let mut text = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        draw(&area).and_then(|()| area.present().map_err(Into::into))
    };
    match drawn {
        Ok(()) => finished(&text, title, description, height),
        Err(error) => format!(
            "<p>This chart could not be drawn: {}</p>",
            escape(&error.to_string())
        ),
    }
}

fn finished(text: &str, title: &str, description: &str, height: u32) -> String {
    let body = text.split_once('>').map_or("", |(_, body)| body);
    let body = body
        .replace("#010203", "currentColor")
        .replace("#040506", "var(--faint)");
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\">\
         <title>{}</title><desc>{}</desc>{body}",
        escape(title),
        escape(description)
    )
}

/// A text as it must stand in HTML and SVG.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The style of labels.
pub(crate) fn label(size: u32) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", size).into_font()).color(&INK)
}

/// The style of grid lines.
pub(crate) fn faint() -> ShapeStyle {
    ShapeStyle::from(&FAINT).stroke_width(1)
}

/// A span of simulated time in the unit that suits it: the factor from seconds and the unit's name.
pub(crate) fn time_unit(seconds: f64) -> (f64, &'static str) {
    match seconds {
        s if s >= 4.0 * 3600.0 => (1.0 / 3600.0, "h"),
        s if s >= 600.0 => (1.0 / 60.0, "min"),
        s if s >= 1.0 => (1.0, "s"),
        _ => (1000.0, "ms"),
    }
}

/// The largest value of an axis in the unit that suits it: the factor from SI and the unit's name.
pub(crate) fn value_unit(top: f64, unit: &str) -> (f64, String) {
    let (factor, prefix) = match unit {
        "b/s" | "W" | "B" => crate::text::number::si_prefix(top),
        _ => (1.0, ""),
    };
    (1.0 / factor, format!("{prefix}{unit}"))
}

/// Names at the right end of lines, moved apart where they would lie on each other: (height, name, colour).
pub(crate) fn end_labels(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    x: i32,
    mut names: Vec<(i32, String, RGBColor)>,
) -> Result<(), ChartError> {
    names.sort_by_key(|(height, ..)| *height);
    // Pixels run downwards; the lowest name keeps its place, or names would leave the chart at its foot.
    let mut below = i32::MAX;
    for (height, name, colour) in names.into_iter().rev() {
        let height = height.min(below.saturating_sub(LABEL_HEIGHT));
        below = height;
        area.draw(&Text::new(name, (x + 6, height - 7), label(13).color(&colour)))?;
    }
    Ok(())
}

/// A number on an axis that counts whole things.
pub(crate) fn whole_tick(value: f64) -> String {
    if value.fract() == 0.0 {
        tick(value)
    } else {
        String::new()
    }
}

/// A number on an axis.
pub(crate) fn tick(value: f64) -> String {
    crate::text::number::digits((value * 1e6).round() / 1e6)
}
