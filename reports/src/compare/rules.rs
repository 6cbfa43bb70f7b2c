//! The limits of a figure: how great a difference must be to count, to warn and to fail.

use serde::Serialize;
use twinrack_scenario::record::Limit;
use twinrack_scenario::record::figure::{kind_of, named};

use super::suite::CompareError;

/// Chance of any false alarm in a comparison that is put up with.
pub const ALPHA: f64 = 0.05;
/// Worse by this share of the baseline warns, and fails, where nobody said otherwise.
const WARN: f64 = 0.01;
const FAIL: f64 = 0.03;
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
    /// Who set them.
    pub by: SetBy,
}

/// Who set limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SetBy {
    /// Nobody: they hold for every figure.
    Default,
    /// The scenario, by `limits`.
    Scenario,
    /// The command line, by `--limit`.
    Command,
}

/// What limits hold for which figure, whatever its scenario says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    own: Vec<Limit>,
}

impl Rules {
    /// The limits of a figure by its full name: the command's where there are any, else those of the scenario, else the usual ones.
    pub fn limits(&self, name: &str, of_scenario: &[Limit]) -> Limits {
        let last = |limits: &[Limit]| limits.iter().rev().find(|limit| limit.fits(name)).cloned();
        let usual = floor(kind_of(name).map_or("1", |kind| kind.unit));
        let set = |limit: Limit, by| Limits {
            warn: limit.warn,
            fail: limit.fail,
            floor: limit.floor.unwrap_or(usual),
            by,
        };
        let own = last(&self.own).map(|limit| set(limit, SetBy::Command));
        own.or_else(|| last(of_scenario).map(|limit| set(limit, SetBy::Scenario)))
            .unwrap_or(Limits {
                warn: WARN,
                fail: FAIL,
                floor: usual,
                by: SetBy::Default,
            })
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
        if kind_of(name).or_else(|| named(name)).is_none() {
            return Err(wrong(format!("there is no figure `{name}`")));
        }
        let numbers = numbers
            .split(',')
            .map(|number| share(number).ok_or_else(|| wrong(format!("`{number}` is no number from 0 on"))))
            .collect::<Result<Vec<f64>, _>>()?;
        let (warn, fail, floor) = match numbers[..] {
            [warn, fail] => (warn, fail, None),
            [warn, fail, floor] => (warn, fail, Some(floor)),
            _ => return Err(wrong(format!("it has {} numbers", numbers.len()))),
        };
        if warn > fail {
            return Err(wrong("it fails before it warns".into()));
        }
        self.own.push(Limit {
            figure: name.to_owned(),
            warn,
            fail,
            floor,
            better: None,
        });
        Ok(())
    }
}

fn share(text: &str) -> Option<f64> {
    let number = match text.trim().strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok()? / 100.0,
        None => text.trim().parse().ok()?,
    };
    (number >= 0.0 && number.is_finite()).then_some(number)
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
            rules.limits("migration.downtime_s.p50", &[]),
            Limits {
                warn: 0.02,
                fail: 0.05,
                floor: 1e-3,
                by: SetBy::Command,
            }
        );
        assert_eq!(rules.limits("migration.downtime_s.max", &[]).floor, 0.5);
        assert_eq!(rules.limits("power.watts.mean", &[]).warn, WARN);
    }

    #[test]
    fn the_command_overrules_the_scenario_and_the_scenario_what_is_usual() {
        let mut rules = Rules::default();
        rules.add("power.watts=5%,6%").expect("right");
        let limit = |figure: &str, warn| Limit {
            figure: figure.to_owned(),
            warn,
            fail: 0.5,
            floor: None,
            better: None,
        };
        let scenario = [
            limit("power.watts", 0.2),
            limit("migration.bytes", 0.3),
            limit("migration.bytes.max", 0.4),
        ];
        let of = |name: &str| {
            let limits = rules.limits(name, &scenario);
            (limits.warn, limits.by)
        };
        assert_eq!(of("power.watts.mean"), (0.05, SetBy::Command));
        assert_eq!(of("migration.bytes.mean"), (0.3, SetBy::Scenario));
        assert_eq!(
            of("migration.bytes.max"),
            (0.4, SetBy::Scenario),
            "the last that fits"
        );
        assert_eq!(of("vms.refused"), (WARN, SetBy::Default));
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
