//! `events.jsonl`: one event a line, with names in place of numbers.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::{Map, Value};
use twinrack_scenario::record::RunRecord;

use super::{RecordError, broken, io_error};

/// The keys of events that hold the number of a host, and of a VM.
pub(crate) const HOST_KEYS: [&str; 3] = ["host", "from", "to"];
pub(crate) const VM_KEY: &str = "vm";

/// The events of a record with names.
pub fn named(record: &RunRecord) -> Vec<Map<String, Value>> {
    let name = |fleet: &twinrack_scenario::Fleet, value: &Value| {
        value
            .as_u64()
            .and_then(|index| u32::try_from(index).ok())
            .map(|index| Value::String(fleet.name(index)))
    };
    let one = |event: &twinrack_scenario::record::EventRecord| {
        let Ok(Value::Object(mut map)) = serde_json::to_value(event) else {
            return Map::new();
        };
        for key in HOST_KEYS {
            if let Some(text) = map.get(key).and_then(|value| name(&record.hosts, value)) {
                map.insert(key.to_owned(), text);
            }
        }
        if let Some(text) = map.get(VM_KEY).and_then(|value| name(&record.vms, value)) {
            map.insert(VM_KEY.to_owned(), text);
        }
        map
    };
    record.events.iter().map(one).collect()
}

/// Writes the events of a record.
pub fn write(record: &RunRecord, path: &Path) -> Result<(), RecordError> {
    let mut file = BufWriter::new(File::create(path).map_err(io_error(path))?);
    for event in named(record) {
        serde_json::to_writer(&mut file, &event).map_err(|error| broken(path, error))?;
        file.write_all(b"\n").map_err(io_error(path))?;
    }
    file.flush()
        .and_then(|()| file.get_ref().sync_all())
        .map_err(io_error(path))
}

/// Reads events back.
pub fn read(path: &Path) -> Result<Vec<Map<String, Value>>, RecordError> {
    let text = fs::read_to_string(path).map_err(io_error(path))?;
    let line = |(index, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| broken(path, format!("line {}: {error}", index + 1)))
    };
    text.lines().enumerate().map(line).collect()
}
