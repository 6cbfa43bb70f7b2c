//! Two runs of one scenario at one seed: the first event in which they differ, and how much differs after it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::suite::{CompareError, NamedEvent, Sample};
use crate::run::seconds;
use crate::text::quantity;

/// How two runs at one seed differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Exactly {
    /// Not at all: the digests are the same.
    Identical,
    /// In figures or in what hosts drew; the events are alike.
    EventsAlike {
        /// How many events.
        events: usize,
    },
    /// In an event.
    Event(Box<FirstDifference>),
    /// The digests differ; where can't be told, as the events of one side were not kept.
    NotKept,
}

/// The first event in which two runs differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FirstDifference {
    /// Its number, from 1.
    pub number: usize,
    /// It in the baseline; nothing when that has ended.
    pub base: Option<Told>,
    /// It in the new run.
    pub new: Option<Told>,
    /// The keys that differ, when both are events of one kind.
    pub keys: Vec<String>,
    /// Events after it in the new run.
    pub following: usize,
    /// Of the baseline's events from there on, those that the new run lacks.
    pub base_alone: usize,
    /// Of the new run's events from there on, those that the baseline lacks.
    pub new_alone: usize,
}

/// An event in words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Told {
    /// Seconds since the start of the run.
    pub t_s: f64,
    /// Kind, entity, data.
    pub words: String,
}

/// Compares two runs of one scenario and seed.
pub fn exactly(base: &Sample, new: &Sample) -> Result<Exactly, CompareError> {
    if base.digest == new.digest {
        return Ok(Exactly::Identical);
    }
    let (Some(base), Some(new)) = (base.events()?, new.events()?) else {
        return Ok(Exactly::NotKept);
    };
    Ok(
        first_difference(&base, &new).map_or(Exactly::EventsAlike { events: base.len() }, |difference| {
            Exactly::Event(Box::new(difference))
        }),
    )
}

fn first_difference(base: &[NamedEvent], new: &[NamedEvent]) -> Option<FirstDifference> {
    let alike = base.iter().zip(new).take_while(|(base, new)| base == new).count();
    let (of_base, of_new) = (base.get(alike), new.get(alike));
    if of_base.is_none() && of_new.is_none() {
        return None;
    }
    let (base_alone, new_alone) = alone(&base[alike..], &new[alike..]);
    Some(FirstDifference {
        number: alike + 1,
        base: of_base.map(told),
        new: of_new.map(told),
        keys: keys(of_base, of_new),
        following: new.len().saturating_sub(alike + 1),
        base_alone,
        new_alone,
    })
}

/// How many events each side has that the other lacks, wherever they stand.
fn alone(base: &[NamedEvent], new: &[NamedEvent]) -> (usize, usize) {
    let mut surplus: BTreeMap<String, i64> = BTreeMap::new();
    let key = |event: &NamedEvent| Value::Object(event.clone()).to_string();
    for event in base {
        *surplus.entry(key(event)).or_default() -= 1;
    }
    for event in new {
        *surplus.entry(key(event)).or_default() += 1;
    }
    surplus.values().fold((0, 0), |(base, new), surplus| {
        let many = surplus.unsigned_abs() as usize;
        if *surplus < 0 {
            (base + many, new)
        } else {
            (base, new + many)
        }
    })
}

fn keys(base: Option<&NamedEvent>, new: Option<&NamedEvent>) -> Vec<String> {
    let (Some(base), Some(new)) = (base, new) else {
        return Vec::new();
    };
    if base.get("kind") != new.get("kind") {
        return Vec::new();
    }
    let differs = |key: &&String| base.get(*key) != new.get(*key);
    let more = new.keys().filter(|key| !base.contains_key(*key));
    base.keys()
        .chain(more)
        .filter(differs)
        .map(|key| named(key).0)
        .collect()
}

/// The name of a key for people, and the unit of its number.
fn named(key: &str) -> (String, &'static str) {
    let (name, unit) = match key {
        "t_ns" => ("time", "ns"),
        "nanos" => ("duration", "ns"),
        "bits_per_second" => ("speed", "b/s"),
        "watts" => ("power", "W"),
        key => match key.strip_suffix("_ns") {
            Some(name) => (name, "ns"),
            None if key.ends_with("bytes") => (key, "B"),
            None => (key, "1"),
        },
    };
    (name.replace('_', " "), unit)
}

/// An event in words: its kind, then each of its data by name.
fn told(event: &NamedEvent) -> Told {
    let kind = event.get("kind").and_then(Value::as_str).unwrap_or("event");
    let data = event
        .iter()
        .filter(|(key, value)| *key != "kind" && *key != "t_ns" && !value.is_null())
        .map(|(key, value)| {
            let (name, unit) = named(key);
            format!("{name} {}", datum(value, unit))
        });
    let data: Vec<String> = data.collect();
    let kind = kind.replace('_', " ");
    Told {
        t_s: seconds(event, "t_ns"),
        words: if data.is_empty() {
            kind
        } else {
            format!("{kind}: {}", data.join(", "))
        },
    }
}

fn datum(value: &Value, unit: &str) -> String {
    match (value, value.as_f64()) {
        (Value::String(text), _) => text.replace('_', " "),
        (_, Some(number)) if unit == "ns" => quantity(number / 1e9, "s"),
        (_, Some(number)) => quantity(number, unit),
        (value, None) => value.to_string(),
    }
}
