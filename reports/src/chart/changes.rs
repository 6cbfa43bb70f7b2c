//! Changes of figures as bars from zero, to the right where they grew and to the left where they fell.

use plotters::style::RGBColor;

use super::canvas::chart;
use super::rows::{Across, Row, Rows};

/// Changes that are drawn at most; a page says how many there are.
pub const DRAWN: usize = 40;
/// A bar ends here, in percent; its number says how far it would go.
const FARTHEST: f64 = 100.0;
/// Room for the names of figures on a wide screen, in pixels.
const LABELS: i32 = 280;

/// The change of a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The figure.
    pub label: String,
    /// Its value before, after, and the change, in words.
    pub numbers: [String; 3],
    /// The change as a share of the value before; infinite where that is zero.
    pub share: f64,
    /// What it means.
    pub colour: RGBColor,
}

/// Draws changes, from the top.
pub fn changes(title: &str, list: &[Change]) -> String {
    let percent = |change: &Change| (change.share * 100.0).clamp(-FARTHEST, FARTHEST);
    let row = |change: &Change| {
        let end = percent(change);
        Row {
            label: change.label.clone(),
            numbers: change.numbers.to_vec(),
            bars: vec![(end.min(0.0), end.max(0.0), change.colour)],
        }
    };
    let drawn = &list[..list.len().min(DRAWN)];
    let rows = Rows {
        across: Across::Percent(
            "change".to_owned(),
            drawn.iter().map(percent).fold(0.0, f64::min),
            drawn.iter().map(percent).fold(0.0, f64::max),
        ),
        label_width: LABELS,
        columns: vec!["baseline", "new", "change"],
        list: drawn.iter().map(row).collect(),
    };
    chart(
        title,
        "the change of each figure as a share of the baseline",
        |screen| rows.height(screen),
        |area, screen| rows.draw(area, screen),
    )
}
