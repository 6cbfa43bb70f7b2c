//! `plan.prices.kwh` — what a kilowatt-hour costs: one price, or one for each time of day.

use std::fmt;

use serde_json::{Value as Json, json};

use crate::decode::{Decoder, Field, SchemaBook};
use crate::fault::Span;
use crate::time::TimeOfDay;
use crate::yaml::{Node, Value};

crate::spec! {
    /// A price for a part of the day. A run begins at midnight.
    pub struct TariffWindowSpec {
        /// From when on.
        from: TimeOfDay => required,
        /// Until when; earlier than `from` where it goes over midnight.
        to: TimeOfDay => required,
        /// The price of a kilowatt-hour then.
        price: f64 => required,
    }
}

/// One price for the whole day, or prices for its parts, which leave nothing out.
#[derive(Debug, Clone, PartialEq)]
pub struct TariffSpec {
    /// The parts.
    pub windows: Vec<TariffWindowSpec>,
    /// Where it stands.
    pub span: Span,
}

/// A part of the day that does not go over midnight: from and to in seconds, and the number of its window.
pub type Part = (u32, u32, usize);

impl TariffSpec {
    /// The same price all day.
    pub fn flat(price: f64, span: Span) -> Self {
        let window = TariffWindowSpec {
            from: TimeOfDay::MIDNIGHT,
            to: TimeOfDay::END,
            price,
        };
        Self {
            windows: vec![window],
            span,
        }
    }

    /// Its parts in the order of the day.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        for (index, window) in self.windows.iter().enumerate() {
            let (from, to) = (window.from.seconds(), window.to.seconds());
            if from < to {
                parts.push((from, to, index));
            } else {
                parts.push((0, to, index));
                parts.push((from, TimeOfDay::END.seconds(), index));
            }
        }
        parts.retain(|(from, to, _)| from < to);
        parts.sort_unstable();
        parts
    }

    /// The first time of day that no part has, or two have.
    pub fn gap(&self) -> Option<TimeOfDay> {
        let mut until = 0;
        for (from, to, _) in self.parts() {
            if from != until {
                return Some(TimeOfDay::from_seconds(from.min(until)));
            }
            until = to;
        }
        (until != TimeOfDay::END.seconds()).then(|| TimeOfDay::from_seconds(until))
    }
}

impl fmt::Display for TariffWindowSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.to)
    }
}

impl Field for TariffSpec {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        if let Value::Scalar { .. } = node.value {
            return f64::decode(node, decoder).map(|price| Self::flat(price, node.span));
        }
        let windows = Vec::decode(node, decoder)?;
        Some(Self {
            windows,
            span: node.span,
        })
    }

    fn placeholder(span: Span) -> Self {
        Self::flat(0.0, span)
    }

    const WRITTEN: &'static str =
        "`0.2`, or `[{from: 07:00, to: 22:00, price: 0.28}, {from: 22:00, to: 07:00, price: 0.19}]`";

    fn schema(book: &mut SchemaBook) -> Json {
        json!({ "anyOf": [{ "type": "number" }, Vec::<TariffWindowSpec>::schema(book)] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tariff(windows: &[(&str, &str)]) -> TariffSpec {
        let window = |(from, to): &(&str, &str)| TariffWindowSpec {
            from: from.parse().expect("a time"),
            to: to.parse().expect("a time"),
            price: 0.2,
        };
        TariffSpec {
            windows: windows.iter().map(window).collect(),
            span: Span::NOWHERE,
        }
    }

    #[test]
    fn a_day_is_covered_once() {
        let gap = |windows: &[(&str, &str)]| tariff(windows).gap().map(|time| time.to_string());
        assert_eq!(gap(&[("00:00", "24:00")]), None);
        assert_eq!(gap(&[("07:00", "22:00"), ("22:00", "07:00")]), None);
        assert_eq!(
            gap(&[("07:00", "22:00"), ("22:30", "07:00")]),
            Some("22:00".to_owned())
        );
        assert_eq!(
            gap(&[("07:00", "22:00"), ("21:00", "07:00")]),
            Some("21:00".to_owned())
        );
        assert_eq!(gap(&[("00:00", "12:00")]), Some("12:00".to_owned()));
        assert_eq!(gap(&[]), Some("00:00".to_owned()));
        assert_eq!(
            tariff(&[("22:00", "07:30"), ("07:30", "22:00")]).parts(),
            [(0, 27_000, 0), (27_000, 79_200, 1), (79_200, 86_400, 0)]
        );
    }
}
