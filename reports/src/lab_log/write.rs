//! A run on real hosts as the log of a lab: what [`read`](super::read) makes the same record of.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use twinrack_scenario::record::figure::kind_of;
use twinrack_scenario::record::{EventRecord, Figures, Story};

use super::{Header, LOG, source_of};
use crate::record_dir::events::{HOST_KEYS, VM_KEY};
use crate::run::Run;

/// The log of a run: a header, its events by the clock of its controller, its samples, and the figures that no event tells.
pub fn written(run: &Run) -> serde_json::Result<String> {
    let summary = &run.summary;
    let made_on = summary.made_on.clone().unwrap_or_default();
    let header = Header {
        log: LOG.to_owned(),
        scenario: run.scenario_yaml.clone(),
        seed: Some(summary.seed),
        span_ns: Some((summary.span_s * 1e9).round() as u64),
        hosts: made_on.hosts,
        load: made_on.load,
        unavailable: summary.unavailable.clone(),
    };
    let mut text = serde_json::to_string(&header)? + "\n";
    let mut put = |value: &Value| {
        text += &value.to_string();
        text.push('\n');
    };
    for event in &run.events {
        put(&Value::Object(event.clone()));
    }
    let series = &run.series;
    for sample in &series.samples {
        put(&json!({
            "t_s": sample.t_s,
            "entity": series.entities.get(sample.entity as usize),
            "metric": series.metrics.get(usize::from(sample.metric)),
            "value": sample.value,
        }));
    }
    let told = told_by_events(run);
    for (name, figure) in summary.kpis.iter().filter(|(name, _)| !told.contains(name)) {
        let mut line = json!({"figure": name, "value": figure.value});
        if kind_of(name).map(source_of) != Some(figure.source) {
            line["source"] = serde_json::to_value(figure.source)?;
        }
        put(&line);
    }
    Ok(text)
}

/// The names of the figures that follow from the events.
fn told_by_events(run: &Run) -> Vec<String> {
    let mut figures = Figures::measured();
    Story::of(&numbered(run)).tell(&mut figures);
    figures.into_inner().into_keys().collect()
}

/// The events with any numbers in place of names: which figures there are hangs on who is the same, not on who it is.
fn numbered(run: &Run) -> Vec<EventRecord> {
    let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
    let one = |event: &Map<String, Value>| -> Option<EventRecord> {
        let mut event = event.clone();
        for key in HOST_KEYS.into_iter().chain([VM_KEY]) {
            if let Some(name) = event.get(key).and_then(Value::as_str).map(ToOwned::to_owned) {
                let next = u32::try_from(numbers.len()).ok()?;
                let number = *numbers.entry(name).or_insert(next);
                event.insert(key.to_owned(), number.into());
            }
        }
        serde_json::from_value(Value::Object(event)).ok()
    };
    run.events.iter().filter_map(one).collect()
}
