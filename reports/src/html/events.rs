//! Events of note: what an operator would be told of, like with like in one row.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::data::{Cell, Data, Kind};
use super::element::section as titled;
use super::levels::file_name;
use crate::run::{Run, number, seconds, text};
use crate::text::quantity;

/// Names that a row tells; of more it says how many.
const NAMED: usize = 4;
/// Rows that are open from the start.
const OPEN: usize = 30;

/// Events of one kind and cause.
struct Note {
    what: String,
    first_s: f64,
    last_s: f64,
    who: Vec<String>,
}

/// The section; nothing when nothing of note happened.
pub fn section(run: &Run) -> String {
    let mut notes: Vec<Note> = Vec::new();
    let moved: BTreeMap<u64, String> = run
        .migrations()
        .into_iter()
        .map(|story| (story.id, story.vm))
        .collect();
    for event in &run.events {
        let Some((what, who)) = told(event, &moved) else {
            continue;
        };
        let now = seconds(event, "t_ns");
        if let Some(note) = notes.iter_mut().find(|note| note.what == what) {
            note.last_s = now;
            note.who.push(who);
        } else {
            notes.push(Note {
                what,
                first_s: now,
                last_s: now,
                who: vec![who],
            });
        }
    }
    if notes.is_empty() {
        return String::new();
    }
    let data = Data::new(
        file_name(run, "events"),
        &[
            ("first", Kind::Moment),
            ("last", Kind::Moment),
            ("times", Kind::Number("1")),
            ("what", Kind::Text),
            ("who", Kind::Text),
        ],
        notes.iter().map(row).collect(),
    );
    titled("Events of note", &data.folded(notes.len() <= OPEN))
}

fn row(note: &Note) -> Vec<Cell> {
    let named = note
        .who
        .iter()
        .take(NAMED)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    let more = note.who.len().saturating_sub(NAMED);
    let who = if more > 0 {
        format!("{named} and {more} more")
    } else {
        named
    };
    vec![
        note.first_s.into(),
        note.last_s.into(),
        (note.who.len() as f64).into(),
        note.what.as_str().into(),
        who.as_str().into(),
    ]
}

/// What an event is in words, and whom it happened to; nothing for the daily round. `moved` are the VMs of migrations.
fn told(event: &Map<String, Value>, moved: &BTreeMap<u64, String>) -> Option<(String, String)> {
    let (host, vm) = (text(event, "host"), text(event, "vm"));
    let because = |what: &str, key: &str| match text(event, key) {
        reason if reason.is_empty() => what.to_owned(),
        reason => format!("{what}: {reason}"),
    };
    let vm_of_migration = || {
        let id = number(event, "migration") as u64;
        moved.get(&id).cloned().unwrap_or_default()
    };
    let note = match text(event, "kind").as_str() {
        "vm_lost" => ("VM lost with its host".to_owned(), vm),
        "vm_refused" => (because("VM refused", "reason"), vm),
        "migration_warned" => (because("migration warned of", "warning"), vm_of_migration()),
        "migration_ended" if text(event, "outcome") != "completed" => {
            let outcome = text(event, "outcome").replace('_', " ");
            (
                because(&format!("migration {outcome}"), "reason"),
                vm_of_migration(),
            )
        }
        "host_down" => ("host switched off".to_owned(), host),
        "host_booting" => ("host starting".to_owned(), host),
        "host_crashed" => ("host crashed".to_owned(), host),
        "maintenance_started" => ("maintenance asked for".to_owned(), host),
        "maintenance_reached" => ("host empty, in maintenance".to_owned(), host),
        "maintenance_ended" => (because("maintenance ended", "reason"), host),
        "link_changed" => {
            let speed = quantity(number(event, "bits_per_second"), "b/s");
            (format!("link changed to {speed}"), host)
        }
        _ => return None,
    };
    Some(note)
}
