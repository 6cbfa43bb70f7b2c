//! Colours: `plotters` draws in those of the light page; in the finished SVG each becomes a variable of the page's style, which
//! has another value for dark ground.

use plotters::style::RGBColor;

/// Text and axes.
pub const INK: RGBColor = RGBColor(28, 28, 30);
/// Grid lines.
pub const FAINT: RGBColor = RGBColor(213, 213, 218);
/// Blue of the colours of Okabe and Ito, which the colour-blind tell apart.
pub const BLUE: RGBColor = RGBColor(0, 114, 178);
/// Orange of the same set.
pub const ORANGE: RGBColor = RGBColor(230, 159, 0);
/// Green of the same set.
pub const GREEN: RGBColor = RGBColor(0, 158, 115);
/// Vermilion of the same set.
pub const RED: RGBColor = RGBColor(213, 94, 0);

/// Each colour and its variable in the page's style.
const VARIABLES: [(RGBColor, &str); 6] = [
    (INK, "ink"),
    (FAINT, "faint"),
    (BLUE, "blue"),
    (ORANGE, "orange"),
    (GREEN, "green"),
    (RED, "red"),
];

/// An SVG whose colours are variables; where there is no style, as in a file of its own, they are those of the light page.
pub fn themed(svg: &str) -> String {
    let replace = |svg: String, (colour, name): &(RGBColor, &str)| {
        let RGBColor(red, green, blue) = colour;
        let hex = format!("#{red:02X}{green:02X}{blue:02X}");
        svg.replace(&format!("\"{hex}\""), &format!("\"var(--{name},{hex})\""))
    };
    VARIABLES.iter().fold(svg.to_owned(), replace)
}
