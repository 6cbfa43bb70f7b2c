//! The measured curve of a host: watts at eleven loads, straight lines between them; the ground truth.

use twinrack_scenario::units::Watts;

/// Points of a curve: active idle and 10, 20, …, 100 % load.
pub const POINTS: usize = 11;

/// Watts at 0, 10, …, 100 % load, as `SPECpower_ssj2008` publishes them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerCurve {
    watts: [f64; POINTS],
}

impl PowerCurve {
    /// A curve of eleven points; `None` when there are not eleven.
    pub fn new(points: &[Watts]) -> Option<Self> {
        let watts: Vec<f64> = points.iter().map(|watts| watts.0).collect();
        Some(Self {
            watts: watts.try_into().ok()?,
        })
    }

    /// Watts at a load from 0 to 1; beyond, the nearer end.
    pub fn at(&self, load: f64) -> f64 {
        let scaled = (load * (POINTS - 1) as f64).clamp(0.0, (POINTS - 1) as f64);
        let below = (scaled as usize).min(POINTS - 2);
        let part = scaled - below as f64;
        self.watts[below] + (self.watts[below + 1] - self.watts[below]) * part
    }

    /// Watts at full load.
    pub const fn peak(&self) -> f64 {
        self.watts[POINTS - 1]
    }

    /// How far active idle lies below where the line through 10 and 20 % would reach it: what sleeping packages save.
    ///
    /// Over 619 published results (`SPECpower_ssj2008`, spec.org) the median is 9.7 % of peak power for systems of 2010-11 and
    /// 9.2 % for those of 2020-21.
    pub fn idle_drop(&self) -> f64 {
        (2.0 * self.watts[1] - self.watts[2] - self.watts[0]).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// HP `ProLiant` ML110 G4, Xeon 3040 (`SPECpower_ssj2008`, February 2011, spec.org).
    const G4: [f64; POINTS] = [
        86.0, 89.4, 92.6, 96.0, 99.5, 102.0, 106.0, 108.0, 112.0, 114.0, 117.0,
    ];

    #[test]
    fn the_table_is_met_at_its_points_and_between() {
        let curve = PowerCurve::new(&G4.map(Watts)).expect("eleven points");
        for (index, watts) in G4.iter().enumerate() {
            assert!((curve.at(index as f64 / 10.0) - watts).abs() < 1e-12);
        }
        assert!((curve.at(0.05) - 87.7).abs() < 1e-12);
        assert_eq!((curve.at(-1.0), curve.at(2.0)), (86.0, 117.0));
        assert_eq!(PowerCurve::new(&G4.map(Watts)[..10]), None);
    }
}
