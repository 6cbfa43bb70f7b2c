//! The canvas: a chart is drawn twice, for wide and for narrow screens, and the page's style shows the one that suits.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::ChartError;
use super::palette::{INK, themed};
use crate::html::escape;

/// Height of text, in pixels of a chart that is shown as large as it was drawn.
const TEXT_HEIGHT: f64 = 13.0;
/// What `plotters` divides the size of a font by when it writes SVG.
const FONT_SCALE: f64 = 1.24;
/// Mean width of a character as a share of the height of text; `plotters` without fonts can't tell.
const CHARACTER: f64 = 0.56;

/// Where charts are drawn.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Which screens a chart is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// Desktops and paper.
    Wide,
    /// Telephones.
    Narrow,
}

impl Screen {
    /// Width of a chart, in pixels.
    pub const fn width(self) -> u32 {
        match self {
            Self::Wide => 920,
            Self::Narrow => 360,
        }
    }

    /// How many ticks an axis of time has at most: their labels must not touch.
    pub const fn time_ticks(self) -> usize {
        match self {
            Self::Wide => 9,
            Self::Narrow => 4,
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }
}

/// Draws a chart for both screens, with a title and a description for those who can't see it.
pub fn chart(
    title: &str,
    description: &str,
    height: impl Fn(Screen) -> u32,
    draw: impl Fn(&Area<'_>, Screen) -> Result<(), ChartError>,
) -> String {
    let one = |screen: Screen| {
        let size = (screen.width(), height(screen));
        match drawn(size, |area| draw(area, screen)) {
            Ok(text) => finished(&text, title, description, size, screen.class()),
            Err(error) => undrawn(&error, screen.class()),
        }
    };
    [Screen::Wide, Screen::Narrow].map(one).concat()
}

/// Draws a small chart, the same for all screens; what `draw` gives is put over it as it is.
pub fn small(
    title: &str,
    size: (u32, u32),
    draw: impl FnOnce(&Area<'_>) -> Result<String, ChartError>,
) -> String {
    let mut over = String::new();
    let text = drawn(size, |area| {
        over = draw(area)?;
        Ok(())
    });
    match text {
        Ok(text) => {
            let whole = finished(&text, title, title, size, "small");
            whole.replace("</svg>", &format!("{over}</svg>"))
        }
        Err(error) => undrawn(&error, "small"),
    }
}

fn undrawn(error: &ChartError, class: &str) -> String {
    let why = escape(&error.to_string());
    format!("<p class=\"{class}\">This chart could not be drawn: {why}</p>")
}

fn drawn(
    size: (u32, u32),
    draw: impl FnOnce(&Area<'_>) -> Result<(), ChartError>,
) -> Result<String, ChartError> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(&area)?;
        area.present()?;
    }
    Ok(text)
}

fn finished(text: &str, title: &str, description: &str, (width, height): (u32, u32), class: &str) -> String {
    let body = text.split_once('>').map_or("", |(_, body)| body);
    let body = themed(body).replace(" opacity=\"1\"", "");
    format!(
        "<svg class=\"{class}\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         xmlns=\"http://www.w3.org/2000/svg\"><title>{}</title><desc>{}</desc>{body}",
        escape(title),
        escape(description)
    )
}

/// The style of text.
pub fn label() -> TextStyle<'static> {
    TextStyle::from(("sans-serif", TEXT_HEIGHT * FONT_SCALE).into_font()).color(&INK)
}

/// About how wide a text is, in pixels.
fn width_of(characters: usize) -> f64 {
    characters as f64 * TEXT_HEIGHT * CHARACTER
}

/// A text that has `width` pixels, cut where it is longer.
pub fn fitted(text: &str, width: i32) -> String {
    let most = (f64::from(width.max(0)) / width_of(1)) as usize;
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    kept + "…"
}
