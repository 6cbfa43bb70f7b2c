//! The checked-in schema and the reference pages of the manual are what the declarations say.
//!
//! `UPDATE_SCHEMA=1 cargo test -p twinrack-scenario --test schema` writes them anew.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use twinrack_scenario::schema::reference::{figures_page, scenario_page};
use twinrack_scenario::schema::{json_schema, json_schema_text};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn is_current(path: &str, now: &str) {
    let path = root().join(path);
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        std::fs::write(&path, now).expect("writable");
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(now.lines()).position(|(a, b)| a != b);
    assert!(
        written == now,
        "{} is stale from line {:?} on; write it anew with UPDATE_SCHEMA=1 cargo test -p twinrack-scenario --test schema",
        path.display(),
        differs.map(|line| line + 1),
    );
}

#[test]
fn the_schema_is_current() {
    is_current("scenarios/schema/scenario.schema.json", &json_schema_text());
}

#[test]
fn the_reference_of_the_scenario_is_current() {
    is_current("docs/src/reference/scenario.md", &scenario_page());
}

#[test]
fn the_reference_of_figures_is_current() {
    is_current("docs/src/reference/figures.md", &figures_page());
}

/// Every object with properties, every word and every choice below a place.
fn descriptions(value: &Json, path: &str, empty: &mut Vec<String>) {
    if let Some(properties) = value["properties"].as_object() {
        for (key, schema) in properties {
            let tag = path.contains("anyOf");
            if !tag
                && schema["description"]
                    .as_str()
                    .is_none_or(|text| text.trim().is_empty())
            {
                empty.push(format!("{path}.{key}"));
            }
        }
    }
    match value {
        Json::Object(map) => {
            for (key, below) in map {
                descriptions(below, &format!("{path}/{key}"), empty);
            }
        }
        Json::Array(items) => {
            for (index, below) in items.iter().enumerate() {
                let described = below["description"]
                    .as_str()
                    .is_some_and(|text| !text.trim().is_empty());
                if path.ends_with("oneOf") && !described {
                    empty.push(format!("{path}[{index}]"));
                }
                descriptions(below, &format!("{path}[{index}]"), empty);
            }
        }
        _ => {}
    }
}

#[test]
fn no_key_is_without_a_description() {
    let mut empty = Vec::new();
    descriptions(&json_schema(), "", &mut empty);
    assert_eq!(empty, Vec::<String>::new());
}

#[test]
fn every_reference_of_the_schema_leads_somewhere() {
    let schema = json_schema();
    let text = json_schema_text();
    let references = text
        .split("\"#/$defs/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    for name in references {
        assert!(schema["$defs"][name].is_object(), "{name}");
    }
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(
        schema["properties"]["defaults"]["properties"]["vms"]["additionalProperties"],
        false
    );
    assert!(schema["$defs"]["HostSpec"]["properties"]["profile"].is_object());
}
