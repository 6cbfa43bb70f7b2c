//! Models that describe a curve by fewer numbers than its eleven points, as the literature has them.

use super::curves::Published;

/// Watts at the eleven loads.
type Watts = [f64; 11];

/// A straight line from active idle to full load.
pub fn linear(curve: &Published) -> Watts {
    through(curve, &[0, 10])
}

/// Fan, Weber and Barroso, ISCA'07: `P = idle + (busy - idle) (2u - u^1.4)`.
pub fn fan(curve: &Published) -> Watts {
    let [idle, .., busy] = curve.watts;
    at(|load| idle + (busy - idle) * (2.0 * load - libm::pow(load, 1.4)))
}

/// Active idle as measured, a straight line from 10 % to full load.
pub fn idle_and_line(curve: &Published) -> Watts {
    through(curve, &[0, 1, 10])
}

/// Active idle as measured, a parabola through 10, 50 and 100 %.
pub fn idle_and_parabola(curve: &Published) -> Watts {
    let knots = [1, 5, 10].map(|step| (f64::from(step as u32) / 10.0, curve.watts[step]));
    let mut watts = at(|load| lagrange(&knots, load));
    watts[0] = curve.watts[0];
    watts
}

/// Straight lines through some of the points.
pub fn through(curve: &Published, steps: &[usize]) -> Watts {
    let model = curve.through(steps);
    at(|load| model.at(load))
}

fn at(model: impl Fn(f64) -> f64) -> Watts {
    std::array::from_fn(|step| model(step as f64 / 10.0))
}

fn lagrange(knots: &[(f64, f64)], x: f64) -> f64 {
    let term = |(at, (own, value)): (usize, &(f64, f64))| {
        let others = knots.iter().enumerate().filter(|(other, _)| *other != at);
        value
            * others
                .map(|(_, (other, _))| (x - other) / (own - other))
                .product::<f64>()
    };
    knots.iter().enumerate().map(term).sum()
}
