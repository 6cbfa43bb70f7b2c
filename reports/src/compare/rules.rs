//! The limits of a figure: how great a difference must be to count, to warn and to fail.

use serde::Serialize;
use twinrack_scenario::record::figure::{FigureKind, kind_of, registry};

use super::suite::CompareError;

/// Chance of any false alarm in a comparison that is put up with.
pub const ALPHA: f64 = 0.05;
/// A difference counts when it is at least this many standard deviations of the repeats: half of one is commonly called a medium effect.
pub const SPREADS: f64 = 0.5;

/// The limits of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Limits {
    /// Worse by this share warns.
    pub warn: f64,
    /// Worse by this share fails.
    pub fail: f64,
    /// A difference below this, in the figure's unit, is none.
    pub floor: f64,
}

/// What limits hold for which figure.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// By figure, with or without its statistic; the last that fits holds.
    own: Vec<(String, Limits)>,
}

impl Rules {
    /// The limits of a figure by its full name.
    pub fn limits(&self, name: &str) -> Limits {
        let fits = |own: &str| own == name || kind_of(name).is_some_and(|kind| kind.name == own);
        let own = self.own.iter().rev().find(|(own, _)| fits(own));
        own.map_or_else(|| default(kind_of(name)), |(_, limits)| *limits)
    }

    /// Adds `FIGURE=WARN,FAIL` or `FIGURE=WARN,FAIL,FLOOR`: shares as `2%` or `0.02`, the floor in the figure's unit.
    pub fn add(&mut self, text: &str) -> Result<(), CompareError> {
        let wrong = |what: String| {
            CompareError::Limit(format!(
                "limit {text}: {what}; expected FIGURE=WARN,FAIL[,FLOOR], such as migration.downtime_s=2%,5%,0.001"
            ))
        };
        let (name, numbers) = text
            .split_once('=')
            .ok_or_else(|| wrong("it has no `=`".into()))?;
        if kind_of(name).is_none() && !registry().iter().any(|kind| kind.name == name) {
            return Err(wrong(format!("there is no figure `{name}`")));
        }
        let numbers = numbers
            .split(',')
            .map(|number| share(number).ok_or_else(|| wrong(format!("`{number}` is no number from 0 on"))))
            .collect::<Result<Vec<f64>, _>>()?;
        let limits = match numbers[..] {
            [warn, fail] => Limits {
                warn,
                fail,
                floor: floor(unit(name)),
            },
            [warn, fail, floor] => Limits { warn, fail, floor },
            _ => return Err(wrong(format!("it has {} numbers", numbers.len()))),
        };
        if limits.warn > limits.fail {
            return Err(wrong("it fails before it warns".into()));
        }
        self.own.push((name.to_owned(), limits));
        Ok(())
    }
}

fn unit(name: &str) -> &'static str {
    let kind = kind_of(name).or_else(|| registry().iter().find(|kind| kind.name == name));
    kind.map_or("1", |kind| kind.unit)
}

fn share(text: &str) -> Option<f64> {
    let number = match text.trim().strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok()? / 100.0,
        None => text.trim().parse().ok()?,
    };
    (number >= 0.0 && number.is_finite()).then_some(number)
}

fn default(kind: Option<&FigureKind>) -> Limits {
    Limits {
        warn: 0.01,
        fail: 0.03,
        floor: floor(kind.map_or("1", |kind| kind.unit)),
    }
}

/// What nobody would notice: a millisecond, a page, a tenth of a watt.
fn floor(unit: &str) -> f64 {
    match unit {
        "s" => 1e-3,
        "B" => 4096.0,
        "b/s" => 1e4,
        "kW·h" => 1e-6,
        "Hz" => 1e6,
        "W" | "1/s" => 0.1,
        _ => 1e-4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_given_for_a_figure_or_one_of_its_statistics() {
        let mut rules = Rules::default();
        rules.add("migration.downtime_s=2%,0.05").expect("right");
        rules.add("migration.downtime_s.max=10%,20%,0.5").expect("right");
        assert_eq!(
            rules.limits("migration.downtime_s.p50"),
            Limits {
                warn: 0.02,
                fail: 0.05,
                floor: 1e-3
            }
        );
        assert_eq!(rules.limits("migration.downtime_s.max").floor, 0.5);
        assert_eq!(rules.limits("power.watts.mean").warn, 0.01);
    }

    #[test]
    fn what_is_wrong_with_a_limit_is_told() {
        let mut rules = Rules::default();
        for (text, what) in [
            ("migration.downtime=1%,2%", "there is no figure"),
            ("power.watts", "no `=`"),
            ("power.watts=1%", "it has 1 numbers"),
            ("power.watts=-1%,2%", "no number from 0 on"),
            ("power.watts=3%,2%", "fails before it warns"),
        ] {
            let error = rules.add(text).expect_err(text).to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}
