//! Charts: what `plotters` draws, with titles for screen readers, colours that follow the page from light to dark, axes that
//! count in people's units, and a form for wide and one for narrow screens.

mod axis;
mod canvas;
pub(crate) mod palette;
mod rows;

pub mod band;
pub mod boxes;
pub mod changes;
pub mod gantt;
pub mod heat;
pub mod line;
pub mod multiple;
pub mod waterfall;

/// Why a chart could not be drawn; it is a bug of ours, and the page says so in its place.
type ChartError = Box<dyn std::error::Error>;

/// The corners of a level that holds from each point to the next, up to `end_s`.
fn steps(points: &[(f64, f64)], end_s: f64) -> Vec<(f64, f64)> {
    let mut corners: Vec<(f64, f64)> = Vec::with_capacity(points.len() * 2 + 1);
    for &(t, value) in points {
        match corners.last() {
            Some(&(_, before)) if before.to_bits() == value.to_bits() => continue,
            Some(&(_, before)) => corners.push((t, before)),
            None => {}
        }
        corners.push((t, value));
    }
    if let Some(&(t, value)) = corners.last()
        && t < end_s
    {
        corners.push((end_s, value));
    }
    corners
}

#[cfg(test)]
mod tests {
    use super::steps;

    #[test]
    fn a_level_holds_until_the_next_point() {
        let points = [(0.0, 1.0), (1.0, 1.0), (2.0, 3.0)];
        assert_eq!(
            steps(&points, 4.0),
            [(0.0, 1.0), (2.0, 1.0), (2.0, 3.0), (4.0, 3.0)]
        );
        assert_eq!(steps(&[], 4.0), []);
    }
}
