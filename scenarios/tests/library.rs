//! Every scenario of the library is read without a fault, and has only keys that the schema knows.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use twinrack_scenario::Trace;
use twinrack_scenario::fault::SourceId;
use twinrack_scenario::read::{Lookup, LookupError, read};
use twinrack_scenario::schema::json_schema;
use twinrack_scenario::yaml::{Node, Value, parse};

const FOLDERS: [&str; 4] = ["deck", "planning", "lab", "validation"];
/// Two rows of a day at five minutes: what the planning scenarios read in place of a published trace.
const SAMPLES: usize = 288;

struct SmallTrace;

impl Lookup for SmallTrace {
    fn trace(&self, _: &str) -> Result<Vec<u8>, LookupError> {
        let sample = |at: usize| u8::try_from(at * 3 % 101).expect("below 101");
        let trace = Trace {
            names: vec!["a".to_owned(), "b".to_owned()],
            samples: (0..2 * SAMPLES).map(sample).collect(),
            row_length: SAMPLES,
        };
        Ok(trace.to_csv().into_bytes())
    }
}

fn scenarios() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = FOLDERS
        .iter()
        .filter_map(|folder| std::fs::read_dir(root.join(folder)).ok())
        .flatten()
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    files
}

fn profiles() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let mut files: Vec<PathBuf> = ["hosts", "guests"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).expect("the folder is there"))
        .map(|entry| entry.expect("readable").path())
        .collect();
    files.sort();
    files
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("readable")
}

#[test]
fn every_scenario_of_the_library_is_read() {
    let mut wrong = String::new();
    for path in scenarios() {
        if let Err(rejected) = read(&path.display().to_string(), &text(&path), &SmallTrace, &[]) {
            wrong += &rejected.to_string();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_profile_of_the_library_makes_a_host_or_a_guest() {
    let mut wrong = String::new();
    for path in profiles() {
        let name = path.file_stem().expect("a name").to_string_lossy();
        let host = path.parent().is_some_and(|folder| folder.ends_with("hosts"));
        let items = if host {
            format!("hosts: [{{name: n1, profile: {name}}}]")
        } else {
            format!("hosts: [{{name: n1, memory: 1TiB}}]\nvms: [{{name: v1, profile: {name}}}]")
        };
        let scenario = format!("name: {name}\nduration: 1min\n{items}\n");
        if let Err(rejected) = read(&path.display().to_string(), &scenario, &SmallTrace, &[]) {
            wrong += &rejected.to_string();
        }
        if !text(&path).contains("source:") {
            wrong.push_str(&name);
            wrong.push_str(" does not name its source\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Follows a value through the schema: every key must be one that the schema has at that place.
fn walk(node: &Node, schema: &Json, defs: &Json, path: &str, wrong: &mut Vec<String>) {
    let schema = resolved(schema, defs);
    match &node.value {
        Value::Scalar { .. } => {}
        Value::List(items) => {
            for item in items {
                walk(item, &schema["items"], defs, &format!("{path}[]"), wrong);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                let path = format!("{path}.{}", entry.key);
                match property(schema, &entry.key, defs) {
                    Some(below) => walk(&entry.value, below, defs, &path, wrong),
                    None => wrong.push(path),
                }
            }
        }
    }
}

fn resolved<'a>(schema: &'a Json, defs: &'a Json) -> &'a Json {
    match schema["$ref"].as_str() {
        Some(name) => &defs[name.trim_start_matches("#/$defs/")],
        None => schema,
    }
}

fn property<'a>(schema: &'a Json, key: &str, defs: &'a Json) -> Option<&'a Json> {
    let schema = resolved(schema, defs);
    if let Some(found) = schema["properties"].get(key) {
        return Some(found);
    }
    let choices = schema["anyOf"].as_array()?;
    choices.iter().find_map(|choice| property(choice, key, defs))
}

#[test]
fn the_schema_knows_every_key_that_the_library_uses() {
    let schema = json_schema();
    let mut wrong = Vec::new();
    for path in scenarios() {
        let (node, _) = parse(&text(&path), SourceId(0)).expect("valid YAML");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        walk(&node, &schema, &schema["$defs"], &name, &mut wrong);
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The README counts the profiles.
#[test]
fn the_readme_counts_the_profiles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let count = |kind: &str| {
        profiles()
            .iter()
            .filter(|path| path.starts_with(root.join("profiles").join(kind)))
            .count()
    };
    let sentence = format!("{} host and {} guest profiles", count("hosts"), count("guests"));
    assert!(text(&root.join("../README.md")).contains(&sentence), "{sentence}");
}

/// A host without idle states or without a curve says why.
#[test]
fn what_a_profile_lacks_it_says() {
    for path in profiles()
        .iter()
        .filter(|path| path.parent().is_some_and(|folder| folder.ends_with("hosts")))
    {
        let text = text(path);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let told = |key: &str, words_for_it: &str| text.contains(key) || words.contains(words_for_it);
        assert!(
            told("c_states:", "No idle states: "),
            "{} lacks idle states",
            path.display()
        );
        assert!(told("curve: [", "no curve"), "{} lacks a curve", path.display());
    }
}
